"""A rate that all workers share: a token bucket in the database, in which turns are reserved.

Whoever comes gets a turn at once, now or later, and need not ask again: waiting costs no queries,
and nobody is overtaken. The tokens of a bucket are negative while turns lie ahead.
"""

from datetime import datetime, timedelta

from sqlalchemy import Row, bindparam, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from passes.store.tables import RateBucket

_SKEW = timedelta(seconds=5)  # by which the clocks of two hosts may differ

# Asked for every few turns: built once, because building them costs more than asking.
_MINE = RateBucket.name == bindparam("bucket")
_LOCKED = select(RateBucket.tokens, RateBucket.refilled_at).where(_MINE).with_for_update()
_KEEP = (
    update(RateBucket).where(_MINE).values(tokens=bindparam("left"), refilled_at=bindparam("since"))
)


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
    gap, refilled_at = _gap(bucket.refilled_at, now)
    saved = min(bucket.tokens + rate_per_s * gap.total_seconds(), burst)
    left = {"bucket": name, "left": saved - turns, "since": refilled_at}
    session.connection().execute(_KEEP, left)
    return [max((turn - saved) / rate_per_s, 0.0) for turn in range(1, turns + 1)]


def _locked(session: Session, name: str) -> Row[float, datetime] | None:
    return session.connection().execute(_LOCKED, {"bucket": name}).one_or_none()


def _create(session: Session, name: str, burst: float, now: datetime) -> None:
    """A full bucket, unless somebody else makes it at this moment."""
    row = insert(RateBucket).values(name=name, tokens=burst, refilled_at=now)
    session.execute(row.on_conflict_do_nothing())


def _gap(refilled_at: datetime, now: datetime) -> tuple[timedelta, datetime]:
    """For how long the bucket was not refilled, and until when it is then.

    The host whose clock is ahead refills for all. A time that is further ahead than clocks differ
    was written before this one was set back, and counts no more.
    """
    if refilled_at - _SKEW <= now <= refilled_at:
        return timedelta(), refilled_at
    return max(now - refilled_at, timedelta()), now
