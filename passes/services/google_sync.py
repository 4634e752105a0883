"""What Google has to be told: objects of passes, classes of programs. Not for: what became of it
(google_booking).

A class is there from its program's activation on, an object from its holder's first tap on, because
ids can never be deleted there. Once saved, an object follows every change it shows; one that nobody
holds is brought up to date at the tap, or when its card becomes void.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, bindparam, delete, func, literal, or_, select, update
from sqlalchemy.orm import Session, aliased

from passes.store import outbox
from passes.store.tables import Delivery, GoogleNotice, Pass, Program, QueuePause

GOOGLE = "google"
NONE, PENDING, SYNCED, FAILED = "none", "pending", "synced", "failed"
OBJECT, CLASS = "object:", "class:"

NOTICES_PER_DAY = 3  # per pass, Google Wallet: trigger push notifications
DAY = timedelta(hours=24)
_OUTDATED = -1  # a version before the first
_IN_VAIN = 3  # tries; an object waits for its class once or twice as a matter of course

# Asked at every stamp: built once, because building them costs more than asking.
_AMONG = Pass.id.in_(bindparam("pass_ids", expanding=True))
_TELL_HOLDERS = outbox.enqueuing(
    GOOGLE, select(literal(OBJECT) + Pass.id, literal(GOOGLE)).where(_AMONG, Pass.google_saved)
)
_NOTICES = (
    select(func.count())
    .where(GoogleNotice.pass_id == Pass.id, GoogleNotice.sent_at > bindparam("yesterday"))
    .scalar_subquery()
)
_MAY_NOTIFY = select(Pass.id).where(_AMONG, _NOTICES < NOTICES_PER_DAY)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a pass stands at Google.

    `sync` is pending also while a change of a synced object is on its way. `trouble` is why its
    delivery waits, if it was tried in vain or nothing can be told at all.
    """

    sync: str
    is_current: bool
    error: str | None
    trouble: str | None
    saved: bool


def standing(session: Session, pass_id: str) -> Standing:
    parent = aliased(Delivery)
    row = session.execute(
        select(
            Pass.google_sync,
            Pass.google_version,
            Pass.google_error,
            Pass.google_saved,
            is_behind().label("behind"),
            Delivery.last_error,
            Delivery.attempts,
            Program.google_sync.label("class_sync"),
            Program.google_error.label("class_error"),
            QueuePause.why.label("halted"),
            parent.last_error.label("class_trouble"),
            parent.attempts.label("class_attempts"),
        )
        .join(Program, Program.id == Pass.program_id)
        .outerjoin(
            Delivery, (Delivery.courier == GOOGLE) & (Delivery.target == literal(OBJECT) + Pass.id)
        )
        .outerjoin(
            parent,
            (parent.courier == GOOGLE) & (parent.target == literal(CLASS) + Pass.program_id),
        )
        .outerjoin(
            QueuePause,
            (QueuePause.courier == Delivery.courier) & (QueuePause.queue == Delivery.queue),
        )
        .where(Pass.id == pass_id)
    ).one()
    current = row.google_sync == SYNCED and not row.behind
    sync, error = row.google_sync, row.google_error
    trouble = row.halted or _in_vain(row.last_error, row.attempts)
    if row.google_version is None:  # it waits for its class
        trouble = trouble or _in_vain(row.class_trouble, row.class_attempts)
    if sync == PENDING and row.class_sync == FAILED:
        sync, error = FAILED, row.class_error
    elif sync == SYNCED and not current and row.attempts is not None:
        sync = PENDING
    return Standing(sync, current, error, trouble, row.google_saved)


def want_object(session: Session, pass_id: str, now: datetime) -> None:
    """The holder tapped: the object has to be at Google as soon as possible, in its newest state.

    Asking again while it is on its way changes nothing; behind a fan-out it is not on its way.
    """
    sync = session.scalar(select(Pass.google_sync).where(Pass.id == pass_id))
    if sync == PENDING and _is_first(session, OBJECT + pass_id):
        return
    session.execute(
        update(Pass).where(Pass.id == pass_id).values(google_sync=PENDING, google_error=None)
    )
    target = select(literal(OBJECT) + Pass.id, literal(GOOGLE)).where(Pass.id == pass_id)
    outbox.enqueue(session, GOOGLE, target, outbox.AT_THE_TILL, now)


def want_class(session: Session, program_id: str, now: datetime) -> None:
    """The program's class has to be brought up to date."""
    session.execute(update(Program).where(Program.id == program_id).values(google_sync=PENDING))
    target = select(literal(CLASS) + Program.id, literal(GOOGLE)).where(Program.id == program_id)
    outbox.enqueue(session, GOOGLE, target, outbox.BY_HAND, now)


def introduce_class(session: Session, program_id: str, now: datetime) -> None:
    """A program that opens has its class at Google before anybody taps; one that is there stays."""
    sync = session.scalar(select(Program.google_sync).where(Program.id == program_id))
    if sync != SYNCED:
        want_class(session, program_id, now)


def follow_class(session: Session, program_id: str, now: datetime) -> None:
    """A class that is at Google follows a change of its program's look."""
    sync = session.scalar(select(Program.google_sync).where(Program.id == program_id))
    if sync != NONE:
        want_class(session, program_id, now)


def is_behind() -> ColumnElement[bool]:
    """Passes whose object lacks a change that it has to show."""
    return or_(Pass.google_version.is_(None), Pass.google_version < Pass.object_version)


def depends_on_class() -> ColumnElement[bool]:
    """Passes whose object Google refused, or that may wait for their program's class."""
    is_new = (Pass.google_sync == PENDING) & Pass.google_version.is_(None)
    return or_(Pass.google_sync == FAILED, is_new)


def resume_objects(session: Session, passes: ColumnElement[bool], now: datetime) -> None:
    """The class of these passes is there, as it should be: what depends on it goes on at once."""
    mine = select(Pass.id).where(passes, depends_on_class())
    ids = session.scalars(mine.order_by(Pass.id).with_for_update()).all()
    session.execute(
        update(Pass)
        .where(Pass.id.in_(ids))
        .values(google_sync=PENDING, google_error=None)
        .execution_options(synchronize_session=False)
    )
    targets = select(literal(OBJECT) + Pass.id, literal(GOOGLE)).where(Pass.id.in_(ids))
    outbox.enqueue(session, GOOGLE, targets, outbox.FAN_OUT, now)


def tell_google(session: Session, pass_ids: Collection[str], priority: int, now: datetime) -> int:
    """Objects that somebody holds follow a change; returns how many are on their way."""
    return outbox.enqueue_by(session, _TELL_HOLDERS, priority, now, pass_ids=list(pass_ids))


def tell_google_alone(session: Session, passes: ColumnElement[bool], now: datetime) -> None:
    """Objects follow a change that no phone shows; to phones these passes have not changed.

    An object that is told at this moment is told once more. Others are behind until the next tap.
    """
    session.execute(select(Pass.id).where(passes).order_by(Pass.id).with_for_update()).all()
    session.execute(
        update(Pass)
        .where(passes, Pass.google_version.is_not(None))
        .values(google_version=_OUTDATED)
        .execution_options(synchronize_session=False)
    )
    followed = Pass.google_saved | (Pass.google_sync == PENDING)
    targets = select(literal(OBJECT) + Pass.id, literal(GOOGLE)).where(passes, followed)
    outbox.enqueue(session, GOOGLE, targets, outbox.FAN_OUT, now)


def withdraw_object(session: Session, pass_id: str, now: datetime) -> None:
    """A void card's object is told also when nobody holds it: it could still be saved as valid.

    One that Google refused is told too: it may have been made by a request that seemed to fail.
    """
    might_be_there = Pass.google_sync != NONE
    target = select(literal(OBJECT) + Pass.id, literal(GOOGLE)).where(
        Pass.id == pass_id, might_be_there
    )
    outbox.enqueue(session, GOOGLE, target, outbox.AT_THE_TILL, now)


def forget_words(session: Session, pass_id: str) -> None:
    """What Google said about the object goes: it may quote what the object showed."""
    mine = update(Pass).where(Pass.id == pass_id)
    session.execute(mine.values(google_error=None).execution_options(synchronize_session=False))
    session.execute(
        update(Delivery)
        .where(Delivery.courier == GOOGLE, Delivery.target == OBJECT + pass_id)
        .values(last_error=None)
        .execution_options(synchronize_session=False)
    )


def may_notify(session: Session, pass_ids: Collection[str], now: datetime) -> set[str]:
    """Of these passes, those of which Google would show one more change on the lock screen now."""
    names = {"pass_ids": list(pass_ids), "yesterday": now - DAY}
    return set(session.scalars(_MAY_NOTIFY, names))


def programs_at_google(session: Session) -> Sequence[str]:
    """The programs whose class may be there, in the order of their ids."""
    return session.scalars(
        select(Program.id).where(Program.google_sync != NONE).order_by(Program.id)
    ).all()


def forget_old_notices(session: Session, now: datetime) -> None:
    session.execute(delete(GoogleNotice).where(GoogleNotice.sent_at < now - DAY))


def _in_vain(why: str | None, attempts: int | None) -> str | None:
    return why if attempts is not None and attempts >= _IN_VAIN else None


def _is_first(session: Session, target: str) -> bool:
    row = session.scalar(
        select(Delivery.id).where(
            Delivery.courier == GOOGLE,
            Delivery.target == target,
            Delivery.state == outbox.WAITING,
            Delivery.priority == outbox.AT_THE_TILL,
        )
    )
    return row is not None
