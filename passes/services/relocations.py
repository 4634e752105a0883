"""A change of shops on its way to the passes: set by set, and only to those that show it.

A pass names the set it shows, and a set never changes. So what has to be done is to be seen at any
moment: passes whose set is not the one that its anchors lead to now. Nothing is lost when a worker
dies, two changes are one piece of work, and a change that was undone is none.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from passes.errors import NotFound
from passes.services import google_sync
from passes.services.changes import announce
from passes.services.placing import (
    UNUSED_FOR,
    Places,
    ProgramPlaces,
    Resolved,
    at_google,
    keep,
    places_in,
    read_places,
    seen,
)
from passes.store.outbox import FAN_OUT
from passes.store.tables import Merchant, Pass, PlaceSet, Program, Relocation
from passes.store.versions import mark_changed

BATCH = 250  # passes
_LOOKED_AT, _TARGETS = 1_000, 100  # sets that a batch looks at, and has to replace
_FORGOTTEN = 500  # sets that one step removes
_KEPT_FOR = timedelta(days=30)


@dataclass(slots=True)
class Begun:
    """What became of a change: its relocation, or None when no pass can show it."""

    relocation_id: str | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step did; `done` when the relocation is finished."""

    relocation_id: str
    checked: int
    changed: int
    done: bool


@dataclass(frozen=True, slots=True)
class _Carried:
    """A pass and the set it shows."""

    id: str
    locale: str
    voided: bool
    set_id: str | None


@contextmanager
def relocating(session: Session, merchant_id: str, now: datetime) -> Iterator[Begun]:
    """Whatever the block changes of a merchant's shops reaches all passes that show it.

    What no pass can show (a name, an address) starts nothing. Where every pass of a program shows
    all its shops, Google hears of them with the class: one request for all holders.
    """
    # Until the end nobody places a pass among shops that are about to be others.
    mine = select(Merchant.id).where(Merchant.id == merchant_id)
    session.execute(mine.with_for_update(key_share=True)).all()
    before = {one.program_id: one for one in read_places(session, merchant_id)}
    begun = Begun()
    yield begun
    session.flush()
    changed = [one for one in read_places(session, merchant_id) if one != before[one.program_id]]
    for here in changed:
        if here.shared != before[here.program_id].shared:
            google_sync.follow_class(session, here.program_id, now)
    if changed:
        begun.relocation_id = _begin(session, merchant_id, now)


def find_relocation(session: Session, merchant_id: str, relocation_id: str) -> Relocation:
    """A merchant's relocation, under way or finished in the last month."""
    found = session.scalar(
        select(Relocation).where(
            Relocation.id == relocation_id, Relocation.merchant_id == merchant_id
        )
    )
    if found is None:
        raise NotFound("There is no such relocation.")
    return found


def passes_left(session: Session, merchant_id: str) -> int:
    """How many passes have another set than their history leads to now.

    Nearly all of them will show something else: a set also tells texts in other languages. Costs a
    few microseconds per distinct history.
    """
    left = 0
    for here in read_places(session, merchant_id):
        found = _search(session, here, "")
        left += _count(session, here.program_id, found.targets)
        while found.last:
            found = _search(session, here, found.last)
            left += _count(session, here.program_id, found.targets)
    return left


def is_work_left(session: Session) -> bool:
    """A cheap look before a batch, which takes the write lock."""
    return bool(session.scalar(select(exists().where(Relocation.finished_at.is_(None)))))


def work_one_batch(session: Session, now: datetime, size: int = BATCH) -> Batch | None:
    """The next passes of the oldest relocation; None when there is nothing to do.

    Several workers may call it: each takes another relocation. A crash repeats at most one batch.
    """
    work = session.scalars(
        select(Relocation)
        .where(Relocation.finished_at.is_(None))
        .order_by(Relocation.created_at, Relocation.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).one_or_none()
    if work is None:
        return None
    program = session.scalars(
        select(Program)
        .where(Program.merchant_id == work.merchant_id, Program.id > work.after_program_id)
        .order_by(Program.id)
        .limit(1)
    ).one_or_none()
    if program is None:
        return _finish(session, work, now)
    return _work_on(session, work, program, now, size)


def _begin(session: Session, merchant_id: str, now: datetime) -> str:
    """The merchant's relocation from the start: the one under way, or a new one."""
    work = session.scalars(
        select(Relocation)
        .where(Relocation.merchant_id == merchant_id, Relocation.finished_at.is_(None))
        .with_for_update()
    ).one_or_none()
    if work is None:
        work = Relocation(merchant_id=merchant_id, checked=0, changed=0, created_at=now)
        session.add(work)
    work.after_program_id, work.after_set_id = "", ""
    session.flush()
    return work.id


def _work_on(
    session: Session, work: Relocation, program: Program, now: datetime, size: int
) -> Batch:
    [here] = read_places(session, work.merchant_id, program.id)
    found = _search(session, here, work.after_set_id)
    passes = _take(session, program.id, found.targets, size)
    changed = _move(session, program, passes, found.targets, now)
    work.checked += len(passes)
    work.changed += changed
    if len(passes) < size and not _count(session, program.id, found.targets):
        _advance(work, program.id, found.last)
    return Batch(work.id, len(passes), changed, done=False)


def _advance(work: Relocation, program_id: str, last: str | None) -> None:
    """Behind the sets that were looked at; behind the program when there were none."""
    if last:
        work.after_set_id = last
    else:
        work.after_program_id, work.after_set_id = program_id, ""


def _finish(session: Session, work: Relocation, now: datetime) -> Batch:
    """Removes what nobody shows any more, in steps of their own when there is much of it."""
    programs = select(Program.id).where(Program.merchant_id == work.merchant_id)
    unused = (
        select(PlaceSet.id)
        .where(
            PlaceSet.program_id.in_(programs),
            PlaceSet.used_at < now - UNUSED_FOR,
            ~exists().where(Pass.place_set_id == PlaceSet.id),
        )
        .limit(_FORGOTTEN)
    )
    gone = session.scalars(
        delete(PlaceSet)
        # The time once more: a set that came into use while this statement waited for it stays.
        .where(PlaceSet.id.in_(unused), PlaceSet.used_at < now - UNUSED_FOR)
        .returning(PlaceSet.id)
        .execution_options(synchronize_session=False)
    ).all()
    done = len(gone) < _FORGOTTEN
    if done:
        session.execute(delete(Relocation).where(Relocation.finished_at < now - _KEPT_FOR))
        work.finished_at = now
    return Batch(work.id, 0, 0, done)


# By the id of the set that is no longer right: None is that of passes that were never placed.
Targets = Mapping[str | None, Resolved]


@dataclass(frozen=True, slots=True)
class _Found:
    """Sets that are no longer right, and the last one looked at; None when there are no more."""

    targets: Targets
    last: str | None


def _search(session: Session, here: ProgramPlaces, after: str) -> _Found:
    """Some of the program's next sets that are no longer right, each with its successor."""
    targets: dict[str | None, Resolved] = {}
    if not after and here.shops:
        targets[None] = here.resolve("")
    last = None
    for last, anchors in session.execute(
        select(PlaceSet.id, PlaceSet.anchors)
        .where(PlaceSet.program_id == here.program_id, PlaceSet.id > after)
        .order_by(PlaceSet.id)
        .limit(_LOOKED_AT)
    ).all():
        resolved = here.resolve(anchors)
        if resolved.id != last:
            targets[last] = resolved
        if len(targets) >= _TARGETS:
            break
    return _Found(targets, last)


def _those_with(program_id: str, targets: Targets) -> ColumnElement[bool]:
    named = Pass.place_set_id.in_([one for one in targets if one])
    unplaced = Pass.place_set_id.is_(None) & (Pass.program_id == program_id)
    return or_(named, unplaced) if None in targets else named


def _count(session: Session, program_id: str, targets: Targets) -> int:
    if not targets:
        return 0
    those = select(func.count()).select_from(Pass).where(_those_with(program_id, targets))
    return session.scalar(those) or 0


def _take(session: Session, program_id: str, targets: Targets, size: int) -> list[_Carried]:
    """Some passes to be moved, locked.

    One that is being stamped is left for another time: this never waits for a stamp.
    """
    if not targets:
        return []
    rows = session.execute(
        select(Pass.id, Pass.locale, Pass.voided, Pass.place_set_id)
        .where(_those_with(program_id, targets))
        .limit(size)
        .with_for_update(skip_locked=True)
    )
    return [_Carried(*row) for row in rows]


def _move(
    session: Session,
    program: Program,
    passes: Sequence[_Carried],
    targets: Targets,
    now: datetime,
) -> int:
    """Gives the passes their new sets; whoever shows a difference is told. How many passes do."""
    if not passes:
        return 0
    keep(session, [targets[one.set_id] for one in passes], now)
    moves = [{"id": one.id, "place_set_id": targets[one.set_id].id} for one in passes]
    session.execute(update(Pass), moves)
    shown = _shown(session, {one.set_id for one in passes if one.set_id})
    apple: set[str] = set()
    google: set[str] = set()
    for one in passes:
        before, after = shown.get(one.set_id, ((), False)), targets[one.set_id]
        if one.voided:
            continue
        if seen(before[0], one.locale) != seen(after.places, one.locale):
            apple.add(one.id)
        if at_google(*before) != at_google(after.places, after.chosen):
            google.add(one.id)
    _tell(session, program.pass_type_identifier, apple, google, now)
    return len(apple | google)


def _shown(session: Session, set_ids: Collection[str]) -> Mapping[str | None, tuple[Places, bool]]:
    rows = session.execute(
        select(PlaceSet.id, PlaceSet.places, PlaceSet.chosen).where(PlaceSet.id.in_(set_ids))
    )
    return {set_id: (places_in(places), chosen) for set_id, places, chosen in rows}


def _tell(
    session: Session, pass_type: str, apple: set[str], google: set[str], now: datetime
) -> None:
    """Each wallet hears of what it shows: Google has no texts, and Apple no class."""
    for passes, objects in ((apple & google, True), (apple - google, False)):
        if passes:
            announce(session, pass_type, Pass.id.in_(passes), FAN_OUT, now, objects=objects)
    if google - apple:
        those = Pass.id.in_(google - apple)
        google_sync.tell_google(session, those, FAN_OUT, now)
        mark_changed(session, pass_type, those, now, objects=True)
