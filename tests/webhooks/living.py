"""A shop whose passes live in phones, and a courier that answers as a test tells it to."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, func, select

from passes.services import counter
from passes.services.till import present
from passes.store import outbox
from passes.store.database import Database
from passes.store.tables import (
    Delivery,
    Device,
    Event,
    FanOut,
    Member,
    Pass,
    QueuePause,
    Registration,
)
from tests.service import Clock, Door, Service
from webhooks.couriers.apns import Push
from webhooks.couriers.outcomes import Delivered, Outcome
from webhooks.desks import AppleDesk, Courier
from webhooks.rounds import Rounds
from webhooks.terms import Terms

BUDGET, WINDOW = 4, timedelta(hours=1)
SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Shop:
    """A program; phones are named by the tokens they told."""

    service: Service
    door: Door
    program: dict[str, Any]

    @classmethod
    def open(cls, service: Service, slug: str = "fern") -> "Shop":
        door = service.merchant(slug)
        return cls(service, door, service.program(door, logo=False, limits={"max_stamps": 30}))

    @property
    def database(self) -> Database:
        return self.service.parts.database

    @property
    def pass_type(self) -> str:
        return str(self.program["pass_type_identifier"])

    @property
    def clock(self) -> Clock:
        return self.service.clock

    def clear(self) -> None:
        """No phones, and nothing to tell."""
        with self.database.writing() as session:
            for table in (Delivery, QueuePause, FanOut, Registration, Device):
                session.execute(delete(table))

    def member(self, *tokens: str) -> dict[str, Any]:
        """A new member, whose card these phones carry."""
        member = self.service.member(self.door, self.program)
        for token in tokens:
            self.register(member, token)
        return member

    def register(self, member: dict[str, Any], token: str, phone: str | None = None) -> None:
        self.service.carry(member, phone or f"phone-{token}", token)

    def stamp(self, *members: dict[str, Any], stamps: int = 1) -> None:
        for member in members:
            with self.database.writing() as session:
                row = session.get_one(Member, member["id"])
                at = present(session, row.merchant_id, row.id)
                counter.earn(session, at, stamps, self.clock())

    def fan_out(self, *members: dict[str, Any]) -> None:
        """As a new look does: the same lines, less urgent."""
        with self.database.writing() as session:
            chosen = select(Registration.device_id, Pass.pass_type_identifier).join(
                Pass, Pass.id == Registration.pass_id
            )
            mine = chosen.where(Pass.member_id.in_([member["id"] for member in members]))
            outbox.enqueue(session, outbox.APNS, mine, outbox.FAN_OUT, self.clock())

    def rounds(self, courier: Courier[Push], **terms: Any) -> Rounds[Push]:
        """One worker's rounds; the back-off is always the longest it may be."""
        desk = AppleDesk(courier, BUDGET, WINDOW)
        return Rounds(self.database, desk, self.clock, Terms(**terms), uniform=lambda _, most: most)

    def rows(self) -> list[Delivery]:
        with self.database.reading() as session:
            return list(session.scalars(select(Delivery).order_by(Delivery.id)))

    def row(self) -> Delivery:
        [row] = self.rows()
        return row

    def devices(self) -> dict[str, Device]:
        """By push token."""
        with self.database.reading() as session:
            return {device.push_token: device for device in session.scalars(select(Device))}

    def registrations(self) -> int:
        with self.database.reading() as session:
            return session.scalar(select(func.count()).select_from(Registration)) or 0

    def events(self, kind: str) -> int:
        with self.database.reading() as session:
            mine = select(func.count()).select_from(Event).where(Event.type == kind)
            return session.scalar(mine) or 0


@dataclass
class ScriptedCourier:
    """Answers each push as `answer` says, and remembers all; what it raises breaks the batch."""

    answer: Callable[[Push], Outcome] = lambda _: Delivered()
    seen: list[str] = field(default_factory=list)
    topics: list[str] = field(default_factory=list)
    under_way: bool = False

    def deliver(self, pushes: Sequence[Push], /) -> Iterator[tuple[Push, Outcome]]:
        for push in pushes:
            self.seen.append(push.token)
            self.topics.append(push.topic)
            yield push, self.answer(push)

    def close(self) -> None:
        """It holds nothing open."""


def answering(**outcomes: Outcome) -> ScriptedCourier:
    """Some tokens have their own outcomes; the others are delivered."""
    return ScriptedCourier(lambda push: outcomes.get(push.token, Delivered()))


@dataclass
class HoldingCourier(ScriptedCourier):
    """Answers some pushes only when it is told to."""

    holds: Callable[[Push], bool] = lambda push: push.token == "aa"
    waiting: list[Push] = field(default_factory=list)

    def deliver(self, pushes: Sequence[Push], /) -> Iterator[tuple[Push, Outcome]]:
        self.waiting += pushes
        ready = [push for push in self.waiting if not self.holds(push)]
        self.waiting = [push for push in self.waiting if self.holds(push)]
        self.under_way = bool(self.waiting)
        yield from super().deliver(ready)
