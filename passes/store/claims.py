"""The worker's side of the outbox: rows are claimed under a lease, told, and settled by the claim.

Who lost the lease meanwhile settles nothing, and a row that changed meanwhile stays.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    Boolean,
    ColumnElement,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session

from passes.store import pauses
from passes.store.outbox import AT_ONCE, GAVE_UP, PRIORITIES, WAITING
from passes.store.tables import Delivery

_RELEASED = {"lease_owner": None, "lease_until": None, "lease_version": None}
_UNCHANGED = Delivery.version == Delivery.lease_version  # since it was claimed

# Asked many times a second or for every batch: built once, because building costs more than asking.
_NOW = bindparam("now", type_=Delivery.due_at.type)
_DUE = and_(
    Delivery.courier == bindparam("told_by"),
    Delivery.state == WAITING,
    Delivery.priority.in_(PRIORITIES),  # by name, so that the index leads straight to what is due
    Delivery.due_at <= _NOW,
    or_(Delivery.lease_until.is_(None), Delivery.lease_until <= _NOW),
)
_IS_ANYTHING_DUE = select(exists().where(_DUE))
_CHOSEN = (
    select(Delivery.id)
    .where(_DUE)
    .order_by(Delivery.priority, Delivery.due_at, Delivery.id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_CLAIM = (
    update(Delivery)
    .where(Delivery.id.in_(_CHOSEN))
    .values(
        lease_owner=bindparam("owner"),
        lease_until=bindparam("until"),
        lease_version=Delivery.version,
        attempts=Delivery.attempts + 1,
    )
    .returning(
        Delivery.id,
        Delivery.target,
        Delivery.queue,
        Delivery.priority,
        Delivery.attempts,
        Delivery.waiting_since,
    )
)
_LEFT_BEHIND = Delivery.lease_owner.is_not(None)
_DOUBT = bindparam("doubt_over", type_=Delivery.doubt_until.type)
_CLAIM_WITH_DOUBT = _CLAIM.values(
    doubt_until=case((_LEFT_BEHIND, _DOUBT), else_=Delivery.doubt_until)
)
_MINE = and_(
    Delivery.lease_owner == bindparam("owner"),
    Delivery.id.in_(bindparam("rows", expanding=True)),
)
_LOCK = select(Delivery.id).where(_MINE).order_by(Delivery.target).with_for_update()
_SURE = or_(Delivery.doubt_until.is_(None), Delivery.doubt_until <= _NOW)
_DONE = delete(Delivery).where(_MINE, _UNCHANGED, _SURE)
_ONCE_MORE = (
    update(Delivery)
    .where(_MINE)
    .values(
        **_RELEASED,
        attempts=0,
        held=False,
        due_at=case((_UNCHANGED, Delivery.doubt_until), else_=Delivery.due_at),
        waiting_since=case((_UNCHANGED, Delivery.doubt_until), else_=_NOW),
    )
)
_DROP = delete(Delivery).where(_MINE)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A row that one worker tells now; `attempts` counts this one already."""

    id: int
    target: str
    queue: str
    priority: int
    attempts: int
    waiting_since: datetime


@dataclass(frozen=True, slots=True)
class Retry:
    """A claimed row that has to wait: until when, and why.

    `held` when the other side asked for the wait, so that no new change cuts it short.
    `doubt_until` when it may yet obey what it did not answer, even after something newer.
    """

    row: int
    due_at: datetime
    why: str
    held: bool = False
    doubt_until: datetime | None = None


def is_anything_due(session: Session, courier: str, now: datetime) -> bool:
    """A cheap look before a claim, which has to take the write lock."""
    return bool(session.scalar(_IS_ANYTHING_DUE, {"told_by": courier, "now": now}))


def claim(
    session: Session,
    courier: str,
    owner: str,
    limit: int,
    now: datetime,
    lease: timedelta,
    doubt: timedelta | None = None,
) -> list[Claimed]:
    """Takes up to `limit` due rows for `owner`, which nobody else gets before the lease ends.

    `owner` is new for every claim. What a worker left behind may be on its way still: the row is in
    doubt for `doubt`, None where a late notice does no harm.
    """
    values = {"told_by": courier, "owner": owner, "most": limit, "now": now, "until": now + lease}
    if doubt is None:
        rows = session.connection().execute(_CLAIM, values)
    else:
        doubtful = {**values, "doubt_over": now + doubt}
        rows = session.connection().execute(_CLAIM_WITH_DOUBT, doubtful)
    return sorted((Claimed(*row) for row in rows), key=lambda one: (one.priority, one.id))


def lock(session: Session, owner: str, rows: Sequence[int]) -> None:
    """Before several rows are settled: takes them in the order in which changes renew them.

    Without it, a change for the same targets and this transaction could wait for each other.
    """
    session.connection().execute(_LOCK, {"owner": owner, "rows": rows}).all()


def settle(session: Session, owner: str, rows: Sequence[int], now: datetime) -> None:
    """The rows were told. One that changed meanwhile waits for its next turn at once.

    One in doubt is told once more when the doubt is over: what is late cannot have the last word.
    """
    told = {"owner": owner, "rows": rows, "now": now}
    if session.connection().execute(_DONE, told).rowcount < len(rows):
        session.connection().execute(_ONCE_MORE, told)


def postpone(session: Session, owner: str, retries: Sequence[Retry]) -> None:
    """The rows could not be told; each waits until its time, unless it was renewed meanwhile."""
    _defer(session, owner, retries, untried=0)


def send_back(session: Session, owner: str, retries: Sequence[Retry]) -> None:
    """The rows were not even tried and wait until their time; this attempt does not count."""
    _defer(session, owner, retries, untried=1)


def give_up(session: Session, owner: str, row: int, why: str) -> None:
    """The row will not be told until somebody renews it or a change does."""
    session.execute(
        update(Delivery)
        .where(Delivery.lease_owner == owner, Delivery.id == row)
        .values(**_RELEASED, last_error=why, state=case((_UNCHANGED, GAVE_UP), else_=WAITING))
        .execution_options(synchronize_session=False)
    )


def prolong(session: Session, owners: Sequence[str], until: datetime) -> None:
    """What these owners have under way stays theirs until then."""
    session.execute(
        update(Delivery)
        .where(Delivery.lease_owner.in_(owners))
        .values(lease_until=until)
        .execution_options(synchronize_session=False)
    )


def hold_back(
    session: Session, courier: str, queue: str, until: datetime, why: str, limit: int
) -> None:
    """Up to `limit` rows of a queue that nobody has claimed wait until then, as if sent back."""
    some = (
        select(Delivery.id)
        .where(
            Delivery.courier == courier,
            Delivery.state == WAITING,
            Delivery.priority.in_(PRIORITIES),
            Delivery.due_at < until,
            Delivery.queue == queue,
            Delivery.lease_owner.is_(None),
        )
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    session.execute(
        update(Delivery)
        .where(Delivery.id.in_(some))
        .values(due_at=until, last_error=why)
        .execution_options(synchronize_session=False)
    )


def drop(session: Session, owner: str, rows: Sequence[int]) -> None:
    """The rows have lost their meaning: their target is gone."""
    if rows:
        session.connection().execute(_DROP, {"owner": owner, "rows": rows})


def heal_clock_step(
    session: Session, now: datetime, lease: timedelta, longest_wait: timedelta
) -> None:
    """Frees what waits for a moment that nobody orders: it was written before the clock went back.

    `lease` and `longest_wait` are the longest that are ever ordered.
    """
    session.execute(
        update(Delivery)
        .where(Delivery.lease_until > now + 2 * lease)  # hosts differ by less than a lease
        .values(**_RELEASED)
        .execution_options(synchronize_session=False)
    )
    session.execute(
        update(Delivery)
        .where(
            or_(
                Delivery.due_at > now + longest_wait,
                Delivery.doubt_until > now + longest_wait,
            )
        )
        .values(due_at=AT_ONCE, held=False, doubt_until=None)
        .execution_options(synchronize_session=False)
    )
    pauses.heal_clock_step(session, now, longest_wait)


def _attempts_but(untried: int) -> ColumnElement[int]:
    """A renewed row counts its attempts anew."""
    return case((_UNCHANGED, Delivery.attempts - untried), else_=Delivery.attempts)


def _defer(session: Session, owner: str, retries: Sequence[Retry], untried: int) -> None:
    if not retries:
        return
    held, due_at, doubt_until = (
        bindparam("is_held", type_=Boolean),
        bindparam("until", type_=Delivery.due_at.type),
        bindparam("doubted", type_=Delivery.doubt_until.type),
    )
    session.connection().execute(
        update(Delivery)
        .where(Delivery.id == bindparam("row"), Delivery.lease_owner == owner)
        .values(
            **_RELEASED,
            last_error=bindparam("why"),
            held=held,
            due_at=case((or_(held, _UNCHANGED), due_at), else_=Delivery.due_at),
            attempts=_attempts_but(untried),
            doubt_until=func.coalesce(doubt_until, Delivery.doubt_until),
        ),
        [
            {
                "row": one.row,
                "until": one.due_at,
                "why": one.why,
                "is_held": one.held,
                "doubted": one.doubt_until,
            }
            for one in retries
        ],
    )
