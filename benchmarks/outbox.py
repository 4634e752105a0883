"""From a stamp to a settled line of the outbox, and what phones ask, on both databases.

Run: python -m benchmarks.outbox
"""

import multiprocessing
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier

from sqlalchemy import delete, select

from benchmarks import answers
from benchmarks.databases import postgresql, sqlite, url_of
from benchmarks.rounds import Row, report
from benchmarks.scale import fill
from passes.services import counter, till
from passes.store import outbox
from passes.store.database import Database
from passes.store.tables import Delivery, Device, Member
from webhooks.couriers.apns import Push
from webhooks.couriers.outcomes import Delivered, Outcome
from webhooks.desks import AppleDesk
from webhooks.rounds import Rounds
from webhooks.terms import Terms
from webhooks.worker import Worker

PHONES = 100_000
SETTLED = 20_000  # per round of settling
ROUNDS = 3
STAMPS_PER_S, SECONDS = 50, 6.0


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class NoCourier:
    """Takes everything at once, and remembers when."""

    taken: list[tuple[str, float]] = field(default_factory=list)
    under_way: bool = False

    def deliver(self, pushes: Sequence[Push], /) -> Iterator[tuple[Push, Outcome]]:
        moment = time.perf_counter()
        for push in pushes:
            self.taken.append((push.token, moment))
            yield push, Delivered()

    def close(self) -> None:
        """It holds nothing open."""


def rounds_of(database: Database, courier: NoCourier) -> Rounds[Push]:
    return Rounds(database, AppleDesk(courier, 4, timedelta(hours=1)), now, Terms())


# --- the outbox by itself -------------------------------------------------------------------------


def enqueued_s(database: Database, phones: int) -> float:
    """Seconds for one statement that tells so many phones."""
    start = time.perf_counter()
    with database.writing() as session:
        some = select(Device.id, Device.pass_type_identifier).order_by(Device.id).limit(phones)
        assert outbox.enqueue(session, outbox.APNS, some, outbox.AT_THE_TILL, now()) == phones
    return time.perf_counter() - start


def settle_all(url: str, ready: Barrier, results: "Queue[tuple[float, float]]") -> None:
    """A worker process that settles what there is."""
    database = Database(url)
    rounds = rounds_of(database, NoCourier())
    rounds.step()  # connections and statements are warm
    ready.wait()
    start = time.perf_counter()
    while rounds.step():
        pass
    results.put((start, time.perf_counter()))
    database.dispose()


def settled_per_s(database: Database, workers: int) -> float:
    """Rows per second from claim to settled, with so many worker processes."""
    enqueued_s(database, SETTLED)
    spawning = multiprocessing.get_context("spawn")
    ready, results = spawning.Barrier(workers), spawning.Queue()
    url = url_of(database.engine.url)
    processes = [
        spawning.Process(target=settle_all, args=(url, ready, results)) for _ in range(workers)
    ]
    for process in processes:
        process.start()
    spans = [results.get(timeout=120) for _ in processes]
    for process in processes:
        process.join()
    left: int = SETTLED - workers * Terms().batch
    return left / (max(end for _, end in spans) - min(start for start, _ in spans))


def handed_over_ms(database: Database) -> list[float]:
    """From a stamp's commit to its push at the courier, at so many stamps a second."""
    courier = NoCourier()
    worker = Worker(database, [rounds_of(database, courier)], now, Terms())
    thread = threading.Thread(target=worker.run)
    thread.start()
    committed = {}
    start = time.perf_counter()
    for number in range(int(STAMPS_PER_S * SECONDS)):
        time.sleep(max(0.0, start + number / STAMPS_PER_S - time.perf_counter()))
        with database.writing() as session:
            member = session.get_one(Member, f"mem_{number:09d}")
            at = till.present(session, member.merchant_id, member.id)
            counter.earn(session, at, 1, now())
        committed[f"aa{number:09d}"] = time.perf_counter()
    worker.stop()
    thread.join()
    rounds_of(database, courier).step()
    return sorted((moment - committed[token]) * 1000 for token, moment in courier.taken)


def outbox_rows(name: str, database: Database, workers: Sequence[int]) -> Iterator[Row]:
    yield Row(f"{name}, enqueue {PHONES:,}", PHONES / enqueued_s(database, PHONES), "per s")
    with database.writing() as session:
        session.execute(delete(Delivery))
    rates = {
        count: statistics.median(settled_per_s(database, count) for _ in range(ROUNDS))
        for count in workers
    }
    alone = f"{name}, settle, 1 worker"
    yield Row(alone, rates[1], "per s")
    for count in workers[1:]:
        ratio = rates[count] / rates[1]
        yield Row(f"{name}, settle, {count} workers", rates[count], "per s", alone, ratio)
    waits = handed_over_ms(database)
    yield Row(f"{name}, commit to push, median", statistics.median(waits), "ms")
    yield Row(f"{name}, commit to push, p99", waits[int(len(waits) * 0.99)], "ms")


def main() -> None:
    for name, databases, workers in (("SQLite", sqlite, [1]), ("PostgreSQL", postgresql, [1, 2])):
        with databases("outbox") as [database]:
            fill(database, PHONES)
            report(outbox_rows(name, database, workers))
            report(answers.till_rows(name, database))
            if name == "SQLite":
                report(answers.phone_rows(database))


if __name__ == "__main__":
    main()
