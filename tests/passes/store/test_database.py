"""Transactions: what is written together, and what two at once may do to each other."""

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from passes.errors import Conflict
from passes.settings import checked_database_url
from passes.store.database import Database
from passes.store.tables import Merchant


def stranger(session: Session) -> Merchant:
    return session.scalars(select(Merchant).where(Merchant.slug == "stranger")).one()


class Interrupted(Exception):
    pass


def _rename_too_late(session: Session) -> None:
    row = stranger(session)
    session.execute(  # what a faster writer's commit did
        text("UPDATE merchants SET revision = revision + 1 WHERE slug = 'stranger'")
    )
    row.name = "Late"


def _rename_and_fail(session: Session) -> None:
    stranger(session).name = "Changed"
    session.flush()
    raise Interrupted


def test_two_writers_lose_nothing(database: Database) -> None:
    with database.writing() as session:
        stranger(session).address = "0"
    together = threading.Barrier(4)

    def count_up(_: int) -> None:
        together.wait(timeout=20)
        left = 15
        while left:
            try:
                with database.writing() as session:
                    row = stranger(session)
                    row.address = str(int(row.address or "") + 1)
            except Conflict:  # another was faster: read again
                continue
            left -= 1

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count_up, range(4)))
    with database.reading() as session:
        assert stranger(session).address == "60"


def test_a_lost_race_is_a_conflict(database: Database) -> None:
    with pytest.raises(Conflict), database.writing() as session:
        _rename_too_late(session)
    with database.reading() as session:
        assert stranger(session).name != "Late"


def test_what_fails_is_taken_back_wholly(database: Database) -> None:
    with pytest.raises(Interrupted), database.writing() as session:
        _rename_and_fail(session)
    with database.reading() as session:
        assert stranger(session).name == "Fern & Bean"


def test_a_reader_does_not_wait_for_a_writer_and_sees_what_was_before(database: Database) -> None:
    with database.writing() as writing:
        stranger(writing).name = "Changed"
        writing.flush()
        with database.reading() as session:
            assert stranger(session).name == "Fern & Bean"
    with database.reading() as session:
        assert stranger(session).name == "Changed"


def test_a_reading_unit_keeps_nothing(database: Database) -> None:
    with database.reading() as session:
        stranger(session).name = "Changed"
        session.flush()
    with database.reading() as session:
        assert stranger(session).name == "Fern & Bean"


def test_sqlite_takes_the_write_lock_at_once_and_keeps_a_log(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "new.db"
    database = Database(f"sqlite:///{path}")
    pragmas = ("journal_mode", "foreign_keys", "busy_timeout")
    with database.reading() as session:
        found = [session.scalar(text(f"PRAGMA {name}")) for name in pragmas]
    assert found == ["wal", 1, 5000]
    impatient = sqlite3.connect(path, timeout=0)
    refused = pytest.raises(sqlite3.OperationalError, match="locked")
    with closing(impatient), database.writing(), refused:  # nothing written yet, already ours
        impatient.execute("BEGIN IMMEDIATE")
    with closing(sqlite3.connect(path, timeout=0)) as other:
        other.execute("BEGIN IMMEDIATE")
    database.dispose()


def test_a_url_in_the_style_of_hosting_services_is_understood(postgres_server: str) -> None:
    rest = postgres_server.partition("://")[2]
    for scheme in ("postgres", "postgresql", "postgresql+psycopg"):
        database = Database(checked_database_url(f"{scheme}://{rest}"))
        with database.reading() as session:
            assert session.scalar(text("SELECT 1")) == 1
        assert database.engine.dialect.driver == "psycopg"
        database.dispose()
