"""What a worker asks before it tells Google, and what it writes down afterwards."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, exists, insert, literal, select, update
from sqlalchemy.orm import Session

from passes.services.changes import begin_fan_out
from passes.services.google_sync import (
    CLASS,
    FAILED,
    GOOGLE,
    OBJECT,
    SYNCED,
    depends_on_class,
    may_notify,
    want_class,
)
from passes.store import outbox
from passes.store.tables import Delivery, GoogleNotice, Pass, Program

_SOON = timedelta(seconds=1)

# Asked for every batch of objects: built once, because building them costs more than asking.
_AMONG = Pass.id.in_(bindparam("pass_ids", expanding=True))
_LOCK = select(Pass.id).where(_AMONG).order_by(Pass.id).with_for_update()
_SHOWN = select(Pass.id, Pass.google_balance).where(
    _AMONG, Pass.google_saved, Pass.google_balance.is_not(None)
)
_EARLY = (
    select(Pass.id, Pass.program_id, Delivery.due_at)
    .join(Program, Program.id == Pass.program_id)
    .outerjoin(
        Delivery,
        (Delivery.courier == GOOGLE)
        & (Delivery.target == literal(CLASS) + Program.id)
        & (Delivery.state == outbox.WAITING),
    )
    .where(_AMONG, Pass.google_version.is_(None), Program.google_sync.not_in((SYNCED, FAILED)))
)
_TAKEN = (
    update(Pass)
    .where(Pass.id == bindparam("taken"))
    .values(
        google_sync=SYNCED,
        google_error=None,
        google_version=bindparam("shows"),
        google_balance=bindparam("balance"),
    )
)


@dataclass(frozen=True, slots=True)
class Taken:
    """An object as Google took it; `is_notified` when it was asked to tell the holder."""

    pass_id: str
    version: int
    balance: str
    is_notified: bool = False


def news(session: Session, balances: Mapping[str, str], now: datetime) -> set[str]:
    """Of these passes, with the balance each will show, those whose holders should be notified.

    The balance is another one than Google shows now, and the day's quota is open.
    """
    rows = session.execute(_SHOWN, {"pass_ids": list(balances)})
    changed = [row.id for row in rows if row.google_balance != balances[row.id]]
    return may_notify(session, changed, now) if changed else set()


def wait_for_class(
    session: Session, pass_ids: Collection[str], now: datetime
) -> dict[str, datetime]:
    """Of these passes, those whose objects have to wait for their class, and until when.

    A class that was never tried is put on its way. One that Google refused may be there in an older
    form, and what was once at Google stays there: such objects wait for nothing.
    """
    rows = session.execute(_EARLY, {"pass_ids": list(pass_ids)}).all()
    for program_id in sorted({row.program_id for row in rows if row.due_at is None}):
        want_class(session, program_id, now)
    return {row.id: max(row.due_at or now, now) + _SOON for row in rows}


def lock_passes(session: Session, pass_ids: Collection[str]) -> None:
    """Before several are booked: in the order in which changes take them."""
    session.execute(_LOCK, {"pass_ids": list(pass_ids)}).all()


def book_objects(session: Session, taken: Collection[Taken], now: datetime) -> None:
    """Google has these versions of the objects; the caller has locked their passes."""
    shown = [{"taken": one.pass_id, "shows": one.version, "balance": one.balance} for one in taken]
    session.connection().execute(_TAKEN, shown)
    notices = [{"pass_id": one.pass_id, "sent_at": now} for one in taken if one.is_notified]
    if notices:
        session.connection().execute(insert(GoogleNotice), notices)


def book_class(session: Session, program_id: str, now: datetime) -> None:
    """Google has the program's class.

    Objects that it refused before may fit now, and those that wait for it may go: a fan-out lets
    them. Locks the program, then its fan-out.
    """
    session.execute(
        update(Program)
        .where(Program.id == program_id)
        .values(google_sync=SYNCED, google_error=None)
        .execution_options(synchronize_session=False)
    )
    if session.scalar(select(exists().where(Pass.program_id == program_id, depends_on_class()))):
        begin_fan_out(session, program_id, now, phones=False, objects=False, resumes=True)


def book_failure(session: Session, target: str, why: str) -> None:
    """Google will not take it in this form."""
    values = {"google_sync": FAILED, "google_error": why}
    if target.startswith(OBJECT):
        statement = update(Pass).where(Pass.id == target.removeprefix(OBJECT)).values(values)
    else:
        program = Program.id == target.removeprefix(CLASS)
        statement = update(Program).where(program).values(values)
    session.execute(statement.execution_options(synchronize_session=False))
