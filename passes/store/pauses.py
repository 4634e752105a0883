"""Queues of the outbox that stand still, because their provider takes nothing now."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import case, delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from passes.store.tables import QueuePause


def pause(
    session: Session, courier: str, queue: str, why: str, now: datetime, until: datetime
) -> None:
    """Lets a queue stand still until a time, or longer if it does already.

    Pausing again keeps the first `since`.
    """
    row = insert(QueuePause).values(courier=courier, queue=queue, why=why, since=now, until=until)
    later = case((QueuePause.until > until, QueuePause.until), else_=row.excluded.until)
    session.execute(
        row.on_conflict_do_update(
            index_elements=["courier", "queue"], set_={"why": why, "until": later}
        )
    )


def resume(session: Session, courier: str, queues: Collection[str]) -> None:
    """The queues move again, whatever they were told to wait."""
    session.execute(
        delete(QueuePause).where(QueuePause.courier == courier, QueuePause.queue.in_(queues))
    )


def forget_over(session: Session, courier: str, queues: Collection[str], now: datetime) -> None:
    """Something of these queues was taken: their trouble is over, unless they stand still again."""
    session.execute(
        delete(QueuePause).where(
            QueuePause.courier == courier, QueuePause.queue.in_(queues), QueuePause.until <= now
        )
    )


def standing(session: Session, now: datetime, courier: str | None = None) -> Sequence[QueuePause]:
    """The queues that stand still now, all couriers' or one's."""
    those = select(QueuePause).where(QueuePause.until > now)
    if courier is not None:
        those = those.where(QueuePause.courier == courier)
    return session.scalars(those).all()


def trouble_since(session: Session, courier: str, queue: str) -> datetime | None:
    """When a queue stood still for the first time since it last moved; None when it moves."""
    row = session.get(QueuePause, (courier, queue))
    return row.since if row else None


def heal_clock_step(session: Session, now: datetime, longest_wait: timedelta) -> None:
    """Forgets pauses that nobody ordered: they were written before the clock went back."""
    session.execute(delete(QueuePause).where(QueuePause.until > now + longest_wait))
