"""The requests of Apple's PassKit web service, from the phone's side.

Source: PassKit Web Service Reference. Addresses and headers only; what an answer means is decided
in iphone.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from webhooks.simulators.wallet import Card, WebService
from webhooks.simulators.web import PASSD, Web, WebAnswer


@dataclass(frozen=True, slots=True)
class Changes:
    """What a list says: the cards that changed, and the tag to show next time."""

    serials: tuple[str, ...]
    tag: str


@dataclass(frozen=True, slots=True)
class DeviceProtocol:
    """Speaks to web services; every call may raise Unreachable."""

    web: Web = field(repr=False)

    def register(self, service: WebService, card: Card) -> WebAnswer:
        body = json.dumps({"pushToken": service.push_token}).encode()
        return self._send("POST", service, _registration(service, card), card, body)

    def unregister(self, service: WebService, card: Card) -> WebAnswer:
        return self._send("DELETE", service, _registration(service, card), card)

    def list_changes(self, service: WebService) -> WebAnswer:
        path = f"devices/{service.device}/registrations/{quote(service.pass_type, safe='')}"
        query = f"?passesUpdatedSince={quote(service.tag, safe='')}" if service.tag else ""
        return self._send("GET", service, path + query)

    def fetch(self, service: WebService, card: Card) -> WebAnswer:
        path = f"passes/{_name(card)}"
        return self._send("GET", service, path, card, since=card.last_modified)

    def complain(self, service: WebService, lines: Sequence[str]) -> WebAnswer:
        return self._send("POST", service, "log", body=json.dumps({"logs": list(lines)}).encode())

    def _send(
        self,
        method: str,
        service: WebService,
        path: str,
        card: Card | None = None,
        body: bytes | None = None,
        since: str | None = None,
    ) -> WebAnswer:
        headers = {"User-Agent": PASSD, "Accept": "*/*"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if card is not None:
            headers["Authorization"] = f"ApplePass {card.package.token}"
        if since is not None:
            headers["If-Modified-Since"] = since
        return self.web.send(method, f"{service.url}/v1/{path}", headers, body)


def read_changes(body: bytes) -> Changes | None:
    """The list's answer; None when its shape is not Apple's, which drops it on a phone."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    serials, tag = document.get("serialNumbers"), document.get("lastUpdated")
    if not isinstance(serials, list) or not all(isinstance(one, str) for one in serials):
        return None
    return Changes(tuple(serials), tag) if isinstance(tag, str) else None


def _registration(service: WebService, card: Card) -> str:
    return f"devices/{service.device}/registrations/{_name(card)}"


def _name(card: Card) -> str:
    package = card.package
    return f"{quote(package.pass_type, safe='')}/{quote(package.serial_number, safe='')}"
