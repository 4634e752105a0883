"""Desks stand between outbox and couriers: they make notices of rows and book what became of them.

One desk per courier, the same shape each, so that the worker knows no provider.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, Protocol, TypeVar

from sqlalchemy import case, exists, or_, select, update
from sqlalchemy.orm import Session

from passes.services.phones import forget_device
from passes.store import outbox
from passes.store.claims import Claimed, Retry
from passes.store.tables import Delivery, Device, Registration
from webhooks.couriers.apns import Push
from webhooks.couriers.outcomes import Gone, Outcome


class Notice(Protocol):
    """Something a courier can tell; `row` is the outbox row it stands for."""

    @property
    def row(self) -> int: ...


N = TypeVar("N", bound=Notice)


class Courier(Protocol[N]):
    """Speaks one provider's protocol; every notice gets one outcome, when its answer arrives."""

    def deliver(self, notices: Sequence[N], /) -> Iterator[tuple[N, Outcome]]:
        """Outcomes of these notices and of earlier ones, each with the object that was given."""

    @property
    def under_way(self) -> bool:
        """Whether outcomes are still to come, with a later call."""

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Prepared(Generic[N]):
    """What becomes of claimed rows before anybody is told.

    `too_early` wait for somebody else, `unready` for what the desk itself has to make first.
    """

    notices: tuple[N, ...]
    pointless: tuple[int, ...]
    too_early: tuple[Retry, ...]
    unready: tuple[Retry, ...] = ()


class Desk(Protocol[N]):
    """`name` is the courier's name in the outbox."""

    name: str
    courier: Courier[N]

    def prepare(self, session: Session, rows: Sequence[Claimed], now: datetime) -> Prepared[N]:
        """The notices for these rows."""

    def make_missing(self) -> None:
        """Makes what rows were not ready for, outside any transaction; may take seconds."""

    def book(
        self, session: Session, told: Sequence[N], lost: Sequence[tuple[N, str]], now: datetime
    ) -> None:
        """What else is to be written down: notices were taken, others given up, and why."""

    def book_gone(self, session: Session, notice: N, gone: Gone, now: datetime) -> bool:
        """The target is gone: True when it is forgotten, False when it was renewed meanwhile."""


_CARRIES_A_PASS = exists().where(Registration.device_id == Device.id)


class AppleDesk:
    """Pushes to phones.

    Changes of many passes keep to a budget per phone and pass type, because phones ration updates
    and in the end switch them off; a stamp at the till always goes.
    """

    name = outbox.APNS

    def __init__(self, courier: Courier[Push], budget: int, window: timedelta) -> None:
        self.courier = courier
        self._budget = budget
        self._window = window

    def prepare(self, session: Session, rows: Sequence[Claimed], now: datetime) -> Prepared[Push]:
        wanted = {row.target for row in rows}
        phones = {
            phone.id: phone
            for phone in session.execute(
                select(
                    Device.id,
                    Device.push_token,
                    Device.pass_type_identifier,
                    Device.budget_from,
                    Device.budget_used,
                ).where(Device.id.in_(wanted), _CARRIES_A_PASS)
            )
        }
        notices, too_early = [], []
        for row in rows:
            phone = phones.get(row.target)
            if phone is None:
                continue
            free = self._budget_is_free(row, phone.budget_from, phone.budget_used, now)
            if free is None:
                notices.append(Push(row.id, phone.push_token, phone.pass_type_identifier))
            else:
                too_early.append(Retry(row.id, free, "waits for the phone's push budget"))
        pointless = tuple(row.id for row in rows if row.target not in phones)
        return Prepared(tuple(notices), pointless, tuple(too_early))

    def make_missing(self) -> None:
        """An empty push needs nothing."""

    def book(
        self,
        session: Session,
        told: Sequence[Push],
        lost: Sequence[tuple[Push, str]],  # noqa: ARG002  # seen in the outbox; nothing else knows
        now: datetime,
    ) -> None:
        over = or_(Device.budget_from.is_(None), Device.budget_from <= now - self._window)
        rows = [notice.row for notice in told]
        targets = select(Delivery.target).where(Delivery.id.in_(rows))
        session.execute(
            update(Device)
            .where(Device.id.in_(targets))
            .values(
                pushed_at=now,
                budget_from=case((over, now), else_=Device.budget_from),
                budget_used=case((over, 1), else_=Device.budget_used + 1),
            )
            .execution_options(synchronize_session=False)
        )

    def book_gone(self, session: Session, notice: Push, gone: Gone, now: datetime) -> bool:
        device = session.scalar(select(Delivery.target).where(Delivery.id == notice.row))
        return device is None or forget_device(session, device, notice.token, gone.since, now)

    def _budget_is_free(
        self, row: Claimed, since: datetime | None, used: int, now: datetime
    ) -> datetime | None:
        """None when the row may go now, else when it may."""
        if row.priority < outbox.FAN_OUT or since is None or used < self._budget:
            return None
        end = since + self._window
        return end if now < end <= now + self._window else None
