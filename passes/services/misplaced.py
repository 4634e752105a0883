"""Which passes show other places than their histories lead to now: searched and counted.

Reads only, so no till waits for it. Sets that no pass shows concern nobody and are passed over.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, exists, func, or_, select
from sqlalchemy.orm import Session

from passes.services.place_sets import Resolved
from passes.services.placing import ProgramPlaces, read_places
from passes.store.tables import Pass, PlaceSet

_LOOKED_AT = 5_000  # sets: some 50 ms

# By the id of the set that is no longer right: None is that of passes that were never placed.
Successors = Mapping[str | None, Resolved]


@dataclass(frozen=True, slots=True)
class Found:
    """Sets that are no longer right, and the last one looked at; None when there are no more."""

    successors: Successors
    last: str | None


def search(session: Session, here: ProgramPlaces, after: str, most: int = _LOOKED_AT) -> Found:
    """At most so many of the program's next sets that passes show and that are no longer right.

    Each has a successor. `after` is the id of a set, "" begins with what was never placed.
    """
    successors: dict[str | None, Resolved] = {}
    if not after and here.shops and _is_any_unplaced(session, here.program_id):
        successors[None] = here.resolve("")
    rows = session.execute(
        select(PlaceSet.id, PlaceSet.anchors)
        .where(
            PlaceSet.program_id == here.program_id,
            PlaceSet.id > after,
            exists().where(Pass.place_set_id == PlaceSet.id),
        )
        .order_by(PlaceSet.id)
        .limit(_LOOKED_AT)
    ).all()
    for set_id, anchors in rows:
        resolved = here.resolve(anchors)
        if resolved.id != set_id:
            successors[set_id] = resolved
        if len(successors) >= most:
            return Found(successors, set_id)
    return Found(successors, rows[-1][0] if len(rows) == _LOOKED_AT else None)


def passes_left(session: Session, merchant_id: str) -> int:
    """How many valid passes have another set than their history leads to now.

    Nearly all of them will show something else: a set also tells texts in other languages. Costs
    some microseconds per distinct history.
    """
    left = 0
    for here in read_places(session, merchant_id):
        found = search(session, here, "")
        left += _count(session, here.program_id, found.successors)
        while found.last:
            found = search(session, here, found.last)
            left += _count(session, here.program_id, found.successors)
    return left


def those_with(program_id: str, sets: Collection[str | None]) -> ColumnElement[bool]:
    """The passes of a program that have one of these sets; None are those that have none."""
    named = Pass.place_set_id.in_([one for one in sets if one])
    return or_(named, _unplaced(program_id)) if None in sets else named


def _is_any_unplaced(session: Session, program_id: str) -> bool:
    return bool(session.scalar(select(exists().where(_unplaced(program_id)))))


def _unplaced(program_id: str) -> ColumnElement[bool]:
    return Pass.place_set_id.is_(None) & (Pass.program_id == program_id)


def _count(session: Session, program_id: str, successors: Successors) -> int:
    if not successors:
        return 0
    those = those_with(program_id, successors) & Pass.voided.is_(False)
    return session.scalar(select(func.count()).select_from(Pass).where(those)) or 0
