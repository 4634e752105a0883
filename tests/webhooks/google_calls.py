"""Google, calling about two members' passes in envelopes it signed."""

import json
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from passes.store.tables import Event, GoogleNonce, Pass
from tests.service import Clock, Service
from tests.webhooks.google_signer import ISSUER, Google, body, millis, published
from webhooks.google_keys import KEYS_URL, Fetched, KeysUnavailable

GOOGLE = Google()
HOUR = timedelta(hours=1)

# for what does not depend on the database
ONE_DATABASE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

_nonces = count()


class Publisher:
    """Publishes Google's root key, unless it is down."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.down = False

    def fetch(self, url: str) -> Fetched:
        assert url == KEYS_URL
        if self.down:
            raise KeysUnavailable("down")
        key = published(GOOGLE.root, self.clock() + timedelta(days=365))
        return Fetched(json.dumps({"keys": [key]}).encode(), "max-age=3600")


@dataclass(frozen=True)
class Calls:
    """A program with two members' passes, and whoever calls in Google's name."""

    service: Service
    members: list[dict[str, Any]]
    program: dict[str, Any]
    publisher: Publisher
    clock: Clock

    def envelope(self, google: Google = GOOGLE, number: int = 0, **message: Any) -> dict[str, Any]:
        """A callback about one of the passes, with a fresh nonce."""
        told = {
            "classId": f"{ISSUER}.{self.program['id']}",
            "objectId": f"{ISSUER}.{self.members[number]['pass']['id']}",
            "nonce": f"nonce-{next(_nonces)}",
        }
        return google.envelope(self.clock(), **(told | message))

    def event(self, kind: str, at_s: float, **message: Any) -> bytes:
        """A save or del that happened at this second of the test."""
        expires = millis(self.clock() + HOUR + timedelta(seconds=at_s))
        return body(self.envelope(eventType=kind, expTimeMillis=expires, **message))

    def post(self, content: bytes, **options: Any) -> TestResponse:
        options.setdefault("content_type", "application/json")
        client = self.service.app.test_client()  # of this thread
        return client.post("/google/callback", data=content, **options)

    def tell(self, *contents: bytes) -> None:
        for content in contents:
            answer = self.post(content)
            assert (answer.status_code, answer.json) == (200, {})

    def saved(self, number: int = 0) -> bool:
        with self.service.parts.database.reading() as session:
            return session.get_one(Pass, self.members[number]["pass"]["id"]).google_saved

    def events(self) -> list[tuple[str, dict[str, Any]]]:
        with self.service.parts.database.reading() as session:
            rows = session.scalars(select(Event).where(Event.type.like("pass.%installed")))
            return [(row.type, row.data) for row in sorted(rows, key=lambda row: row.created_at)]

    def kinds(self) -> list[str]:
        return [kind.removeprefix("pass.") for kind, _ in self.events()]

    def nonces(self) -> int:
        with self.service.parts.database.reading() as session:
            return session.scalar(select(func.count()).select_from(GoogleNonce)) or 0
