"""What became of one notice: values, matched in one place by the worker.

Delivered            the provider took it
Gone(since)          the target no longer exists: forget it, unless it was renewed after `since`
Later(after_s, why)  try this one again, not before `after_s` seconds (None: the usual back-off)
Slower(after_s, why) the same for all of this queue: the provider has enough for now
Refused(why)         it will never be taken; give the row up where people can see it
Halted(why)          nothing of this queue can be taken now (a certificate is refused, say):
                     pause the queue and raise an alarm; the row waits
"""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Delivered:
    """The provider took it; that is no proof that a phone has seen it."""


@dataclass(frozen=True, slots=True)
class Gone:
    """The target no longer exists; `since` (aware UTC) is when the provider saw it go, if told."""

    why: str
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Later:
    """Not now; `after_s` is what the provider asked for, None leaves it to the usual back-off.

    `in_doubt`: it was sent and not answered, so the provider may yet carry it out, even after
    something newer that it is told next.
    """

    why: str
    after_s: float | None = None
    in_doubt: bool = False


@dataclass(frozen=True, slots=True)
class Slower(Later):
    """Later, and the same for everything else of this queue."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Never, in this form. `words` are the provider's own: they may quote what it was told."""

    why: str
    words: str = field(default="", repr=False)

    def __str__(self) -> str:
        return f"{self.why} ({self.words})" if self.words else self.why


@dataclass(frozen=True, slots=True)
class Halted:
    """Nothing of the whole queue, until somebody mends what `why` names."""

    why: str


Outcome = Delivered | Gone | Later | Refused | Halted
