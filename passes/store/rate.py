"""A rate that all workers share: a token bucket in the database, in which turns are reserved.

Whoever comes gets a turn at once, now or later, and need not ask again: waiting costs no queries,
and nobody is overtaken. The tokens of a bucket are negative while turns lie ahead.
"""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from passes.store.tables import RateBucket

_SKEW = timedelta(seconds=5)  # by which the clocks of two hosts may differ


def take(
    session: Session, name: str, rate_per_s: float, burst: float, now: datetime, turns: int = 1
) -> list[float]:
    """Takes the next turns and returns in how many seconds each of them is; 0 means now.

    At most `burst` turns are saved up while nobody comes. In a transaction of its own: everybody
    else waits for its end. A turn that is not used is lost.
    """
    bucket = _locked(session, name)
    if bucket is None:
        _create(session, name, burst, now)
        bucket = _locked(session, name)
        assert bucket  # noqa: S101  # rows of this table are never deleted
    refilled = bucket.tokens + rate_per_s * _refill(bucket, now).total_seconds()
    saved = min(refilled, burst)
    bucket.tokens = saved - turns
    return [max((turn - saved) / rate_per_s, 0.0) for turn in range(1, turns + 1)]


def _locked(session: Session, name: str) -> RateBucket | None:
    return session.scalar(
        select(RateBucket)
        .where(RateBucket.name == name)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def _create(session: Session, name: str, burst: float, now: datetime) -> None:
    """A full bucket, unless somebody else makes it at this moment."""
    row = insert(RateBucket).values(name=name, tokens=burst, refilled_at=now)
    session.execute(row.on_conflict_do_nothing())


def _refill(bucket: RateBucket, now: datetime) -> timedelta:
    """How long the bucket was not refilled.

    The host whose clock is ahead refills for all. A time that is further ahead than clocks differ
    was written before this one was set back, and counts no more.
    """
    if bucket.refilled_at - _SKEW <= now <= bucket.refilled_at:
        return timedelta()
    gap = max(now - bucket.refilled_at, timedelta())
    bucket.refilled_at = now
    return gap
