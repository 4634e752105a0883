"""Changes of many passes at once, worked through in batches that nobody at the till notices."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, exists, select
from sqlalchemy.orm import Session

from passes.services.changes import announce, begin_fan_out
from passes.services.google_sync import follow_class, resume_objects, tell_google_alone
from passes.services.looks import Look, read_look, require_sound
from passes.store.outbox import FAN_OUT
from passes.store.tables import FanOut, Pass, Program

BATCH = 100  # passes: no till is to notice the transaction


@contextmanager
def telling(session: Session, program_ids: Collection[str], now: datetime) -> Iterator[None]:
    """Whatever the block changes of these programs' looks is told to all their phones.

    A change that no pass shows starts nothing; one that phones would refuse raises PassInvalid.
    """
    # As everywhere, so that two changes cannot deadlock; the database may sort otherwise.
    ordered = sorted(program_ids)
    for name in ordered:
        mine = select(Program.id).where(Program.id == name)
        session.execute(mine.with_for_update(key_share=True)).all()  # stamps need not wait
    before = [read_look(session, name, drawable=False) for name in ordered]
    yield
    session.flush()
    for old in before:
        new = read_look(session, old.version.program_id, drawable=False)
        _tell(session, old, new, now)


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step did; `done` when the program's fan-out is finished."""

    program_id: str
    passes: int
    done: bool


def is_work_left(session: Session) -> bool:
    """A cheap look before a batch, which takes the write lock."""
    return bool(session.scalar(select(exists().select_from(FanOut))))


def work_one_batch(session: Session, now: datetime, size: int = BATCH) -> Batch | None:
    """The next passes of the fan-out that waited longest; None when there is nothing to do.

    Several workers may call it: each takes another fan-out. A crash repeats at most one batch.
    """
    work = _next_in_line(session)
    if work is None:
        return None
    work.worked_at = now
    ids = session.scalars(_ahead(work).order_by(Pass.id).limit(size)).all()
    if not ids:
        return _wrap(session, work)
    work.after_pass_id = ids[-1]
    mine = Pass.id.in_(ids)
    if work.tells_phones:
        pass_type = session.get_one(Program, work.program_id).pass_type_identifier
        announce(session, pass_type, ids, FAN_OUT, now, objects=work.tells_objects)
    elif work.tells_objects:
        tell_google_alone(session, mine, now)
    if work.resumes_objects:
        resume_objects(session, mine, now)
    return Batch(work.program_id, len(ids), done=False)


def put_last(session: Session, now: datetime) -> None:
    """After trouble: another one's turn comes before that of whose turn it was."""
    if work := _next_in_line(session):
        work.worked_at = now


def _next_in_line(session: Session) -> FanOut | None:
    return session.scalars(
        select(FanOut).order_by(FanOut.worked_at).limit(1).with_for_update(skip_locked=True)
    ).one_or_none()


def _ahead(work: FanOut) -> Select[str]:
    """The passes from here to the end, or to where the ring closes."""
    ahead = select(Pass.id).where(Pass.program_id == work.program_id, Pass.id > work.after_pass_id)
    return ahead.where(Pass.id <= work.until_pass_id) if work.wrapped else ahead


def _wrap(session: Session, work: FanOut) -> Batch:
    """From the end to the beginning of the ring, unless it is closed."""
    if work.wrapped or not work.until_pass_id:
        session.delete(work)
        return Batch(work.program_id, 0, done=True)
    work.after_pass_id, work.wrapped = "", True
    return Batch(work.program_id, 0, done=False)


def _tell(session: Session, old: Look, new: Look, now: datetime) -> None:
    """Google shows most of a look with the class: one request, whatever the number of holders."""
    program_id = new.version.program_id
    objects = new.shown_by_objects() != old.shown_by_objects()
    phones = new.shown_by_phones != old.shown_by_phones
    if phones:
        require_sound(new)
    if phones or objects:
        begin_fan_out(session, program_id, now, phones=phones, objects=objects)
    if new.shown_at_google != old.shown_at_google:
        follow_class(session, program_id, now)
