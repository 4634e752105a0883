"""A change of shops on its way to the passes: set by set, and only to those that show it.

A pass names the set it shows, and a set never changes. So what has to be done is to be seen at any
moment: passes whose set is not the one that its anchors lead to now. Nothing is lost when a worker
dies, two changes are one piece of work, and a change that was undone is none.
"""

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice

from sqlalchemy import bindparam, delete, exists, select, update
from sqlalchemy.orm import Session

from passes.services import google_sync
from passes.services.cards import cards_of
from passes.services.changes import announce
from passes.services.looks import LookBook
from passes.services.misplaced import Successors, search, those_with
from passes.services.place_sets import Difference, Resolved, Shown, difference, keep, places_in
from passes.services.placing import read_places
from passes.store.outbox import FAN_OUT
from passes.store.tables import Member, Pass, PlaceSet, Program, Relocation
from passes.store.versions import mark_changed

_AT_ONCE = 1_000  # sets that one look finds successors for
_KEPT_FOR = timedelta(days=30)
_START = ("", "")  # of a round over all programs and their sets

_PASSES = select(
    Pass.id, Pass.version, Member.revision, Pass.locale, Pass.voided, Pass.place_set_id
).join(Member, Member.id == Pass.member_id)
_MOVE = (
    update(Pass)
    .where(Pass.id == bindparam("moved"))
    .values(place_set_id=bindparam("to"))
    .execution_options(synchronize_session=False)
)


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step did; `done` when the relocation is finished."""

    relocation_id: str
    checked: int
    changed: int
    done: bool


@dataclass(frozen=True, slots=True)
class Change:
    """What passes with one set showed, shall show, and who may see the difference."""

    before: Shown
    after: Resolved
    difference: Difference


@dataclass(slots=True)
class Stretch:
    """Sets of a program that are no longer right, and their successors.

    `state` is that of the relocation it was found for. `waiting` are those with passes, in order;
    `ahead` is how far the round is when none is left; at its end there is no program.
    """

    state: tuple[int, str, str]
    ahead: tuple[str, str]
    program_id: str | None = None
    successors: Successors = field(default_factory=dict)
    waiting: deque[str | None] = field(default_factory=deque)
    changes: dict[str | None, Change] = field(default_factory=dict)

    def leave(self, sets: Sequence[str | None], work: Relocation) -> None:
        """The first of those that wait have no passes any more: the relocation moves on."""
        for one in sets:
            self.waiting.popleft()
            del self.changes[one]
        if not self.waiting:
            work.after_program_id, work.after_set_id = self.ahead
        elif sets[-1]:
            work.after_set_id = sets[-1]
        self.state = _state(work)


@dataclass(frozen=True, slots=True)
class Carried:
    """A pass and the set it shows; while version and person are the same, so is what it says."""

    id: str
    version: int
    person: int  # the revision of its member
    locale: str
    voided: bool
    set_id: str | None


@dataclass(frozen=True, slots=True)
class Step:
    """The next batch of a relocation, not yet done: these sets of a stretch, and some passes.

    `unmoved` are the ids of those to whom other texts say the same.
    """

    relocation_id: str
    stretch: Stretch
    sets: tuple[str | None, ...]
    passes: tuple[Carried, ...]
    unmoved: frozenset[str]


def next_in_line(session: Session) -> str | None:
    """The relocation that waited longest; None when there is nothing to do."""
    return session.scalar(
        select(Relocation.id)
        .where(Relocation.finished_at.is_(None))
        .order_by(Relocation.worked_at, Relocation.id)
        .limit(1)
    )


def look(
    session: Session, looks: LookBook, relocation_id: str, known: Stretch | None, size: int
) -> Step:
    """What is to be done next, found without a lock, for so many passes at most.

    `known` is what the last step went by.
    """
    work = session.get_one(Relocation, relocation_id)
    if known and known.waiting and known.state == _state(work):
        stretch = known
    else:
        stretch = _search(session, work)
    sets = tuple(islice(stretch.waiting, size))
    _compare(session, stretch, sets)
    passes = _carried(session, stretch, sets, size)
    unmoved = _unmoved(session, looks, stretch, passes)
    return Step(relocation_id, stretch, sets, passes, unmoved)


def carry_out(session: Session, looks: LookBook, step: Step, now: datetime) -> Batch:
    """Moves some passes of the step's sets to their successors, and announces who sees it.

    Nothing when the shops or the relocation are no longer what the step was made for, or somebody
    else works on it.
    """
    stretch = step.stretch
    locked = _lock(session, step.relocation_id, stretch.state)
    if locked is None:
        return Batch(step.relocation_id, 0, 0, done=False)
    locked.worked_at = now
    if stretch.program_id is None:
        return _end_round(session, locked, now)
    passes = _lock_passes(session, step)
    changed = _move(session, looks, step, passes, now)
    locked.checked += len(passes)
    locked.changed += changed
    if not _is_any_left(session, stretch.program_id, step.sets):
        stretch.leave(step.sets, locked)
    return Batch(step.relocation_id, len(passes), changed, done=False)


def put_last(session: Session, relocation_id: str, now: datetime) -> None:
    """After trouble: another one's turn comes first."""
    mine = update(Relocation).where(Relocation.id == relocation_id)
    session.execute(mine.values(worked_at=now))


def _search(session: Session, work: Relocation) -> Stretch:
    """The next sets that are no longer right."""
    state, done, after = _state(work), work.after_program_id, work.after_set_id
    for here in read_places(session, work.merchant_id):
        if here.program_id <= done:
            continue
        found = search(session, here, after, _AT_ONCE)
        ahead = (done, found.last) if found.last else (here.program_id, "")
        if found.successors or found.last:
            waiting = deque(found.successors)
            return Stretch(state, ahead, here.program_id, found.successors, waiting)
        done, after = ahead
    return Stretch(state, _START)


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


def _compare(session: Session, stretch: Stretch, sets: Sequence[str | None]) -> None:
    """Who will see that these sets have successors, where that is not known yet."""
    unknown = [one for one in sets if one not in stretch.changes]
    rows = session.execute(
        select(PlaceSet.id, PlaceSet.places, PlaceSet.chosen).where(PlaceSet.id.in_(unknown))
    )
    before = {set_id: Shown(places_in(places), chosen) for set_id, places, chosen in rows}
    for one in unknown:
        old, after = before.get(one, Shown()), stretch.successors[one]
        stretch.changes[one] = Change(old, after, difference(old, after.shown))


def _is_any_left(session: Session, program_id: str, sets: Collection[str | None]) -> bool:
    """Whether somebody has one of these sets still: more than a batch, or being stamped."""
    if not sets:
        return False
    return bool(session.scalar(select(exists().where(those_with(program_id, sets)))))


def _carried(
    session: Session, stretch: Stretch, sets: Sequence[str | None], size: int
) -> tuple[Carried, ...]:
    """Some passes that have one of these sets."""
    if not sets or not stretch.program_id:
        return ()
    some = _PASSES.where(those_with(stretch.program_id, sets)).limit(size)
    return tuple(Carried(*row) for row in session.execute(some))


def _unmoved(
    session: Session, looks: LookBook, stretch: Stretch, passes: Sequence[Carried]
) -> frozenset[str]:
    """Those whose texts are rewritten, and the same once stamps and names are filled in."""
    rewritten = {
        one.id: change
        for one in passes
        if one.locale in (change := stretch.changes[one.set_id]).difference.locales
    }
    if not rewritten:
        return frozenset()
    return frozenset(
        card.pass_id
        for card in cards_of(session, looks, rewritten).values()
        if card.texts_near(rewritten[card.pass_id].before.places)
        == card.texts_near(rewritten[card.pass_id].after.shown.places)
    )


def _lock_passes(session: Session, step: Step) -> list[Carried]:
    """The step's passes as they are now, those that still have one of its sets.

    One that is being stamped is left for another time: this never waits for a stamp.
    """
    if not step.passes or not step.stretch.program_id:
        return []
    rows = session.execute(
        _PASSES.where(
            Pass.id.in_([one.id for one in step.passes]),
            those_with(step.stretch.program_id, step.sets),
        ).with_for_update(of=Pass, skip_locked=True)
    )
    return [Carried(*row) for row in rows]


def _move(
    session: Session, looks: LookBook, step: Step, passes: Sequence[Carried], now: datetime
) -> int:
    """Gives the passes their new sets; whoever shows a difference is told. How many passes do."""
    if not passes:
        return 0
    changes = [(one, step.stretch.changes[one.set_id]) for one in passes]
    keep(session, [change.after for _, change in changes], now)
    moves = [{"moved": one.id, "to": change.after.id} for one, change in changes]
    session.connection().execute(_MOVE, moves)
    known = set(step.passes)
    meanwhile = [one for one in passes if one not in known]  # changed since the look
    unmoved = step.unmoved.difference(one.id for one in meanwhile)
    unmoved |= _unmoved(session, looks, step.stretch, meanwhile)
    valid = [(one.id, one.locale, change.difference) for one, change in changes if not one.voided]
    apple = {id_ for id_, locale, seen in valid if seen.is_seen_in(locale)} - unmoved
    google = {id_ for id_, _, seen in valid if seen.at_google}
    pass_type = session.get_one(Program, step.stretch.program_id).pass_type_identifier
    _tell(session, pass_type, apple, google, now)
    return len(apple | google)


def _tell(
    session: Session, pass_type: str, apple: set[str], google: set[str], now: datetime
) -> None:
    """Each wallet hears of what it shows: Google has no texts, and Apple no class."""
    if apple:
        announce(session, pass_type, apple, FAN_OUT, now, objects=False)
    if google:
        google_sync.tell_google(session, google, FAN_OUT, now)
        mark_changed(session, pass_type, google, now, phones=False)
