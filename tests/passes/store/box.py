"""An outbox, the phones it is about, and what a test does with both."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from passes.store import claims, outbox
from passes.store.claims import Claimed
from passes.store.database import Database
from passes.store.outbox import APNS, FAN_OUT
from passes.store.tables import Delivery, Device

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LEASE = timedelta(seconds=60)
QUEUE, OTHER_QUEUE = "pass.com.example.one", "pass.com.example.two"
PHONES = [f"dev_{number:03}" for number in range(40)]
A, B, C = PHONES[:3]


@dataclass(frozen=True)
class Box:
    """An outbox, and phones to tell."""

    database: Database

    def enqueue(self, *phones: str, priority: int = FAN_OUT, now: datetime = NOW) -> int:
        with self.database.writing() as session:
            return put(session, *phones, priority=priority, now=now)

    def claim(
        self, owner: str = "own_1", limit: int = 500, now: datetime = NOW, courier: str = APNS
    ) -> list[Claimed]:
        with self.database.writing() as session:
            return claims.claim(session, courier, owner, limit, now, LEASE)

    def is_due(self, now: datetime = NOW) -> bool:
        with self.database.reading() as session:
            return claims.is_anything_due(session, APNS, now)

    @property
    def rows(self) -> dict[str, Delivery]:
        """What is in the outbox now, by phone; the line of another courier is noise."""
        with self.database.reading() as session:
            rows = session.scalars(select(Delivery).where(Delivery.courier == APNS))
            return {row.target: row for row in rows}

    @contextmanager
    def writing(self) -> Iterator[Session]:
        with self.database.writing() as session:
            yield session


def put(session: Session, *phones: str, priority: int = FAN_OUT, now: datetime = NOW) -> int:
    chosen = select(Device.id, Device.pass_type_identifier).where(Device.id.in_(phones))
    return outbox.enqueue(session, APNS, chosen, priority, now)


def targets(rows: Sequence[Claimed]) -> list[str]:
    return [row.target for row in rows]
