"""How rounds are made: their clock, batches, leases and waits."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from webhooks.retry import LONGEST_ASK_S


class Clock(Protocol):
    """Aware UTC."""

    def __call__(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class Terms:
    """How rounds are made: rows per claim, lease and longest back-off.

    What it takes to hand a batch over is what a stamp at the till may have to wait, and until its
    last answer it has to be far shorter than the lease. `doubt` is how long the provider may yet
    obey what it did not answer; None where that does no harm.
    """

    batch: int = 500
    lease: timedelta = timedelta(seconds=60)
    retry_cap: timedelta = timedelta(minutes=15)
    doubt: timedelta | None = None

    @property
    def longest_wait(self) -> timedelta:
        """What we ever order; a later moment stems from a clock that was set back."""
        return timedelta(seconds=LONGEST_ASK_S) + 2 * self.retry_cap
