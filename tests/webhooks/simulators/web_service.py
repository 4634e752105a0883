"""A web service in miniature for virtual phones: correct unless told to misbehave."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from tests.webhooks.simulators.cards import SERIAL, TOKEN
from webhooks.simulators.pkpass import MEDIA_TYPE
from webhooks.simulators.web import Unreachable, WebAnswer

_REGISTRATION = re.compile(r"/apple/v1/devices/([^/]+)/registrations/([^/]+)/([^/]+)")
_LIST = re.compile(r"/apple/v1/devices/([^/]+)/registrations/([^/]+)")
_PASS = re.compile(r"/apple/v1/passes/([^/]+)/([^/]+)")

CARD_LINK = "https://cards.example/p/x.pkpass"


@dataclass
class WebService:
    """One card in versions; `answers` replaces an answer by route letter (R, L, P, U, G)."""

    pkpass: bytes
    version: int = 1
    registrations: dict[str, str] = field(default_factory=dict)  # device → push token
    logs: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    answers: dict[str, Callable[[], WebAnswer]] = field(default_factory=dict)
    reachable: bool = True
    links: dict[str, WebAnswer] = field(default_factory=dict)

    def change(self, pkpass: bytes) -> None:
        self.pkpass = pkpass
        self.version += 1

    @property
    def last_modified(self) -> str:
        return f"Sun, 22 Nov 2026 10:00:{self.version:02} GMT"

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> WebAnswer:
        if not self.reachable:
            raise Unreachable("No answer")
        parts = urlsplit(url)
        if not parts.path.startswith("/apple/v1/"):
            ready = WebAnswer(200, {"content-type": MEDIA_TYPE}, self.pkpass)
            return self.links.get(url, ready)
        letter, answer = self._route(method, parts.path, parts.query, headers, body)
        self.calls.append(letter)
        return self.answers[letter]() if letter in self.answers else answer()

    def _route(
        self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes | None
    ) -> tuple[str, Callable[[], WebAnswer]]:
        authorized = headers.get("Authorization") == f"ApplePass {TOKEN}"
        if path == "/apple/v1/log":
            self.logs += json.loads(body or b"")["logs"]
            return "G", lambda: WebAnswer(200, {})
        if match := _REGISTRATION.fullmatch(path):
            act = self._register if method == "POST" else self._unregister
            letter = "R" if method == "POST" else "U"
            device = match[1]
            return letter, lambda: act(device, body) if authorized else WebAnswer(401, {})
        if match := _LIST.fullmatch(path):
            tag = parse_qs(query).get("passesUpdatedSince", [None])[0]
            return "L", lambda: self._list(tag)
        assert _PASS.fullmatch(path), path
        since = headers.get("If-Modified-Since")
        return "P", lambda: self._latest(since) if authorized else WebAnswer(401, {})

    def _register(self, device: str, body: bytes | None) -> WebAnswer:
        status = 200 if device in self.registrations else 201
        self.registrations[device] = json.loads(body or b"")["pushToken"]
        return WebAnswer(status, {})

    def _unregister(self, device: str, _: bytes | None) -> WebAnswer:
        self.registrations.pop(device, None)
        return WebAnswer(200, {})

    def _list(self, tag: str | None) -> WebAnswer:
        if tag == str(self.version):
            return WebAnswer(204, {})
        return listing(str(self.version))

    def _latest(self, since: str | None) -> WebAnswer:
        if since == self.last_modified:
            return WebAnswer(304, {})
        headers = {"content-type": MEDIA_TYPE, "last-modified": self.last_modified}
        return WebAnswer(200, headers, self.pkpass)


def listing(tag: object, *serials: str) -> WebAnswer:
    document = {"serialNumbers": list(serials or (SERIAL,)), "lastUpdated": tag}
    return WebAnswer(200, {"content-type": "application/json"}, json.dumps(document).encode())
