"""The worker: a thread per courier and daily job; changes of many passes; housekeeping. Any number
of processes on any hosts: whatever happens to one of them, nothing is lost.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic, sleep
from typing import Protocol

import structlog

from passes.services import (
    fanout,
    google_saves,
    google_sync,
    idempotency,
    phone_logs,
    phones,
    place_sets,
)
from passes.store import claims
from passes.store.database import Database
from webhooks.relocating import Mover
from webhooks.rounds import Counted
from webhooks.terms import Clock, Terms

_IDLE_S = 0.05
_FAN_OUT_IDLE_S = 0.2
_GLANCE_S = 0.05
_BREATH_S = 0.15  # between two batches of long work, for stamps that wait for SQLite's one lock
_TROUBLE_S = 1.0
_HOUSEKEEPING_S = 60.0
_DAY_S, _HOUR_S = 86_400.0, 3_600.0

log = structlog.get_logger()


class Flag:
    """Raised by a signal handler, waited for by threads.

    Not a threading.Event: a handler that sets one while the same thread is inside its `wait` can
    wait for its own lock for ever.
    """

    def __init__(self) -> None:
        self._raised = False

    def is_set(self) -> bool:
        return self._raised

    def set(self) -> None:
        self._raised = True

    def wait(self, seconds: float) -> None:
        """Until it is raised, or for so many seconds."""
        end = monotonic() + seconds
        while not self._raised and (left := end - monotonic()) > 0:
            sleep(min(left, _GLANCE_S))


class Round(Protocol):
    """What the worker needs of a courier's rounds."""

    @property
    def name(self) -> str: ...

    def step(self) -> Counted | None: ...

    def close(self) -> None: ...


# Begins at once and is repeated every day; False: it did not succeed, again in an hour. It is told
# how to ask whether it should end early.
DailyJob = Callable[[Callable[[], bool]], bool]


@dataclass(slots=True)
class Worker:
    """All couriers of a process, until it is told to stop."""

    database: Database
    rounds: Sequence[Round]
    now: Clock
    terms: Terms
    daily: Sequence[DailyJob] = ()
    stopping: Flag = field(default_factory=Flag)
    _mover: Mover = field(init=False)

    def __post_init__(self) -> None:
        self._mover = Mover(self.database)

    def run(self) -> None:
        """Works until `stop`; what was begun is finished."""
        threads = [
            threading.Thread(target=self._loop, args=(one,), name=one.name) for one in self.rounds
        ]
        daily = (self._tidy, *self.daily)
        threads += [threading.Thread(target=self._repeat, args=(job,)) for job in daily]
        for thread in threads:
            thread.start()
        next_cleaning = monotonic()
        while not self.stopping.is_set():
            if monotonic() >= next_cleaning:
                self._attempt(self._clean)
                next_cleaning = monotonic() + _HOUSEKEEPING_S
            worked = [self._attempt(step) for step in (self._fan_out, self._relocate)]
            self.stopping.wait(_BREATH_S if any(worked) else _FAN_OUT_IDLE_S)
        for thread in threads:
            thread.join()

    def stop(self) -> None:
        self.stopping.set()

    def _loop(self, one: Round) -> None:
        while not self.stopping.is_set():
            counted = self._attempt(one.step)
            if not isinstance(counted, Counted):
                self.stopping.wait(_IDLE_S)
            elif outcomes := counted.outcomes():
                log.info("told", courier=one.name, **outcomes)
        self._attempt(one.close)

    def _repeat(self, job: DailyJob) -> None:
        while not self.stopping.is_set():
            done = self._attempt(lambda: job(self.stopping.is_set))
            self.stopping.wait(_DAY_S if done else _HOUR_S)

    def _attempt(self, step: Callable[[], object]) -> object:
        """One step, falsy after trouble: a database that does not answer is waited for.

        A thread that ended here would leave a worker that looks alive and tells nobody.
        """
        try:
            return step()
        except Exception as error:  # noqa: BLE001  # whatever it is, the next step may succeed
            # Only the error's name: its text might quote a row.
            log.error("worker in trouble", error=type(error).__name__)  # noqa: TRY400
            self.stopping.wait(_TROUBLE_S)
            return None

    def _fan_out(self) -> bool:
        with self.database.reading() as session:
            if not fanout.is_work_left(session):
                return False
        try:
            with self.database.writing() as session:
                return fanout.work_one_batch(session, self.now()) is not None
        except Exception:
            with self.database.writing() as session:
                fanout.put_last(session, self.now())
            raise

    def _relocate(self) -> bool:
        return self._mover.work_one_batch(self.now()) is not None

    def _tidy(self, _: Callable[[], bool]) -> bool:
        now = self.now()
        with self.database.writing() as session:
            phones.forget_idle_devices(session, now)
        with self.database.reading() as session:
            unused = place_sets.unused_sets(session, now)
        for start in range(0, len(unused), fanout.BATCH):
            with self.database.writing() as session:
                place_sets.forget_sets(session, unused[start : start + fanout.BATCH], now)
        return True

    def _clean(self) -> None:
        now, terms = self.now(), self.terms
        with self.database.writing() as session:
            claims.heal_clock_step(session, now, terms.lease, terms.longest_wait)
            idempotency.forget_old(session, now)
            phone_logs.forget_old_logs(session, now)
            google_saves.forget_old_nonces(session, now)
            google_sync.forget_old_notices(session, now)
