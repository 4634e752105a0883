"""What became of notices: rows settled, put off, given up; queues that stand still."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Generic

import structlog
from sqlalchemy.orm import Session

from passes.store import claims, pauses
from passes.store.claims import Claimed, Retry
from passes.store.database import Database
from webhooks import figures
from webhooks.couriers.outcomes import Delivered, Gone, Halted, Later, Outcome, Refused, Slower
from webhooks.desks import Desk, N
from webhooks.retry import LONGEST_ASK_S, wait_s
from webhooks.terms import Clock, Terms

PAUSE = timedelta(minutes=5)  # after a refused certificate: then one batch tries again
FIRST_PAUSE = timedelta(seconds=5)  # after "slower"; then as long as the trouble has lasted
GIVE_UP_AFTER = timedelta(days=7)  # whatever the outage; APNs itself keeps pushes no longer
GIVE_UP_TRIES = 10  # so that nothing is given up for a week in which nobody tried

log = structlog.get_logger()


@dataclass(slots=True)
class Booking:
    """What the outcomes of a batch mean for its rows."""

    told: list[Claimed] = field(default_factory=list)
    gone: list[Claimed] = field(default_factory=list)
    retries: list[Retry] = field(default_factory=list)
    lost: list[tuple[Claimed, Refused]] = field(default_factory=list)
    halted: list[tuple[Claimed, str]] = field(default_factory=list)
    slowed: list[tuple[Claimed, Slower]] = field(default_factory=list)


class Books(Generic[N]):
    """The books of one courier; `uniform(a, b)` draws the spread of the waits."""

    def __init__(
        self,
        database: Database,
        desk: Desk[N],
        now: Clock,
        terms: Terms,
        uniform: Callable[[float, float], float],
    ) -> None:
        self._database = database
        self._desk = desk
        self._now = now
        self._terms = terms
        self._uniform = uniform

    def settle(self, owner: str, arrived: Sequence[tuple[Claimed, N, Outcome]]) -> Booking:
        """Books what arrived: targets first, then their rows, in the order of a registration."""
        now = self._now()
        with self._database.writing() as session:
            booking = self._sort(session, arrived, now)
            notices = {row.id: notice for row, notice, _ in arrived}
            told = [notices[row.id] for row in booking.told]
            lost = [(notices[row.id], str(refused)) for row, refused in booking.lost]
            self._desk.book(session, told, lost, now)
            claims.lock(session, owner, [row.id for row, _, _ in arrived])
            self._write(session, owner, booking, now)
        for row in booking.told:
            figures.observe_lag(self._desk.name, (now - row.waiting_since).total_seconds())
        return booking

    def _sort(
        self,
        session: Session,
        arrived: Sequence[tuple[Claimed, N, Outcome]],
        now: datetime,
    ) -> Booking:
        """What each outcome means; targets that are gone are forgotten here."""
        booking = Booking()
        for row, notice, outcome in arrived:
            match outcome:
                case Delivered():
                    booking.told.append(row)
                case Gone() if self._desk.book_gone(session, notice, outcome, now):
                    booking.gone.append(row)
                case Gone(why=why) | Later(why=why) if _is_hopeless(row, now):
                    booking.lost.append((row, Refused(why)))
                case Gone(why=why):  # renewed meanwhile
                    booking.retries.append(self._retry(row, why, None, now))
                case Slower():
                    booking.slowed.append((row, outcome))
                case Later(why=why, after_s=after_s, in_doubt=in_doubt):
                    retry = self._retry(row, why, after_s, now)
                    booking.retries.append(self._doubted(retry, now) if in_doubt else retry)
                case Refused():
                    booking.lost.append((row, outcome))
                case Halted(why=why):
                    booking.halted.append((row, why))
        return booking

    def _retry(self, row: Claimed, why: str, after_s: float | None, now: datetime) -> Retry:
        cap_s = self._terms.retry_cap.total_seconds()
        wait = timedelta(seconds=wait_s(row.attempts, after_s, cap_s, self._uniform))
        return Retry(row.id, now + wait, why, held=after_s is not None)

    def _doubted(self, retry: Retry, now: datetime) -> Retry:
        doubt = self._terms.doubt
        return retry if doubt is None else replace(retry, doubt_until=now + doubt)

    def _write(self, session: Session, owner: str, booking: Booking, now: datetime) -> None:
        if booking.told:
            claims.settle(session, owner, [row.id for row in booking.told], now)
            pauses.forget_over(session, self._desk.name, {row.queue for row in booking.told}, now)
        if booking.gone:
            claims.drop(session, owner, [row.id for row in booking.gone])
        claims.postpone(session, owner, booking.retries)
        for row, refused in booking.lost:
            log.error("delivery given up", courier=self._desk.name, row=row.id, why=refused.why)
            claims.give_up(session, owner, row.id, str(refused))
        self._pause(session, owner, booking, now)

    def _pause(self, session: Session, owner: str, booking: Booking, now: datetime) -> None:
        """Queues whose provider takes nothing now stand still; their rows count as not tried."""
        halted: dict[tuple[str, str], list[Claimed]] = {}
        for row, why in booking.halted:
            halted.setdefault((row.queue, why), []).append(row)
        for (queue, why), rows in sorted(halted.items()):  # in one order, against deadlocks
            log.error("queue halted", courier=self._desk.name, queue=queue, why=why)
            self._stand_still(session, owner, rows, why, now, now + PAUSE)
        slowed: dict[tuple[str, str], list[tuple[Claimed, Slower]]] = {}
        for row, slower in booking.slowed:
            slowed.setdefault((row.queue, slower.why), []).append((row, slower))
        for (queue, why), pairs in sorted(slowed.items(), key=lambda one: one[0]):
            log.warning("queue slowed", courier=self._desk.name, queue=queue, why=why)
            until = self._slow_until(session, queue, [slower for _, slower in pairs], now)
            self._stand_still(session, owner, [row for row, _ in pairs], why, now, until)

    def _stand_still(
        self,
        session: Session,
        owner: str,
        rows: Sequence[Claimed],
        why: str,
        now: datetime,
        until: datetime,
    ) -> None:
        pauses.pause(session, self._desk.name, rows[0].queue, why, now, until)
        claims.send_back(session, owner, [Retry(row.id, until, why) for row in rows])

    def _slow_until(
        self, session: Session, queue: str, slower: Sequence[Slower], now: datetime
    ) -> datetime:
        """As long as the provider asks, and at least as long as the trouble has lasted so far.

        So the pauses double. `uniform` keeps the workers from coming back at one moment.
        """
        since = pauses.trouble_since(session, self._desk.name, queue) or now
        ours = min(max(now - since, FIRST_PAUSE), self._terms.retry_cap)
        asked = timedelta(seconds=max(min(one.after_s or 0, LONGEST_ASK_S) for one in slower))
        spread = timedelta(seconds=self._uniform(0, ours.total_seconds()))
        return now + max(ours, asked) + spread


def _is_hopeless(row: Claimed, now: datetime) -> bool:
    return row.attempts >= GIVE_UP_TRIES and now - row.waiting_since > GIVE_UP_AFTER
