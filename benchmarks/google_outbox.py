"""What waits for Google: changes collapse, and the queue drains at the rate Google allows.

Run: python -m benchmarks.google_outbox
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import delete, event, func, literal, select, update

from benchmarks.databases import postgresql, sqlite
from benchmarks.google import google_sink, key_file
from benchmarks.rounds import Row, report
from benchmarks.scale import fill
from certs.development import GOOGLE_ISSUER_ID
from certs.google import load_google_identity
from passes.services import google_booking, google_sync
from passes.services.look_pictures import draw_google_pictures, keep_google_pictures
from passes.services.looks import LookBook, read_look
from passes.store import outbox
from passes.store.database import Database
from passes.store.rate import take
from passes.store.tables import Delivery, Pass, Program
from webhooks.couriers.google_rest import GoogleRest
from webhooks.google_desk import GoogleDesk
from webhooks.rounds import Rounds
from webhooks.terms import Terms

HOLDERS, DRAINED = 100_000, 100
RATE_PER_S, BURST, BATCH = 20.0, 5.0, 20  # as wsgi composes the worker

Databases = Callable[..., AbstractContextManager[list[Database]]]


def now() -> datetime:
    return datetime.now(UTC)


def collapse(database: Database) -> tuple[float, int, int]:
    """Seconds to tell of one change of all objects, rows after two, rows of two class changes."""
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        with database.writing() as session:
            held = select(literal(google_sync.OBJECT) + Pass.id, literal(google_sync.GOOGLE))
            outbox.enqueue(session, google_sync.GOOGLE, held, outbox.FAN_OUT, now())
        seconds.append(time.perf_counter() - start)
    objects = _rows(database)
    with database.writing() as session:
        program_id = session.scalars(select(Program.id)).one()
        for _ in range(2):
            google_sync.want_class(session, program_id, now())
    return max(seconds), objects, _rows(database) - objects


def drain(database: Database) -> tuple[float, float, float]:
    """Objects per second, database statements and milliseconds of CPU for each of them.

    The sink's CPU is its own; ours includes reading the card and writing its document, but not the
    first batch, for which looks are read, connections opened and the token is fetched.
    """
    with database.writing() as session:
        session.execute(delete(Delivery))
        google_booking.book_class(session, session.scalars(select(Program.id)).one(), now())
        few = session.scalars(select(Pass.id).order_by(Pass.id).limit(BATCH + DRAINED)).all()
        google_sync.tell_google(session, few, outbox.FAN_OUT, now())
    with _rounds(database) as rounds, _counted(database) as statements:
        rounds.step()
        statements.clear()
        cpu, start = time.process_time(), time.perf_counter()
        while rounds.step():
            pass
        wall_s, cpu_s = time.perf_counter() - start, time.process_time() - cpu
    assert _rows(database) == 0
    return DRAINED / wall_s, len(statements) / DRAINED, 1000 * cpu_s / DRAINED


@contextmanager
def _rounds(database: Database) -> Iterator[Rounds]:  # type: ignore[type-arg]
    """The worker's rounds for Google, against a sink that takes everything."""
    with tempfile.TemporaryDirectory() as folder, google_sink() as url:
        account = key_file(Path(folder), url)
        identity = load_google_identity(account, GOOGLE_ISSUER_ID)

        def reserve(turns: int) -> list[float]:
            with database.writing() as session:
                return take(session, "google", RATE_PER_S, BURST, now(), turns)

        courier = GoogleRest(account, api_url=url, now=now, reserve=reserve)
        desk = GoogleDesk(
            courier, identity, "https://cards.example", LookBook(), draw=lambda _: None
        )
        rounds = Rounds(database, desk, now, Terms(batch=BATCH))
        yield rounds
        rounds.close()


@contextmanager
def _counted(database: Database) -> Iterator[list[str]]:
    """Every statement that the database is sent."""
    statements: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        statements.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    yield statements
    event.remove(database.engine, "before_cursor_execute", note)


def _prepare(database: Database) -> None:
    """All cards are held, and the program's class is at Google."""
    fill(database, HOLDERS)
    with database.writing() as session:
        session.execute(update(Pass).values(google_saved=True, google_sync=google_sync.SYNCED))
        program_id = session.scalars(select(Program.id)).one()
        google_booking.book_class(session, program_id, now())
        look = read_look(session, program_id)
    pictures = draw_google_pictures(look)
    with database.writing() as session:
        keep_google_pictures(session, look, pictures, now())


def _rows(database: Database) -> int:
    with database.reading() as session:
        mine = select(func.count()).where(Delivery.courier == google_sync.GOOGLE)
        return session.scalar(mine) or 0


def measure(name: str, opened: Databases) -> Iterator[Row]:
    with opened("google") as [database]:
        _prepare(database)
        seconds, objects, classes = collapse(database)
        per_s, statements, cpu_ms = drain(database)
    yield Row(f"{name}, {HOLDERS:,} objects told", seconds, "s")
    yield Row(f"{name}, rows after two changes", objects, "rows")
    yield Row(f"{name}, rows of two class changes", classes, "rows")
    yield Row(f"{name}, drained at 20/s", per_s, "/s")
    yield Row(f"{name}, an object drained", statements, "statements")
    yield Row(f"{name}, an object drained, CPU", cpu_ms, "ms CPU")


def main() -> None:
    for name, opened in (("SQLite", sqlite), ("PostgreSQL", postgresql)):
        report(measure(name, opened))


if __name__ == "__main__":
    main()
