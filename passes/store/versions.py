"""Numbering changes so that a phone that asks "what is new since n?" never misses one.

A number has to grow in the order of commits. So it comes from one row per pass type, taken right
before the commit: its lock lets the next change wait just as long as a commit takes. A sequence
would not do: A takes 10, B takes 11 and commits, a phone reads 11, A commits.
"""

from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from sqlalchemy import ColumnElement, case, false, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from passes.store.tables import Pass, PassTypeCounter

_CHANGES = "passmint_changes"  # of a session, not yet numbered


@dataclass(frozen=True, slots=True)
class _Change:
    pass_type_identifier: str
    passes: ColumnElement[bool]
    now: datetime
    objects: bool
    phones: bool


def mark_changed(
    session: Session,
    pass_type_identifier: str,
    passes: ColumnElement[bool],
    now: datetime,
    *,
    objects: bool = True,
    phones: bool = True,
) -> None:
    """The passes that match, all of one pass type and locked by the caller, have changed.

    They get the next version when the session commits, and a later `modified_s`. `objects` tells
    whether their objects at Google show the change, `phones` whether Apple's phones do.
    """
    changes = session.info.setdefault(_CHANGES, [])
    changes.append(_Change(pass_type_identifier, passes, now, objects, phones))


def number_changes(session: Session) -> None:
    """Numbers what was marked; the last thing a transaction does."""
    marked: list[_Change] = session.info.pop(_CHANGES, [])
    if not marked:
        return
    session.flush()
    marked.sort(key=lambda change: change.pass_type_identifier)
    for pass_type_identifier, changes in groupby(marked, lambda c: c.pass_type_identifier):
        _number(session, pass_type_identifier, list(changes))


def newest_version(session: Session, pass_type_identifier: str) -> int:
    """The number of the newest change of a pass type; 0 before the first."""
    found = session.scalar(
        select(PassTypeCounter.value).where(
            PassTypeCounter.pass_type_identifier == pass_type_identifier
        )
    )
    return found or 0


def _number(session: Session, pass_type_identifier: str, changes: list[_Change]) -> None:
    """One version for all; `modified_s` is the present second, or one more than it was."""
    counter = insert(PassTypeCounter).values(pass_type_identifier=pass_type_identifier, value=1)
    version = session.execute(
        counter.on_conflict_do_update(
            index_elements=["pass_type_identifier"], set_={"value": PassTypeCounter.value + 1}
        ).returning(PassTypeCounter.value)
    ).scalar_one()
    second = max(int(change.now.timestamp()) for change in changes)
    at_google = or_(false(), *(change.passes for change in changes if change.objects))
    on_phones = or_(false(), *(change.passes for change in changes if change.phones))
    later = case((Pass.modified_s < second, second), else_=Pass.modified_s + 1)
    session.execute(
        update(Pass)
        .where(or_(*(change.passes for change in changes)))
        .values(
            version=case((on_phones, version), else_=Pass.version),
            modified_s=case((on_phones, later), else_=Pass.modified_s),
            object_version=case((at_google, version), else_=Pass.object_version),
        )
        .execution_options(synchronize_session=False)
    )
