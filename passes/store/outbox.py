"""The outbox: who has to be told, kept in the transaction of the change, told by the workers.

A push only says "come and fetch", so several changes for one target are one row. The row's life:
enqueue (or renew) → claim under a lease → deliver, outside any transaction → settle. A crash at any
point leaves a row whose lease ends: told twice perhaps, never not at all. One set of statements
for SQLite and PostgreSQL (SQLAlchemy drops the row locks on SQLite, where one writer writes).

This is the side of the change. Not for: what a worker does with a row (`claims`), and how much
waits (`backlog`).
"""

from datetime import UTC, datetime

from sqlalchemy import Select, bindparam, case, literal, literal_column
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.orm import Session

from passes.store.tables import Delivery

WAITING, GAVE_UP = "waiting", "gave_up"
APNS = "apns"

# The smaller overtakes the larger.
AT_THE_TILL, BY_HAND, FAN_OUT = PRIORITIES = 0, 5, 9

# "Now" for a fresh row: a date no clock step can move into the future.
AT_ONCE = datetime(1970, 1, 1, tzinfo=UTC)


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
    session.flush()
    return enqueue_by(session, enqueuing(courier, targets), priority, now)


def enqueuing(courier: str, targets: Select[str, str]) -> Insert:
    """The statement of `enqueue`, for those who ask all the time: building it costs the most."""
    priority = bindparam("urgency", type_=Delivery.priority.type)
    now = bindparam("moment", type_=Delivery.waiting_since.type)
    source = (
        targets.add_columns(
            literal(courier),
            literal(1),
            priority,
            literal(WAITING),
            literal(AT_ONCE, Delivery.due_at.type),
            now,
            literal(0),
            literal(False),
        )
        .where(literal(True))  # SQLite needs a WHERE before ON CONFLICT
        .order_by(targets.selected_columns[0])  # the same everywhere: two changes cannot deadlock
    )
    columns = (
        "target",
        "queue",
        "courier",
        "version",
        "priority",
        "state",
        "due_at",
        "waiting_since",
        "attempts",
        "held",
    )
    newer = literal_column("excluded.priority", Delivery.priority.type)
    return (
        insert(Delivery)
        .from_select(columns, source)
        .on_conflict_do_update(
            index_elements=["courier", "target"],
            set_={
                "version": Delivery.version + 1,
                "queue": literal_column("excluded.queue"),
                "priority": case((Delivery.priority < newer, Delivery.priority), else_=newer),
                "state": WAITING,
                "due_at": case((Delivery.held, Delivery.due_at), else_=AT_ONCE),
                "waiting_since": case(
                    (Delivery.waiting_since < now, Delivery.waiting_since),
                    else_=literal_column("excluded.waiting_since"),
                ),
                "attempts": 0,
            },
        )
        .execution_options(preserve_rowcount=True)
    )


def enqueue_by(
    session: Session, statement: Insert, priority: int, now: datetime, **names: object
) -> int:
    """Does what `enqueue` does by a statement of `enqueuing`; `names` are its query's parameters.

    The query sees what the session has flushed.
    """
    values = {"urgency": priority, "moment": now, **names}
    return session.connection().execute(statement, values).rowcount
