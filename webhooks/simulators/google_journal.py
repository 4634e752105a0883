"""What the local Google was asked and answered, with bodies but without tokens."""

import json
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Lock

from webhooks.simulators.findings import Finding
from webhooks.simulators.google_http import Request

_KEPT = 20_000
_SAVE = "/gp/v/save/"


@dataclass(slots=True)
class Entry:
    """One request. `status` is None while it is held back, and 0 when it got no answer."""

    number: int
    at: datetime
    method: str
    path: str
    body: object
    status: int | None = None
    reason: str = ""
    message: str = ""
    findings: tuple[Finding, ...] = ()

    def as_json(self) -> dict[str, object]:
        return {
            "number": self.number,
            "at": self.at.isoformat(),
            "method": self.method,
            "path": self.path,
            "body": self.body,
            "status": self.status,
            "reason": self.reason,
            "message": self.message,
            "findings": [str(finding) for finding in self.findings],
        }


class Journal:
    """The newest requests in order of arrival; safe to use from several threads."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=_KEPT)
        self._number = 0
        self._lock = Lock()

    def open(self, request: Request, at: datetime) -> Entry:
        """Note that a request arrived."""
        path, body = _readable(request)
        with self._lock:
            self._number += 1
            entry = Entry(self._number, at, request.method, path, body)
            self._entries.append(entry)
        return entry

    def entries(self, method: str = "", path: str = "", after: int = 0) -> list[Entry]:
        """Those of a method whose path holds this text, that came after a number."""
        with self._lock:
            kept: Sequence[Entry] = list(self._entries)
        return [
            one
            for one in kept
            if one.number > after and method in {"", one.method} and path in one.path
        ]

    def clear(self) -> None:
        """Forget all; numbers go on."""
        with self._lock:
            self._entries.clear()


def _readable(request: Request) -> tuple[str, object]:
    """Path and body without what opens doors: assertions and save links are left out."""
    if request.path.startswith(_SAVE):
        return f"{_SAVE}…", None
    if request.path == "/token":
        return request.path, None
    try:
        return request.path, json.loads(request.body) if request.body else None
    except (ValueError, RecursionError):
        return request.path, request.body.decode("utf-8", "replace")
