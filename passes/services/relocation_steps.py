"""A change of shops on its way to the passes: set by set, and only to those that show it.

A pass names the set it shows, and a set never changes. So what has to be done is to be seen at any
moment: passes whose set is not the one that its anchors lead to now. Nothing is lost when a worker
dies, two changes are one piece of work, and a change that was undone is none.
"""

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice

from sqlalchemy import delete, exists, select, update
from sqlalchemy.orm import Session

from passes.services import google_sync
from passes.services.changes import announce
from passes.services.fanout import BATCH
from passes.services.misplaced import Successors, search, those_with
from passes.services.placing import Places, at_google, keep, places_in, read_places, seen
from passes.store.database import Database
from passes.store.outbox import FAN_OUT
from passes.store.tables import Pass, PlaceSet, Program, Relocation
from passes.store.versions import mark_changed

_AT_ONCE = 1_000  # sets that one look finds successors for
_KEPT_FOR = timedelta(days=30)
_START = ("", "")  # of a round over all programs and their sets

_Shown = Mapping[str | None, tuple[Places, bool]]


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step did; `done` when the relocation is finished."""

    relocation_id: str
    checked: int
    changed: int
    done: bool


@dataclass(slots=True)
class Mover:
    """Brings changes of shops to the passes, one batch at a time; for one thread.

    What has to be done is found without the write lock, for many batches at once, and remembered.
    Several workers may do so at the same time. A crash repeats at most one batch.
    """

    database: Database
    _found: dict[str, "_Stretch"] = field(default_factory=dict)

    def work_one_batch(self, now: datetime, size: int = BATCH) -> Batch | None:
        """The next passes of the relocation that waited longest; None when there is nothing to do.

        A relocation that raises comes last in line.
        """
        with self.database.reading() as session:
            relocation_id = _next_in_line(session)
        if relocation_id is None:
            self._found.clear()
            return None
        try:
            return self._work_on(relocation_id, now, size)
        except Exception:
            self._found.pop(relocation_id, None)
            with self.database.writing() as session:
                mine = update(Relocation).where(Relocation.id == relocation_id)
                session.execute(mine.values(worked_at=now))
            raise

    def _work_on(self, relocation_id: str, now: datetime, size: int) -> Batch:
        with self.database.reading() as session:
            work = session.get_one(Relocation, relocation_id)
            stretch = self._found.get(relocation_id)
            if not (stretch and stretch.waiting and stretch.state == _state(work)):
                stretch = self._found[relocation_id] = _look(session, work)
            some = tuple(islice(stretch.waiting, size))
            shown = _shown(session, some)
        with self.database.writing() as session:
            locked = _lock(session, relocation_id, stretch.state)
            if locked is None:  # the shops or the work are no longer those, or somebody works on it
                return Batch(relocation_id, 0, 0, done=False)
            locked.worked_at = now
            if stretch.program_id is None:
                return _end_round(session, locked, now)
            passes = _take(session, stretch, some, size)
            changed = _move(session, stretch, shown, passes, now)
            locked.checked += len(passes)
            locked.changed += changed
            if not _is_any_left(session, stretch, some):
                stretch.leave(some, locked)
        return Batch(relocation_id, len(passes), changed, done=False)


@dataclass(slots=True)
class _Stretch:
    """Sets of a program that are no longer right, and their successors.

    `state` is that of the relocation it was found for. `waiting` are those with passes, in order;
    `ahead` is how far the round is when none is left; at its end there is no program.
    """

    state: tuple[int, str, str]
    ahead: tuple[str, str]
    program_id: str | None = None
    successors: Successors = field(default_factory=dict)
    waiting: deque[str | None] = field(default_factory=deque)

    def leave(self, sets: Sequence[str | None], work: Relocation) -> None:
        """The first of those that wait have no passes any more: the relocation moves on."""
        for _ in sets:
            self.waiting.popleft()
        if not self.waiting:
            work.after_program_id, work.after_set_id = self.ahead
        elif sets[-1]:
            work.after_set_id = sets[-1]
        self.state = _state(work)


@dataclass(frozen=True, slots=True)
class _Carried:
    """A pass and the set it shows."""

    id: str
    locale: str
    voided: bool
    set_id: str | None


def _next_in_line(session: Session) -> str | None:
    return session.scalar(
        select(Relocation.id)
        .where(Relocation.finished_at.is_(None))
        .order_by(Relocation.worked_at, Relocation.id)
        .limit(1)
    )


def _look(session: Session, work: Relocation) -> _Stretch:
    """The next sets that are no longer right."""
    state, done, after = _state(work), work.after_program_id, work.after_set_id
    for here in read_places(session, work.merchant_id):
        if here.program_id <= done:
            continue
        found = search(session, here, after, _AT_ONCE)
        ahead = (done, found.last) if found.last else (here.program_id, "")
        if found.successors or found.last:
            waiting = deque(found.successors)
            return _Stretch(state, ahead, here.program_id, found.successors, waiting)
        done, after = ahead
    return _Stretch(state, _START)


def _lock(session: Session, relocation_id: str, state: tuple[int, str, str]) -> Relocation | None:
    """The relocation, if it is still in this state."""
    work = session.scalars(
        select(Relocation)
        .where(Relocation.id == relocation_id, Relocation.finished_at.is_(None))
        .with_for_update(skip_locked=True)
    ).one_or_none()
    return work if work and _state(work) == state else None


def _end_round(session: Session, work: Relocation, now: datetime) -> Batch:
    """Done, unless shops changed during the round: what lies behind it is looked at again.

    A round always comes to its end, however quickly changes follow each other.
    """
    done = work.round_edits == work.edits
    work.after_program_id, work.after_set_id = _START
    work.round_edits = work.edits
    if done:
        session.execute(delete(Relocation).where(Relocation.finished_at < now - _KEPT_FOR))
        work.finished_at = now
    return Batch(work.id, 0, 0, done)


def _state(work: Relocation) -> tuple[int, str, str]:
    return work.edits, work.after_program_id, work.after_set_id


def _is_any_left(session: Session, stretch: _Stretch, sets: Collection[str | None]) -> bool:
    """Whether somebody has one of these sets still: more than a batch, or being stamped."""
    if not sets or not stretch.program_id:
        return False
    return bool(session.scalar(select(exists().where(those_with(stretch.program_id, sets)))))


def _take(
    session: Session, stretch: _Stretch, sets: Collection[str | None], size: int
) -> list[_Carried]:
    """Some passes to be moved, locked.

    One that is being stamped is left for another time: this never waits for a stamp.
    """
    if not sets or not stretch.program_id:
        return []
    rows = session.execute(
        select(Pass.id, Pass.locale, Pass.voided, Pass.place_set_id)
        .where(those_with(stretch.program_id, sets))
        .limit(size)
        .with_for_update(skip_locked=True)
    )
    return [_Carried(*row) for row in rows]


def _move(
    session: Session, stretch: _Stretch, shown: _Shown, passes: Sequence[_Carried], now: datetime
) -> int:
    """Gives the passes their new sets; whoever shows a difference is told. How many passes do."""
    if not passes:
        return 0
    after = stretch.successors
    keep(session, [after[one.set_id] for one in passes], now)
    moves = [{"id": one.id, "place_set_id": after[one.set_id].id} for one in passes]
    session.execute(update(Pass), moves)
    apple: set[str] = set()
    google: set[str] = set()
    for one in passes:
        (places, chosen), new = shown.get(one.set_id, ((), False)), after[one.set_id]
        if one.voided:
            continue
        if seen(places, one.locale) != seen(new.places, one.locale):
            apple.add(one.id)
        if at_google(places, chosen) != at_google(new.places, new.chosen):
            google.add(one.id)
    pass_type = session.get_one(Program, stretch.program_id).pass_type_identifier
    _tell(session, pass_type, apple, google, now)
    return len(apple | google)


def _shown(
    session: Session, set_ids: Collection[str | None]
) -> Mapping[str | None, tuple[Places, bool]]:
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
        mark_changed(session, pass_type, those, now, phones=False)
