"""Shops that follow customers: the choice for a member, one shop moved, all of them retexted.

Run: python -m benchmarks.places [PASSES]
"""

import multiprocessing
import random
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event

from sqlalchemy import delete, func, select, update

from benchmarks.databases import postgresql, sqlite, url_of
from benchmarks.rounds import Row, report
from benchmarks.scale import fill
from passes.loyalty.places import Point, chart
from passes.services import counter, relocations, till
from passes.services.place_sets import keep
from passes.services.placing import read_places
from passes.store.database import Database
from passes.store.tables import Delivery, Location, Member, Merchant, Pass, PlaceSet
from webhooks.relocating import Mover

PASSES = 100_000
SHOPS, CITIES = 200, 5
BREATH_S = 0.15  # what the worker leaves to others between two batches
QUIET_STAMPS = 600


def now() -> datetime:
    return datetime.now(UTC)


def shops(rng: random.Random) -> list[Point]:
    """In a few cities, hundreds of kilometres apart."""
    centres = [Point(rng.uniform(45, 52), rng.uniform(8, 22)) for _ in range(CITIES)]
    return [
        Point(centre.latitude + rng.gauss(0, 0.05), centre.longitude + rng.gauss(0, 0.08))
        for centre in centres
        for _ in range(SHOPS // CITIES)
    ]


def histories(rng: random.Random, count: int) -> list[tuple[int, ...]]:
    """Who goes where: half to one shop, the others to two or three in their city."""
    found = []
    for _ in range(count):
        first = rng.randrange(CITIES) * (SHOPS // CITIES)
        visited = rng.sample(range(first, first + SHOPS // CITIES), rng.choice((1, 1, 2, 3)))
        found.append(tuple(sorted(visited)))
    return found


def choice_us(count: int) -> Iterator[Row]:
    """Microseconds of CPU per member, the chart included."""
    rng = random.Random(3)  # noqa: S311  # no secret
    places = shops(rng)
    named = [(f"{number:03}", place) for number, place in enumerate(places)]
    told = [[named[one] for one in visited] for visited in histories(rng, count)]
    start = time.process_time()
    here = chart(tuple(named))
    for anchors in told:
        here.choose(anchors, None)
    spent = time.process_time() - start
    yield Row(f"choice for one of {count:,} members", spent / count * 1e6, "µs")


def settle_members(database: Database, passes: int) -> tuple[str, list[str]]:
    """Opens the shops and sends each member to some of them; the merchant and the shops' ids."""
    rng = random.Random(3)  # noqa: S311  # no secret
    with database.writing() as session:
        merchant_id = session.scalars(select(Merchant.id)).one()
        rows = [
            Location(
                id=f"loc_{number:03}", merchant_id=merchant_id, name=f"Shop {number}", address="",
                latitude=at.latitude, longitude=at.longitude, active=True, created_at=now(),
                relevant_text={"en": "{{remaining}} to your {{next_reward}}"},
            )
            for number, at in enumerate(shops(rng))
        ]  # fmt: skip
        session.add_all(rows)
        session.flush()
        [here] = read_places(session, merchant_id)
        ids = [row.id for row in rows]
        told = histories(rng, passes)
        sets = {
            visited: here.resolve(",".join(ids[one] for one in visited)) for visited in set(told)
        }
        keep(session, sets.values(), now())
        moves = [
            {"id": f"pas_{number:09d}", "place_set_id": sets[visited].id}
            for number, visited in enumerate(told)
        ]
        session.execute(update(Pass), moves)
    return merchant_id, ids


def change(database: Database, merchant_id: str, location_ids: list[str], **fields: object) -> None:
    with database.writing() as session, relocations.relocating(session, merchant_id, now()):
        for location in session.scalars(select(Location).where(Location.id.in_(location_ids))):
            for name, value in fields.items():
                setattr(location, name, value)


def relocate(database: Database, pause: Callable[[], None] = lambda: None) -> tuple[float, int]:
    """Seconds of this thread's CPU, and how many passes changed."""
    spent, changed, mover = 0.0, 0, Mover(database)
    while True:
        start = time.thread_time()
        batch = mover.work_one_batch(now())
        spent += time.thread_time() - start
        if batch is None:
            return spent, changed
        changed += batch.changed
        pause()


def stamps_ms(database: Database, shop: str, go_on: Callable[[int], bool]) -> list[float]:
    """How long stamps take, one after the other, as long as `go_on`."""
    spent: list[float] = []
    while go_on(len(spent)):
        start = time.perf_counter()
        with database.writing() as session:
            member = session.get_one(Member, f"mem_{len(spent):09d}")
            at = till.present(session, member.merchant_id, member.id)
            counter.earn(session, at, 1, now(), location_id=shop)
        spent.append((time.perf_counter() - start) * 1000)
        time.sleep(0.01)
    return sorted(spent)


@contextmanager
def meanwhile(database: Database, shop: str) -> Iterator[list[float]]:
    """Stamps in a process of their own, as tills have it, until the block ends.

    The list is empty before.
    """
    spent: list[float] = []
    apart = multiprocessing.get_context("spawn")
    done, (here, there) = apart.Event(), apart.Pipe()
    till = apart.Process(target=stamp_until, args=(url_of(database.engine.url), shop, done, there))
    till.start()
    here.recv()
    yield spent
    done.set()
    spent += here.recv()
    till.join()


def stamp_until(url: str, shop: str, done: Event, told: Connection) -> None:
    """A till's process: says when it begins, and in the end how long its stamps took."""
    database = Database(url)
    stamps_ms(database, shop, lambda count: count < 1)
    told.send(None)
    told.send(stamps_ms(database, shop, lambda _: not done.is_set()))
    database.dispose()


def relocation_rows(name: str, database: Database, passes: int) -> Iterator[Row]:
    merchant_id, ids = settle_members(database, passes)
    with database.reading() as session:
        histories_in_use = session.scalar(select(func.count()).select_from(PlaceSet)) or 0
        before = session.get_one(Location, ids[7])
    yield Row(f"{name}, distinct histories of {passes:,} members", histories_in_use, "")
    change(database, merchant_id, [ids[7]], latitude=before.latitude + 0.002)
    spent, moved = relocate(database)
    yield Row(f"{name}, 1 shop of {SHOPS} moved, passes that show it", moved, "")
    yield Row(f"{name}, 1 shop of {SHOPS} moved", spent, "s of CPU")
    with database.writing() as session:
        session.execute(delete(Delivery))
    quiet = stamps_ms(database, ids[0], lambda count: count < QUIET_STAMPS)
    yield Row(f"{name}, stamp, quiet, p99", _p99(quiet), "ms")

    change(database, merchant_id, ids, relevant_text={"en": "{{remaining}} to go"})
    memory = _memory_mb()
    with meanwhile(database, ids[0]) as busy:
        spent, changed = relocate(database, lambda: time.sleep(BREATH_S))
    yield Row(f"{name}, all retexted, passes that changed", changed, "")
    yield Row(f"{name}, all retexted", spent, "s of CPU")
    yield Row(f"{name}, all retexted, memory", _memory_mb() - memory, "MB")
    ratio = _p99(busy) / _p99(quiet)
    quiet_row = f"{name}, stamp, quiet, p99"
    yield Row(f"{name}, stamp meanwhile, p99", _p99(busy), "ms", quiet_row, ratio)
    yield Row(f"{name}, stamp meanwhile, median", statistics.median(busy), "ms")


def main(passes: int = PASSES) -> None:
    report(choice_us(passes))
    for name, databases in (("SQLite", sqlite), ("PostgreSQL", postgresql)):
        with databases("places") as [database]:
            fill(database, passes)
            report(relocation_rows(name, database, passes))


def _p99(spent: list[float]) -> float:
    return spent[int(len(spent) * 0.99)]


def _memory_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else PASSES)
