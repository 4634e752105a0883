"""The outbox: who has to be told, kept in the transaction of the change, told by the workers.

A push only says "come and fetch", so several changes for one target are one row. The row's life:
enqueue (or renew) → claim under a lease → deliver, outside any transaction → settle. A crash at any
point leaves a row whose lease ends: told twice perhaps, never not at all. One set of statements
for SQLite and PostgreSQL (SQLAlchemy drops the row locks on SQLite, where one writer writes).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    Select,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from passes.store.tables import Delivery, QueuePause

WAITING, GAVE_UP = "waiting", "gave_up"
APNS = "apns"

# The smaller overtakes the larger.
AT_THE_TILL, BY_HAND, FAN_OUT = 0, 5, 9

# "Now" for a fresh row: a date no clock step can move into the future.
AT_ONCE = datetime(1970, 1, 1, tzinfo=UTC)


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
    """

    row: int
    due_at: datetime
    why: str
    held: bool = False


@dataclass(frozen=True, slots=True)
class Depth:
    """How much waits for one courier; `oldest` is None when nothing waits."""

    courier: str
    state: str
    rows: int
    oldest: datetime | None


def enqueue(
    session: Session,
    courier: str,
    targets: Select[str, str],
    priority: int,
    now: datetime,
) -> int:
    """Puts every (target, queue) that the query selects into the outbox; returns how many.

    A row that waits already is renewed: due at once, with the smaller priority and attempts anew,
    whether it gave up or is being told at this moment. A wait that the other side asked for stays.
    """
    chosen = targets.subquery()
    target, queue = chosen.c[0], chosen.c[1]
    source = (
        select(
            literal(courier),
            target,
            queue,
            literal(1),
            literal(priority),
            literal(WAITING),
            literal(AT_ONCE, Delivery.due_at.type),
            literal(now, Delivery.waiting_since.type),
            literal(0),
            literal(False),
        )
        .where(literal(True))  # SQLite needs a WHERE before ON CONFLICT
        .order_by(target)  # the same order everywhere, so that two changes cannot deadlock
    )
    columns = (
        "courier",
        "target",
        "queue",
        "version",
        "priority",
        "state",
        "due_at",
        "waiting_since",
        "attempts",
        "held",
    )
    statement = insert(Delivery).from_select(columns, source)
    renewed = statement.on_conflict_do_update(
        index_elements=["courier", "target"],
        set_={
            "version": Delivery.version + 1,
            "queue": statement.excluded.queue,
            "priority": case(
                (Delivery.priority < statement.excluded.priority, Delivery.priority),
                else_=statement.excluded.priority,
            ),
            "state": WAITING,
            "due_at": case((Delivery.held, Delivery.due_at), else_=AT_ONCE),
            "attempts": 0,
        },
    )
    outcome = session.execute(renewed)
    assert isinstance(outcome, CursorResult)  # noqa: S101  # what an INSERT gives
    return outcome.rowcount


def is_anything_due(session: Session, courier: str, now: datetime, horizon: timedelta) -> bool:
    """A cheap look before a claim, which has to take the write lock."""
    return bool(session.scalar(select(exists().where(_due(courier, now, horizon)))))


def claim(
    session: Session,
    courier: str,
    owner: str,
    limit: int,
    now: datetime,
    lease: timedelta,
    horizon: timedelta,
) -> list[Claimed]:
    """Takes up to `limit` due rows for `owner`, which nobody else gets before the lease ends.

    `owner` is new for every claim. `horizon` is the longest wait we ever order: a row due later
    than that was written before the clock was set back, and is due.
    """
    chosen = (
        select(Delivery.id)
        .where(_due(courier, now, horizon))
        .order_by(Delivery.priority, Delivery.due_at, Delivery.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = session.execute(
        update(Delivery)
        .where(Delivery.id.in_(chosen))
        .values(
            lease_owner=owner,
            lease_until=now + lease,
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
        .execution_options(synchronize_session=False)
    )
    return sorted((Claimed(*row) for row in rows), key=lambda one: (one.priority, one.id))


def settle(session: Session, owner: str, rows: Sequence[int], now: datetime) -> None:
    """The rows were told. One that changed meanwhile waits for its next turn at once."""
    mine = _mine(owner, rows)
    session.execute(
        delete(Delivery)
        .where(mine, Delivery.version == Delivery.lease_version)
        .execution_options(synchronize_session=False)
    )
    session.execute(
        update(Delivery)
        .where(mine)
        .values(**_RELEASED, attempts=0, waiting_since=now)
        .execution_options(synchronize_session=False)
    )


def postpone(session: Session, owner: str, retries: Sequence[Retry]) -> None:
    """The rows could not be told; each waits until its time, unless it was renewed meanwhile."""
    for retry in retries:
        unchanged = Delivery.version == Delivery.lease_version
        session.execute(
            update(Delivery)
            .where(_mine(owner, [retry.row]))
            .values(
                **_RELEASED,
                last_error=retry.why,
                due_at=case((unchanged, retry.due_at), else_=Delivery.due_at),
            )
            .execution_options(synchronize_session=False)
        )


def give_up(session: Session, owner: str, row: int, why: str) -> None:
    """The row will not be told until somebody renews it or a change does."""
    unchanged = Delivery.version == Delivery.lease_version
    session.execute(
        update(Delivery)
        .where(_mine(owner, [row]))
        .values(**_RELEASED, last_error=why, state=case((unchanged, GAVE_UP), else_=WAITING))
        .execution_options(synchronize_session=False)
    )


def release(session: Session, owner: str, rows: Sequence[int], why: str) -> None:
    """The rows were not even tried (their queue stands still); this attempt does not count."""
    session.execute(
        update(Delivery)
        .where(_mine(owner, rows))
        .values(**_RELEASED, last_error=why, attempts=Delivery.attempts - 1)
        .execution_options(synchronize_session=False)
    )


def drop(session: Session, owner: str, rows: Sequence[int]) -> None:
    """The rows have lost their meaning: their target is gone."""
    session.execute(
        delete(Delivery).where(_mine(owner, rows)).execution_options(synchronize_session=False)
    )


def pause(
    session: Session, courier: str, queue: str, why: str, now: datetime, until: datetime
) -> None:
    """Lets a queue stand still until a time; pausing again keeps the first `since`."""
    row = {"why": why, "until": until}
    session.execute(
        insert(QueuePause)
        .values(courier=courier, queue=queue, since=now, **row)
        .on_conflict_do_update(index_elements=["courier", "queue"], set_=row)
    )


def resume(session: Session, courier: str, queues: Collection[str]) -> None:
    """The queues move again."""
    session.execute(
        delete(QueuePause).where(QueuePause.courier == courier, QueuePause.queue.in_(queues))
    )


def depths(session: Session) -> list[Depth]:
    """What waits and what gave up, by courier."""
    rows = session.execute(
        select(
            Delivery.courier, Delivery.state, func.count(), func.min(Delivery.waiting_since)
        ).group_by(Delivery.courier, Delivery.state)
    )
    return [Depth(*row) for row in rows]


def pauses(session: Session, now: datetime) -> Sequence[QueuePause]:
    """The queues that stand still now."""
    return session.scalars(select(QueuePause).where(QueuePause.until > now)).all()


_RELEASED = {"lease_owner": None, "lease_until": None, "lease_version": None}


def _due(courier: str, now: datetime, horizon: timedelta) -> ColumnElement[bool]:
    beyond = now + horizon
    standing = exists().where(
        QueuePause.courier == courier,
        QueuePause.queue == Delivery.queue,
        QueuePause.until > now,
        QueuePause.until <= beyond,
    )
    return and_(
        Delivery.courier == courier,
        Delivery.state == WAITING,
        or_(Delivery.due_at <= now, Delivery.due_at > beyond),
        or_(
            Delivery.lease_until.is_(None),
            Delivery.lease_until <= now,
            Delivery.lease_until > beyond,
        ),
        ~standing,
    )


def _mine(owner: str, rows: Sequence[int]) -> ColumnElement[bool]:
    return and_(Delivery.lease_owner == owner, Delivery.id.in_(rows))
