"""A web application whose stamps can be held up: no mutant, but what a mutant is compared with.

For PostgreSQL: `held_up` and the application meet at advisory locks of the database.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace

from flask import Flask, request
from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

import wsgi
from passes.store.database import Database
from passes.web.application import create_app
from webhooks import apple_devices

_HOLD = text("SELECT pg_advisory_xact_lock(hashtext(:member_id))")
_WAIT = text("SELECT pg_advisory_xact_lock_shared(hashtext(:member_id))")
_WAITING = text(
    "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database"
    " WHERE datname = current_database() AND locktype = 'advisory' AND NOT granted"
)


class DawdlingDatabase(Database):
    """Stamps of members who are held up wait inside of their transaction."""

    @contextmanager
    def writing(self) -> Iterator[Session]:
        with super().writing() as session:
            dawdle(session)
            yield session


def app() -> Flask:
    return served_from(DawdlingDatabase)


def dawdle(session: Session) -> None:
    """In a till's request, as long as its member is held up."""
    if request and request.path.endswith("/transactions"):
        session.execute(_WAIT, request.view_args)


@contextmanager
def held_up(database: Database, member_ids: Collection[str]) -> Iterator[Callable[[], bool]]:
    """Until the block ends, stamps of these members begin and do not go on.

    Gives a question: whether one for each of them has begun.
    """
    with database.reading() as session:
        for member_id in member_ids:
            session.execute(_HOLD, {"member_id": member_id})
        yield lambda: _waiting(session.connection()) == len(member_ids)


def served_from(kind: type[Database]) -> Flask:
    """The real web application on another kind of database."""
    parts = wsgi.compose_parts()
    app = create_app(replace(parts, database=kind(parts.settings.database_url)))
    apple_devices.install(app)
    return app


def _waiting(connection: Connection) -> int:
    number: int = connection.execute(_WAITING).scalar_one()
    return number
