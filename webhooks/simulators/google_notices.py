"""What holders of a pass get to see, and how often Google lets a merchant disturb them."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Literal

_WINDOW = timedelta(hours=24)
_KEPT = 2_000

What = Literal["saved", "removed", "shown", "silent"]


@dataclass(frozen=True, slots=True)
class Happening:
    """Something about a pass that reached its holder; `shown` is a notice on the phone."""

    number: int
    at: datetime
    what: What
    user: str
    object_id: str
    title: str
    text: str

    def as_json(self) -> dict[str, object]:
        return {
            "number": self.number,
            "at": self.at.isoformat(),
            "what": self.what,
            "user": self.user,
            "object_id": self.object_id,
            "title": self.title,
            "text": self.text,
        }


class NoticeBoard:
    """All happenings, newest last, and the quota; safe to use from several threads."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._happened: deque[Happening] = deque(maxlen=_KEPT)
        self._taken: defaultdict[str, deque[datetime]] = defaultdict(deque)
        self._watchers: list[Callable[[Happening], None]] = []
        self._lock = Lock()
        self._number = 0

    def watch(self, watcher: Callable[[Happening], None]) -> None:
        """Hear of everything from now on."""
        self._watchers.append(watcher)

    def take(self, resource_id: str, most: int) -> bool:
        """Use up one notice of a pass or class, if it had fewer than `most` in 24 hours.

        Messages and updates draw from one quota: whether Google counts them apart is not known.
        """
        now = self._now()
        with self._lock:
            taken = self._taken[resource_id]
            while taken and taken[0] <= now - _WINDOW:
                taken.popleft()
            if len(taken) >= most:
                return False
            taken.append(now)
            return True

    def tell(self, what: What, users: Iterable[str], object_id: str, title: str, text: str) -> None:
        """Tell every one of these users."""
        for user in users:
            with self._lock:
                self._number += 1
                news = Happening(self._number, self._now(), what, user, object_id, title, text)
                self._happened.append(news)
            for watcher in self._watchers:
                watcher(news)

    def happenings(self) -> list[Happening]:
        """What is kept of them, oldest first."""
        with self._lock:
            return list(self._happened)

    def clear(self) -> None:
        """Forget all, the quota too."""
        with self._lock:
            self._happened.clear()
            self._taken.clear()
