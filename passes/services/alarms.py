"""What ails the outbox, in sentences for whoever runs the service, each with its cure."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from passes.store import backlog, outbox, pauses

_LATE = timedelta(minutes=5)  # a stamp takes seconds


def outbox_alarms(session: Session, now: datetime) -> Iterator[str]:
    """Queues that stand still, deliveries that were given up, and a backlog that grows old."""
    for pause in pauses.standing(session, now):
        since = f"{pause.since:%Y-%m-%d %H:%M} UTC"
        yield f"{pause.courier} of {pause.queue} stands still since {since}: {pause.why}"
    for depth in backlog.depths(session):
        if depth.state == outbox.GAVE_UP:
            yield (
                f"{depth.rows} deliveries by {depth.courier} were given up: see why with "
                "`passmint deliveries list --gave-up`, mend it, then `passmint deliveries retry`."
            )
    for late in backlog.overdue(session, now - _LATE, now):
        oldest = late.oldest or now
        yield (
            f"{late.rows} deliveries by {late.courier} wait, the oldest for "
            f"{_minutes(now - oldest)}: check that `passmint worker` runs, and its log."
        )


def _minutes(wait: timedelta) -> str:
    return f"{int(wait.total_seconds() // 60)} minutes"
