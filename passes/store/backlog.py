"""How much of the outbox waits, and how much of it for too long: for people and their alarms."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from passes.store.outbox import WAITING
from passes.store.tables import Delivery


@dataclass(frozen=True, slots=True)
class Depth:
    """How much waits for one courier; `oldest` is None when nothing waits."""

    courier: str
    state: str
    rows: int
    oldest: datetime | None


def depths(session: Session) -> list[Depth]:
    """What waits and what gave up, by courier."""
    rows = session.execute(
        select(
            Delivery.courier, Delivery.state, func.count(), func.min(Delivery.waiting_since)
        ).group_by(Delivery.courier, Delivery.state)
    )
    return [Depth(*row) for row in rows]


def overdue(session: Session, since: datetime, now: datetime) -> list[Depth]:
    """What has waited for longer than since then, by courier.

    Without what was sent back until a later time: it waits for a phone's push budget, or its queue
    stands still.
    """
    rows = session.execute(
        select(Delivery.courier, Delivery.state, func.count(), func.min(Delivery.waiting_since))
        .where(
            Delivery.state == WAITING,
            Delivery.waiting_since < since,
            or_(Delivery.attempts > 0, Delivery.due_at <= now),
        )
        .group_by(Delivery.courier, Delivery.state)
    )
    return [Depth(*row) for row in rows]
