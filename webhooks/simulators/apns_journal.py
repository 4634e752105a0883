"""What a local APNs has seen: every push with its answer, and the connections it came on."""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock

_KEPT = 100_000  # pushes; counts go on


@dataclass(frozen=True, slots=True)
class Push:
    """One request. `answer` is the status as text, or stall, reset, refused or goaway."""

    at: datetime
    connection: int
    stream: int
    apns_id: str
    token: str
    topic: str
    headers: Mapping[str, str]  # those that start with apns-
    payload: str
    answer: str
    reason: str | None

    def as_json(self) -> dict[str, object]:
        return {
            "at": self.at.isoformat(),
            "connection": self.connection,
            "stream": self.stream,
            "apns_id": self.apns_id,
            "token": self.token,
            "topic": self.topic,
            "headers": dict(self.headers),
            "payload": self.payload,
            "answer": self.answer,
            "reason": self.reason,
        }


@dataclass(slots=True)
class Connections:
    """How often the door was opened; `refused` counts handshakes turned down on purpose."""

    opened: int = 0
    open: int = 0
    refused: int = 0


@dataclass(slots=True)
class Journal:
    """The newest pushes in order of arrival; safe to read from other threads."""

    connections: Connections = field(default_factory=Connections)
    _pushes: deque[Push] = field(default_factory=lambda: deque(maxlen=_KEPT))
    _counts: Counter[str] = field(default_factory=Counter)
    _lock: Lock = field(default_factory=Lock)

    def add(self, push: Push) -> None:
        with self._lock:
            self._pushes.append(push)
            self._counts[push.answer] += 1

    def pushes(self, token: str | None = None) -> list[Push]:
        """All kept pushes, or those to one token, oldest first."""
        with self._lock:
            return [push for push in self._pushes if token in {None, push.token}]

    def counts(self) -> dict[str, int]:
        """Pushes since the last reset by answer."""
        with self._lock:
            return dict(self._counts)

    def clear(self) -> None:
        """Forget all pushes; connections that are open stay counted as open."""
        with self._lock:
            self._pushes.clear()
            self._counts.clear()
            self.connections.opened = self.connections.open
            self.connections.refused = 0
