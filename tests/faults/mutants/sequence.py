"""A plain sequence as tag: numbers are drawn when a change begins, not when it commits.

For PostgreSQL. Stamps can be held up, as those of the real thing in `dawdling`.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask
from sqlalchemy import text, update
from sqlalchemy.orm import Session

from certs.development import PASS_TYPE_IDENTIFIER
from passes.store.database import Database
from passes.store.tables import Pass, PassTypeCounter
from passes.store.versions import _CHANGES
from tests.faults.mutants.dawdling import dawdle, served_from

_BEYOND_ALL = 1_000_000


class SequenceDatabase(Database):
    """Numbers its changes by a sequence."""

    @contextmanager
    def writing(self) -> Iterator[Session]:
        with super().writing() as session:
            version = session.execute(text("SELECT nextval('naive')")).scalar_one()
            dawdle(session)
            yield session
            for change in session.info.pop(_CHANGES, []):
                numbered = {"version": version, "modified_s": Pass.modified_s + 1}
                session.execute(update(Pass).where(Pass.id.in_(change.pass_ids)).values(numbered))


def create_sequence(database: Database) -> None:
    """What the mutant needs. Tags have to look like ours, or a phone would be sent everything."""
    with database.writing() as session:
        session.execute(text("CREATE SEQUENCE naive"))
        session.merge(PassTypeCounter(pass_type_identifier=PASS_TYPE_IDENTIFIER, value=_BEYOND_ALL))


def app() -> Flask:
    return served_from(SequenceDatabase)
