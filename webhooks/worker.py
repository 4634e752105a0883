"""The worker: claim a few rows, tell the outside, settle. One thread per courier, any number of
processes on any hosts; whatever happens to one of them, nothing is lost."""

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic
from typing import Generic, Protocol

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from passes.services import idempotency, phones
from passes.services.fanout import is_work_left, work_one_batch
from passes.store import outbox
from passes.store.database import Database
from passes.store.ids import new_id
from passes.store.outbox import Claimed, Retry
from webhooks.couriers.outcomes import Delivered, Gone, Halted, Later, Outcome, Refused
from webhooks.desks import Desk, N
from webhooks.retry import wait_s

PAUSE = timedelta(minutes=5)  # after a refused certificate: then one batch tries again
MAX_ATTEMPTS = 200  # at the longest back-off more than a day
_SETTLE_EVERY = 250  # outcomes, so that a crash repeats few pushes
_IDLE_S = 0.05
_HOUSEKEEPING_S = 3600.0

log = structlog.get_logger()


class Clock(Protocol):
    """Aware UTC."""

    def __call__(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class Terms:
    """How a worker works: rows per claim, lease and longest back-off."""

    batch: int = 500
    lease: timedelta = timedelta(seconds=60)
    retry_cap: timedelta = timedelta(minutes=15)

    @property
    def horizon(self) -> timedelta:
        """The longest wait we ever order; a later date stems from a clock that was set back."""
        return max(self.lease, self.retry_cap * 2, timedelta(hours=26))


@dataclass(slots=True)
class Counted:
    """Outcomes of one batch, for the log and for tests."""

    delivered: int = 0
    gone: int = 0
    later: int = 0
    refused: int = 0
    halted: int = 0

    @property
    def total(self) -> int:
        return self.delivered + self.gone + self.later + self.refused + self.halted


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
        now = self.now()
        with self.database.reading() as session:
            if not outbox.is_anything_due(session, self.desk.name, now, self.terms.horizon):
                return None
        owner = new_id("own")
        with self.database.writing() as session:
            rows = outbox.claim(
                session,
                self.desk.name,
                owner,
                self.terms.batch,
                now,
                self.terms.lease,
                self.terms.horizon,
            )
            prepared = self.desk.prepare(session, rows, now)
            outbox.drop(session, owner, prepared.pointless)
            outbox.postpone(session, owner, prepared.too_early)
        if not rows:
            return None
        return self._tell(owner, {row.id: row for row in rows}, prepared.notices)

    def _tell(self, owner: str, rows: dict[int, Claimed], notices: Sequence[N]) -> Counted:
        counted = Counted()
        arrived: list[tuple[N, Outcome]] = []
        for notice, outcome in self._guarded(notices):
            arrived.append((notice, outcome))
            if len(arrived) >= _SETTLE_EVERY:
                self._settle(owner, rows, arrived, counted)
                arrived = []
        if arrived:
            self._settle(owner, rows, arrived, counted)
        return counted

    def _guarded(self, notices: Sequence[N]) -> Iterator[tuple[N, Outcome]]:
        """The courier's outcomes; a notice that breaks it is tried alone and cannot stop others."""
        left = {notice.row: notice for notice in notices}
        try:
            for notice, outcome in self.desk.courier.deliver(notices):
                left.pop(notice.row, None)
                yield notice, outcome
        except Exception as error:  # noqa: BLE001  # whatever it is, the other rows go on
            # Only the error's name: its text might quote what was sent.
            log.error("courier broke", courier=self.desk.name, error=type(error).__name__)  # noqa: TRY400
            if len(notices) == 1:
                yield notices[0], Later(f"the courier broke: {type(error).__name__}")
                return
        for notice in left.values():
            yield from self._guarded([notice])

    def _settle(
        self,
        owner: str,
        rows: dict[int, Claimed],
        arrived: Sequence[tuple[N, Outcome]],
        counted: Counted,
    ) -> None:
        now = self.now()
        with self.database.writing() as session:
            delivered = [notice for notice, outcome in arrived if isinstance(outcome, Delivered)]
            if delivered:
                self.desk.book_delivered(session, delivered, now)
                outbox.settle(session, owner, [notice.row for notice in delivered], now)
                outbox.resume(session, self.desk.name, {rows[n.row].queue for n in delivered})
            counted.delivered += len(delivered)
            for notice, outcome in arrived:
                self._book(session, owner, rows[notice.row], notice, outcome, counted, now)

    def _book(
        self,
        session: Session,
        owner: str,
        row: Claimed,
        notice: N,
        outcome: Outcome,
        counted: Counted,
        now: datetime,
    ) -> None:
        match outcome:
            case Delivered():
                return
            case Gone(why=why):
                counted.gone += 1
                if self.desk.book_gone(session, notice, outcome, now):
                    outbox.drop(session, owner, [row.id])
                else:
                    outbox.postpone(session, owner, [Retry(row.id, now, why)])
            case Later(why=why) if row.attempts >= MAX_ATTEMPTS:
                counted.refused += 1
                outbox.give_up(session, owner, row.id, why)
            case Later(why=why, after_s=after_s):
                counted.later += 1
                cap = self.terms.retry_cap.total_seconds()
                wait = timedelta(seconds=wait_s(row.attempts, after_s, cap, self.uniform))
                outbox.postpone(session, owner, [Retry(row.id, now + wait, why)])
            case Refused(why=why):
                counted.refused += 1
                log.error("delivery refused", courier=self.desk.name, row=row.id, why=why)
                outbox.give_up(session, owner, row.id, why)
            case Halted(why=why):
                if counted.halted == 0:
                    log.error("queue halted", courier=self.desk.name, queue=row.queue, why=why)
                counted.halted += 1
                outbox.pause(session, self.desk.name, row.queue, why, now, now + PAUSE)
                outbox.release(session, owner, [row.id], why)


class Round(Protocol):
    """What the worker needs of a courier's rounds."""

    @property
    def name(self) -> str: ...

    def step(self) -> Counted | None: ...

    def close(self) -> None: ...


@dataclass(slots=True)
class Worker:
    """All couriers of a process, the fan-outs and the housekeeping, until it is told to stop."""

    database: Database
    rounds: Sequence[Round]
    now: Clock
    stopping: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Works until `stop`; what was begun is finished."""
        threads = [
            threading.Thread(target=self._loop, args=(one.step,), name=one.name)
            for one in self.rounds
        ]
        for thread in threads:
            thread.start()
        next_cleaning = monotonic()
        while not self.stopping.is_set():
            if monotonic() >= next_cleaning:
                self._attempt(self._clean)
                next_cleaning = monotonic() + _HOUSEKEEPING_S
            if not self._attempt(self._fan_out):
                self.stopping.wait(_IDLE_S * 4)
        for thread in threads:
            thread.join()
        for one in self.rounds:
            one.close()

    def stop(self) -> None:
        self.stopping.set()

    def _loop(self, step: Callable[[], object]) -> None:
        while not self.stopping.is_set():
            if not self._attempt(step):
                self.stopping.wait(_IDLE_S)

    def _attempt(self, step: Callable[[], object]) -> object:
        """One step; a database that does not answer is waited for."""
        try:
            return step()
        except DBAPIError as error:
            log.error("database trouble", error=type(error).__name__)  # noqa: TRY400  # as above
            self.stopping.wait(1.0)
            return None

    def _fan_out(self) -> bool:
        with self.database.reading() as session:
            if not is_work_left(session):
                return False
        with self.database.writing() as session:
            return work_one_batch(session, self.now()) is not None

    def _clean(self) -> None:
        with self.database.writing() as session:
            idempotency.forget_old(session, self.now())
            phones.forget_old_logs(session, self.now())
