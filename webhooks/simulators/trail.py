"""What a phone has done and shown, newest last: the story that the page tells."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

_KEPT = 200


@dataclass(frozen=True, slots=True)
class Event:
    """One step. `kind` is added, refused, registered, push, list, fetch, shown, silent, …"""

    number: int
    at: datetime
    kind: str
    text: str


@dataclass(slots=True)
class Trail:
    """The last events of one phone, numbered from 1."""

    events: deque[Event] = field(default_factory=lambda: deque(maxlen=_KEPT))

    def add(self, at: datetime, kind: str, text: str) -> None:
        self.events.append(Event(self.newest + 1, at, kind, text))

    @property
    def newest(self) -> int:
        """The number of the last event; 0 before the first."""
        return self.events[-1].number if self.events else 0
