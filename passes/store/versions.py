"""Numbering changes so that a phone that asks "what is new since n?" never misses one.

A number has to grow in the order of commits. So it comes from one row per pass type, taken right
before the commit: its lock lets the next change wait just as long as a commit takes. A sequence
would not do: A takes 10, B takes 11 and commits, a phone reads 11, A commits.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from sqlalchemy import BigInteger, bindparam, case, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from passes.store.tables import Pass, PassTypeCounter

_CHANGES = "passmint_changes"  # of a session, not yet numbered

# Asked at every stamp: built once, because building them costs more than asking.
_NEXT = (
    insert(PassTypeCounter)
    .values(pass_type_identifier=bindparam("pass_type"), value=1)
    .on_conflict_do_update(
        index_elements=["pass_type_identifier"], set_={"value": PassTypeCounter.value + 1}
    )
    .returning(PassTypeCounter.value)
)
_VERSION, _SECOND = (bindparam(name, type_=BigInteger) for name in ("number", "second"))
_LATER = case((Pass.modified_s < _SECOND, _SECOND), else_=Pass.modified_s + 1)
_NUMBER = update(Pass).where(Pass.id.in_(bindparam("pass_ids", expanding=True)))
_ON_PHONES = _NUMBER.values(version=_VERSION, modified_s=_LATER)
_AT_GOOGLE = _NUMBER.values(object_version=_VERSION)
_EVERYWHERE = _ON_PHONES.values(object_version=_VERSION)


@dataclass(frozen=True, slots=True)
class _Change:
    pass_type_identifier: str
    pass_ids: frozenset[str]
    now: datetime
    objects: bool
    phones: bool


def mark_changed(
    session: Session,
    pass_type_identifier: str,
    pass_ids: Collection[str],
    now: datetime,
    *,
    objects: bool = True,
    phones: bool = True,
) -> None:
    """These passes, all of one pass type and locked by the caller, have changed.

    They get the next version when the session commits, and a later `modified_s`. `objects` tells
    whether their objects at Google show the change, `phones` whether Apple's phones do.
    """
    changes = session.info.setdefault(_CHANGES, [])
    changes.append(_Change(pass_type_identifier, frozenset(pass_ids), now, objects, phones))


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
    connection = session.connection()
    number = connection.execute(_NEXT, {"pass_type": pass_type_identifier}).scalar_one()
    second = max(int(change.now.timestamp()) for change in changes)
    phones = _union(change.pass_ids for change in changes if change.phones)
    google = _union(change.pass_ids for change in changes if change.objects)
    for statement, pass_ids in (
        (_EVERYWHERE, phones & google),
        (_ON_PHONES, phones - google),
        (_AT_GOOGLE, google - phones),
    ):
        if pass_ids:
            names = {"pass_ids": sorted(pass_ids), "number": number, "second": second}
            connection.execute(statement, names)


def _union(sets: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset().union(*sets)
