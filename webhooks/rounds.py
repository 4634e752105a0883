"""One courier's rounds: claim a few rows, tell the outside, settle what arrived.

Not for: how many couriers work side by side and when they stop (see worker).
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Generic, Protocol

import structlog
from sqlalchemy.orm import Session

from passes.store import outbox
from passes.store.database import Database
from passes.store.ids import new_id
from passes.store.outbox import Claimed, Retry
from webhooks import figures
from webhooks.couriers.outcomes import Delivered, Gone, Halted, Later, Outcome, Refused
from webhooks.desks import Desk, N
from webhooks.retry import LONGEST_ASK_S, wait_s

PAUSE = timedelta(minutes=5)  # after a refused certificate: then one batch tries again
GIVE_UP_AFTER = timedelta(days=7)  # whatever the outage; APNs itself keeps pushes no longer
_SETTLE_EVERY = 250  # outcomes, so that a crash repeats few pushes

log = structlog.get_logger()


class Clock(Protocol):
    """Aware UTC."""

    def __call__(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class Terms:
    """How rounds are made: rows per claim, lease and longest back-off.

    A batch is finished before the next one begins: what it takes to tell it is what a stamp at the
    till may have to wait, and it has to be far shorter than the lease. `doubt` is how long the
    provider may yet obey what it did not answer; None where that does no harm.
    """

    batch: int = 500
    lease: timedelta = timedelta(seconds=60)
    retry_cap: timedelta = timedelta(minutes=15)
    doubt: timedelta | None = None

    @property
    def longest_wait(self) -> timedelta:
        """What we ever order; a later moment stems from a clock that was set back."""
        return timedelta(seconds=LONGEST_ASK_S) + 2 * self.retry_cap


@dataclass(slots=True)
class Booking:
    """What the outcomes of a batch mean for its rows."""

    told: list[Claimed] = field(default_factory=list)
    gone: list[Claimed] = field(default_factory=list)
    retries: list[Retry] = field(default_factory=list)
    lost: list[tuple[Claimed, str]] = field(default_factory=list)
    halted: list[tuple[Claimed, str]] = field(default_factory=list)


@dataclass(slots=True)
class Counted:
    """Outcomes of one batch, for figures, log and tests."""

    delivered: int = 0
    gone: int = 0
    later: int = 0
    refused: int = 0
    halted: int = 0

    def add(self, booking: Booking) -> None:
        self.delivered += len(booking.told)
        self.gone += len(booking.gone)
        self.later += len(booking.retries)
        self.refused += len(booking.lost)
        self.halted += len(booking.halted)

    def outcomes(self) -> dict[str, int]:
        """By name, those that occurred."""
        return {name: number for name, number in asdict(self).items() if number}


class Rounds(Generic[N]):
    """One courier's work, step by step; `uniform` draws the spread of the back-off."""

    def __init__(
        self,
        database: Database,
        desk: Desk[N],
        now: Clock,
        terms: Terms,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self.database = database
        self.desk = desk
        self.now = now
        self.terms = terms
        self.uniform = uniform

    @property
    def name(self) -> str:
        return self.desk.name

    def close(self) -> None:
        self.desk.courier.close()

    def step(self) -> Counted | None:
        """Claims, tells and settles one batch; None when nothing was due."""
        now, terms = self.now(), self.terms
        with self.database.reading() as session:
            if not outbox.is_anything_due(session, self.name, now):
                return None
        owner = new_id("own")
        with self.database.writing() as session:
            rows = outbox.claim(
                session, self.name, owner, terms.batch, now, terms.lease, terms.doubt
            )
            prepared = self.desk.prepare(session, rows, now)
            outbox.drop(session, owner, prepared.pointless)
            outbox.send_back(session, owner, prepared.too_early)
        if not rows:
            return None
        return self._tell(owner, {row.id: row for row in rows}, prepared.notices)

    def _tell(self, owner: str, rows: dict[int, Claimed], notices: Sequence[N]) -> Counted:
        counted = Counted()
        arrived: list[tuple[N, Outcome]] = []
        for pair in self._guarded(notices):
            arrived.append(pair)
            if len(arrived) >= _SETTLE_EVERY:
                counted.add(self._settle(owner, rows, arrived))
                arrived = []
        if arrived:
            counted.add(self._settle(owner, rows, arrived))
        for outcome, number in counted.outcomes().items():
            figures.count(self.name, outcome, number)
        return counted

    def _guarded(self, notices: Sequence[N]) -> Iterator[tuple[N, Outcome]]:
        """The courier's outcomes; a notice that breaks it is tried alone and cannot stop others."""
        left = {notice.row: notice for notice in notices}
        trouble = "the courier told no outcome"
        try:
            for notice, outcome in self.desk.courier.deliver(notices):
                left.pop(notice.row, None)
                yield notice, outcome
        except Exception as error:  # noqa: BLE001  # whatever it is, the other rows go on
            # Only the error's name: its text might quote what was sent.
            trouble = f"the courier broke: {type(error).__name__}"
            log.error("courier broke", courier=self.name, error=type(error).__name__)  # noqa: TRY400
        for notice in left.values():
            if len(notices) == 1:
                yield notice, Later(trouble, in_doubt=True)
            else:
                yield from self._guarded([notice])

    def _settle(
        self, owner: str, rows: dict[int, Claimed], arrived: Sequence[tuple[N, Outcome]]
    ) -> Booking:
        """Books what arrived: targets first, then their rows, in the order of a registration."""
        now = self.now()
        with self.database.writing() as session:
            told = [notice for notice, outcome in arrived if isinstance(outcome, Delivered)]
            self.desk.book_delivered(session, told, now)
            booking = self._sort(session, rows, arrived, now)
            outbox.lock(session, owner, [notice.row for notice, _ in arrived])
            self._write(session, owner, booking, now)
        for row in booking.told:
            figures.observe_lag(self.name, (now - row.waiting_since).total_seconds())
        return booking

    def _sort(
        self,
        session: Session,
        rows: dict[int, Claimed],
        arrived: Sequence[tuple[N, Outcome]],
        now: datetime,
    ) -> Booking:
        """What each outcome means; targets that are gone are forgotten here."""
        booking = Booking()
        for notice, outcome in arrived:
            row = rows[notice.row]
            match outcome:
                case Delivered():
                    booking.told.append(row)
                case Gone() if self.desk.book_gone(session, notice, outcome, now):
                    booking.gone.append(row)
                case Gone(why=why) | Later(why=why) if now - row.waiting_since > GIVE_UP_AFTER:
                    self.desk.book_lost(session, notice, why)
                    booking.lost.append((row, why))
                case Gone(why=why):  # renewed meanwhile
                    booking.retries.append(self._retry(row, why, None, now))
                case Later(why=why, after_s=after_s, in_doubt=in_doubt):
                    retry = self._retry(row, why, after_s, now)
                    booking.retries.append(self._doubted(retry, now) if in_doubt else retry)
                case Refused(why=why):
                    self.desk.book_lost(session, notice, why)
                    booking.lost.append((row, why))
                case Halted(why=why):
                    booking.halted.append((row, why))
        return booking

    def _retry(self, row: Claimed, why: str, after_s: float | None, now: datetime) -> Retry:
        cap_s = self.terms.retry_cap.total_seconds()
        wait = timedelta(seconds=wait_s(row.attempts, after_s, cap_s, self.uniform))
        return Retry(row.id, now + wait, why, held=after_s is not None)

    def _doubted(self, retry: Retry, now: datetime) -> Retry:
        doubt = self.terms.doubt
        return retry if doubt is None else replace(retry, doubt_until=now + doubt)

    def _write(self, session: Session, owner: str, booking: Booking, now: datetime) -> None:
        if booking.told:
            outbox.settle(session, owner, [row.id for row in booking.told], now)
            outbox.resume(session, self.name, {row.queue for row in booking.told})
        if booking.gone:
            outbox.drop(session, owner, [row.id for row in booking.gone])
        outbox.postpone(session, owner, booking.retries)
        for row, why in booking.lost:
            log.error("delivery given up", courier=self.name, row=row.id, why=why)
            outbox.give_up(session, owner, row.id, why)
        halted: dict[tuple[str, str], list[int]] = {}
        for row, why in booking.halted:
            halted.setdefault((row.queue, why), []).append(row.id)
        for (queue, why), ids in halted.items():
            log.error("queue halted", courier=self.name, queue=queue, why=why)
            outbox.pause(session, self.name, queue, why, now, now + PAUSE)
            outbox.release(session, owner, ids, why)
