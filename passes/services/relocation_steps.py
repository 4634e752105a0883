"""A change of shops on its way to the passes: set by set, and only to those that show it.

A pass names the set it shows, and a set never changes. So what has to be done is to be seen at any
moment: passes whose set is not the one that its anchors lead to now. Nothing is lost when a worker
dies, two changes are one piece of work, and a change that was undone is none.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, exists, select, update
from sqlalchemy.orm import Session

from passes.services import google_sync
from passes.services.changes import announce
from passes.services.looks import LookBook
from passes.services.misplaced import those_with
from passes.services.place_sets import keep
from passes.services.relocation_plan import PASSES, START, Carried, Step, state_of, unmoved_among
from passes.store.outbox import FAN_OUT
from passes.store.tables import Pass, Program, Relocation
from passes.store.versions import mark_changed

_KEPT_FOR = timedelta(days=30)
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


def _lock(session: Session, relocation_id: str, state: tuple[int, str, str]) -> Relocation | None:
    """The relocation, if it is still in this state."""
    work = session.scalars(
        select(Relocation)
        .where(Relocation.id == relocation_id, Relocation.finished_at.is_(None))
        .with_for_update(skip_locked=True)
    ).one_or_none()
    return work if work and state_of(work) == state else None


def _end_round(session: Session, work: Relocation, now: datetime) -> Batch:
    """Done, unless shops changed during the round: what lies behind it is looked at again.

    A round always comes to its end, however quickly changes follow each other.
    """
    done = work.round_edits == work.edits
    work.after_program_id, work.after_set_id = START
    work.round_edits = work.edits
    if done:
        session.execute(delete(Relocation).where(Relocation.finished_at < now - _KEPT_FOR))
        work.finished_at = now
    return Batch(work.id, 0, 0, done)


def _is_any_left(session: Session, program_id: str, sets: Collection[str | None]) -> bool:
    """Whether somebody has one of these sets still: more than a batch, or being stamped."""
    if not sets:
        return False
    return bool(session.scalar(select(exists().where(those_with(program_id, sets)))))


def _lock_passes(session: Session, step: Step) -> list[Carried]:
    """The step's passes as they are now, those that still have one of its sets.

    One that is being stamped is left for another time: this never waits for a stamp.
    """
    if not step.passes or not step.stretch.program_id:
        return []
    rows = session.execute(
        PASSES.where(
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
    unmoved |= unmoved_among(session, looks, step.stretch, meanwhile)
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
