"""A till beside the phones: it reads the barcode of a card and gives its member a stamp.

It knows the service by its public API alone: a lookup by code, then the member's transaction.
"""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from webhooks.simulators.web import Unreachable, Web, WebAnswer

_OK, _CREATED = 200, 201


class TillError(Exception):
    """No stamp was given; the message says why, in the service's words where it spoke."""

    code = "not_stamped"


@dataclass(frozen=True, slots=True)
class Till:
    """A till with an API key, read from its file at each use so that it can be changed."""

    service_url: str
    key_file: Path
    make_web: Callable[[], Web] = field(repr=False)

    def stamp(self, code: str) -> str:
        """Give one stamp to the card with this barcode; says what it has now."""
        web = self.make_web()
        found = self._post(web, "/v1/scans", {"code": code, "intent": "lookup"}, None)
        member = _text(found, "member", "id")
        path = f"/v1/members/{quote(member, safe='')}/transactions"
        key = str(uuid.uuid4())
        earned = self._post(web, path, {"type": "earn", "stamps": 1}, key)
        return f"Stamped: {_text(earned, 'transaction', 'balance_after')} stamps in all"

    def _post(self, web: Web, path: str, document: object, key: str | None) -> dict[str, object]:
        headers = {"Authorization": f"Bearer {self._key()}", "Content-Type": "application/json"}
        if key:
            headers["Idempotency-Key"] = key
        body = json.dumps(document).encode()
        try:
            answer = web.send("POST", self.service_url + path, headers, body)
        except Unreachable as error:
            raise TillError(f"The service does not answer: {error}") from error
        if answer.status not in {_OK, _CREATED}:
            raise TillError(_problem(answer))
        return _object(answer)

    def _key(self) -> str:
        try:
            return self.key_file.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise TillError(f"The API key in {self.key_file.name} cannot be read.") from error


def _object(answer: WebAnswer) -> dict[str, object]:
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        document = None
    return document if isinstance(document, dict) else {}


def _problem(answer: WebAnswer) -> str:
    document = _object(answer)
    words = document.get("detail") or document.get("title") or "no reason given"
    return f"The service refused the stamp ({answer.status}): {words}"


def _text(document: dict[str, object], part: str, key: str) -> str:
    inner = document.get(part)
    if not isinstance(inner, dict) or key not in inner:
        raise TillError(f"The service's answer has no {part}.{key}.")
    return str(inner[key])
