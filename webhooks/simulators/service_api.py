"""The service's public API as a till and the phones' page use it: one key, one merchant."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from webhooks.simulators.web import Unreachable, Web, WebAnswer

_GOOD = frozenset({200, 201})


class ServiceError(Exception):
    """What was asked for did not come; the message says why, in the service's words if it spoke.

    `status` is that of its answer; None when there was none.
    """

    code = "service_refused"

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class ServiceApi:
    """Asks with a key that is read from its file each time, so that it can be changed."""

    service_url: str
    key_file: Path
    make_web: Callable[[], Web] = field(repr=False)

    def get(self, path: str) -> dict[str, object]:
        """The JSON object at a path; raises ServiceError."""
        return self._send("GET", path, {}, None)

    def post(self, path: str, document: object, idempotency_key: str = "") -> dict[str, object]:
        """What the service answers to a document; raises ServiceError."""
        headers = {"Content-Type": "application/json"}
        if idempotency_key:
            headers["Idempotency-Key"] = idempotency_key
        return self._send("POST", path, headers, json.dumps(document).encode())

    def _send(
        self, method: str, path: str, headers: dict[str, str], body: bytes | None
    ) -> dict[str, object]:
        headers = {"Authorization": f"Bearer {self._key()}"} | headers
        try:
            answer = self.make_web().send(method, self.service_url + path, headers, body)
        except Unreachable as error:
            raise ServiceError(f"The service does not answer: {error}") from error
        document = _object(answer)
        if answer.status not in _GOOD:
            words = document.get("detail") or document.get("title") or "no reason given"
            raise ServiceError(f"The service refused ({answer.status}): {words}", answer.status)
        return document

    def _key(self) -> str:
        try:
            return self.key_file.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ServiceError(f"The API key in {self.key_file.name} cannot be read.") from error


def _object(answer: WebAnswer) -> dict[str, object]:
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        document = None
    return document if isinstance(document, dict) else {}
