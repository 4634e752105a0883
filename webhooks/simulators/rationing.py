"""How a phone rations the updates of one pass type. Pure; one state per web service and pass type.

As observed of the Wallet daemon: fetches that follow each other faster than a zero interval add to
a score, slower ones take from it. Rising levels put the next fetch off to 2 minutes, 10 minutes and
1 hour after the last one; at the top automatic updates of all cards of that type are switched off.
The thresholds of the levels are not known; those here are our assumption.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

_SHORTEST = timedelta(seconds=1800)
_SHARED = timedelta(seconds=7200)  # divided among the cards of the type
_WAITS = (timedelta(0), timedelta(minutes=2), timedelta(minutes=10), timedelta(hours=1))
_THRESHOLDS = (4.0, 8.0, 12.0)  # assumed: from these scores on, the second, third, fourth wait
_TOP = 16.0  # assumed: from here on updates are switched off


@dataclass(frozen=True, slots=True)
class Ration:
    """The score so far and the last counted fetch; None before the first."""

    score: float = 0.0
    last: datetime | None = None

    @property
    def level(self) -> int:
        """0 to 3: which of the waits applies."""
        return sum(self.score >= threshold for threshold in _THRESHOLDS)

    @property
    def exhausted(self) -> bool:
        """Whether automatic updates are to be switched off."""
        return self.score >= _TOP

    def next_fetch(self, now: datetime) -> datetime:
        """The earliest moment at which the phone fetches again by itself."""
        return max(now, self.last + _WAITS[self.level]) if self.last else now

    def after_fetch(self, now: datetime, cards: int) -> "Ration":
        """The state after a fetch on a phone with so many cards of the type.

        A fetch right after the last adds 1; one a zero interval later changes nothing; a pause of
        n further intervals takes n away.
        """
        if self.last is None:
            return Ration(self.score, now)
        gap = (now - self.last) / zero_interval(cards)
        return Ration(max(0.0, self.score + 1.0 - gap), now)


def zero_interval(cards: int) -> timedelta:
    """The pace of fetches that costs nothing, for so many cards of one type."""
    return max(_SHORTEST, _SHARED / max(1, cards))
