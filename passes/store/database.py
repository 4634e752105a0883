"""One engine and its two kinds of transaction: reading units and writing units.

SQLite runs in WAL mode; a writing unit takes the write lock at once (`BEGIN IMMEDIATE`), because a
transaction that reads first and writes later would fail or lose the other's update.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError
from sqlalchemy.pool import ConnectionPoolEntry

from passes.errors import Conflict
from passes.store.versions import number_changes

_BUSY_TIMEOUT_MS = 5000
_GLANCE_MS = 3
_WRITING = "passmint_writing"
# Of PostgreSQL's client: a host that vanished is noticed within half a minute.
_PATIENCE = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}


class Database:
    """Opens transactions; one per process, made after the fork.

    `patience_s` is how long a writing unit waits for SQLite's lock; OperationalError after that.
    """

    def __init__(self, url: str, patience_s: float = 5.0) -> None:
        self.engine = _engine(url, patience_s)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session for reading; whatever it might change is rolled back when the block ends."""
        with Session(self.engine) as session:
            yield session

    @contextmanager
    def asking(self) -> Iterator[Connection]:
        """The same without ORM, for the few questions that phones ask all the time."""
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session that commits when the block ends, and rolls back when it raises.

        Changes of passes that it marked are numbered last (see versions). Raises Conflict when
        somebody else changed the same row since this session read it.
        """
        try:
            with Session(self.engine, expire_on_commit=False) as session, session.begin():
                session.connection(execution_options={_WRITING: True})
                yield session
                number_changes(session)
        except StaleDataError as error:
            raise Conflict("Somebody changed it at the same moment: read it again.") from error

    @contextmanager
    def migrating(self) -> Iterator[Connection]:
        """A writing transaction that may rebuild tables.

        SQLite alters a table by making it anew: meanwhile rows of others point nowhere, so foreign
        keys are checked at the end, and nothing is kept when one is broken.
        """
        writing = self.engine.connect().execution_options(**{_WRITING: True})
        with writing as connection, _foreign_keys_unchecked(connection), connection.begin():
            yield connection
            if connection.dialect.name == "sqlite":
                _check_foreign_keys(connection)

    def dispose(self) -> None:
        self.engine.dispose()


def _engine(url: str, patience_s: float) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(
            parsed, pool_pre_ping=True, pool_size=8, max_overflow=8, connect_args=_PATIENCE
        )
    if parsed.database and parsed.database != ":memory:":
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(parsed)
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", partial(_begin_sqlite, patience_s))
    return engine


def _configure_sqlite(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # the driver's own BEGIN would come too late
    for pragma in (
        "journal_mode=WAL",
        f"busy_timeout={_BUSY_TIMEOUT_MS}",
        "synchronous=FULL",
        "foreign_keys=ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


@contextmanager
def _foreign_keys_unchecked(connection: Connection) -> Iterator[None]:
    """On SQLite only. The pragma has no effect inside a transaction, hence the driver's own."""
    driver = connection.connection.driver_connection
    if not isinstance(driver, sqlite3.Connection):
        yield
        return
    driver.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        driver.execute("PRAGMA foreign_keys=ON")


def _check_foreign_keys(connection: Connection) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    if broken:
        raise RuntimeError(f"The migration breaks foreign keys: {broken}")


def _begin_sqlite(patience_s: float, connection: Connection) -> None:
    options: dict[str, Any] = dict(connection.get_execution_options())
    if options.get(_WRITING):
        _begin_writing(connection, patience_s)
    else:
        connection.exec_driver_sql("BEGIN")


def _begin_writing(connection: Connection, patience_s: float) -> None:
    """Takes SQLite's one write lock, asking every few milliseconds.

    SQLite's own pauses grow to a tenth of a second, so that newcomers would overtake those who
    have waited long. OperationalError when it is not to be had.
    """
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)  # noqa: S101  # we are its listener
    give_up = monotonic() + patience_s
    driver.execute(f"PRAGMA busy_timeout={_GLANCE_MS}")
    try:
        while monotonic() < give_up:
            with suppress(sqlite3.OperationalError):
                driver.execute("BEGIN IMMEDIATE")
                return
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    finally:
        driver.execute(f"PRAGMA busy_timeout={_BUSY_TIMEOUT_MS}")
