"""A local Google to knock at: documents, an authorized client, save links, a merchant's server."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import requests
from PIL import Image

from certs.development import GOOGLE_ISSUER_ID
from certs.google import GoogleIdentity, load_google_identity
from webhooks.simulators.google_account import ServiceAccount, load_account
from webhooks.simulators.google_http import Reply, Request, serving
from webhooks.simulators.google_server import Google
from webhooks.simulators.google_tokens import AUDIENCE, GRANT_TYPE, SCOPE

ISSUER = GOOGLE_ISSUER_ID
CLASS = f"{ISSUER}.coffee"
OBJECT = f"{ISSUER}.anna"
PICTURE = "https://cards.example/i/logo.png"


def class_document(**changes: Any) -> dict[str, Any]:
    """A LoyaltyClass that nothing is wrong with; a change to None leaves the key out."""
    document = {
        "id": CLASS,
        "issuerName": "Fern & Bean",
        "programName": "Coffee card",
        "programLogo": {"sourceUri": {"uri": PICTURE}},
        "reviewStatus": "UNDER_REVIEW",
        "hexBackgroundColor": "#17453b",
    } | changes
    return {key: value for key, value in document.items() if value is not None}


def object_document(**changes: Any) -> dict[str, Any]:
    """A LoyaltyObject that nothing is wrong with; a change to None leaves the key out."""
    document = {
        "id": OBJECT,
        "classId": CLASS,
        "state": "ACTIVE",
        "barcode": {"type": "QR_CODE", "value": "FB7K3M9QX"},
        "loyaltyPoints": {"label": "Stamps", "balance": {"string": "3/10"}},
        "textModulesData": [{"id": "reward", "header": "Reward", "body": "A coffee"}],
    } | changes
    return {key: value for key, value in document.items() if value is not None}


def points(value: str) -> dict[str, Any]:
    return {"loyaltyPoints": {"balance": {"string": value}}}


class Clock:
    """The time as it is handed to Google."""

    def __init__(self) -> None:
        self.moment = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.moment

    def forward(self, **step: float) -> None:
        self.moment += timedelta(**step)


@dataclass
class Room:
    """A running local Google, a client with a token for its API and the service's identity."""

    google: Google
    api: requests.Session
    identity: GoogleIdentity
    clock: Clock

    def call(self, method: str, path: str, document: object = None) -> requests.Response:
        url = f"{self.google.url}/walletobjects/v1/{path}"
        return self.api.request(method, url, json=document, timeout=5)

    def done(self, method: str, path: str, document: object = None) -> Any:
        answer = self.call(method, path, document)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refused(self, status: int, method: str, path: str, document: object = None) -> Any:
        answer = self.call(method, path, document)
        assert answer.status_code == status, answer.text
        return answer.json()["error"]

    def stock(self, **class_changes: Any) -> None:
        """The class and the object are there."""
        self.done("POST", "loyaltyClass", class_document(**class_changes))
        self.done("POST", "loyaltyObject", object_document())

    def order(self, name: str, **document: Any) -> Any:
        """An order to the control plane."""
        answer = requests.post(f"{self.google.control}/{name}", json=document, timeout=5)
        assert answer.status_code == 200, answer.text
        return answer.json()["done"]

    def state(self, name: str = "state") -> Any:
        return requests.get(f"{self.google.control}/{name}", timeout=5).json()[
            name.partition("?")[0]
        ]

    def link(self, payload: Any = None, **claims: Any) -> str:
        """A save link; skinny unless told otherwise."""
        default = {"loyaltyObjects": [{"id": OBJECT, "classId": CLASS}]}
        claims = {
            "iss": self.identity.email,
            "aud": "google",
            "typ": "savetowallet",
            "iat": int(self.clock().timestamp()),
            "origins": [],
            "payload": default if payload is None else payload,
        } | claims
        return f"{self.google.save_url}/{self.identity.sign_jwt(claims)}"

    def tap(self, user: str, payload: Any = None, **claims: Any) -> requests.Response:
        headers = {"Accept": "application/json"}
        link = self.link(payload, **claims)
        return requests.get(link, params={"user": user}, headers=headers, timeout=5)


@contextmanager
def opened_room(account: Path) -> Iterator[Room]:
    """A local Google that believes every picture and never gets tired."""
    clock = Clock()
    known, identity = _loaded(account)
    google = Google(known, clock)
    google.panel.turn({"fetch_images": False, "rate_per_s": None, "token_lifetime_s": 10**6})
    with google.running(), requests.Session() as api:
        token = requests.post(f"{google.url}/token", data=grant(identity, clock()), timeout=5)
        api.headers["Authorization"] = f"Bearer {token.json()['access_token']}"
        yield Room(google, api, identity, clock)


@cache
def _loaded(account: Path) -> tuple[ServiceAccount, GoogleIdentity]:
    """Read once for the whole run: each key takes its time."""
    return load_account(account, ISSUER), load_google_identity(account, ISSUER)


def grant(identity: GoogleIdentity, now: datetime, **changes: Any) -> dict[str, str]:
    """The form that asks for a token; a change to None leaves the claim out."""
    at = int(now.timestamp())
    claims = {
        "iss": identity.email,
        "scope": SCOPE,
        "aud": AUDIENCE,
        "iat": at,
        "exp": at + 3600,
    } | changes
    assertion = identity.sign_jwt({k: v for k, v in claims.items() if v is not None})
    return {"grant_type": GRANT_TYPE, "assertion": assertion}


def png(colour: str = "#17453b", size: tuple[int, int] = (60, 20)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


@dataclass
class Shop:
    """A merchant's server: pictures and robots.txt by path, and a door for callbacks."""

    url: str = ""
    pages: dict[str, Reply] = field(default_factory=dict)
    callbacks: "SimpleQueue[Request]" = field(default_factory=SimpleQueue)
    statuses: list[int] = field(default_factory=list)

    def answer(self, request: Request) -> Reply:
        if request.method == "POST":
            self.callbacks.put(request)
            return Reply(self.statuses.pop(0) if self.statuses else 200)
        return self.pages.get(request.path, Reply(404))

    def picture(self, path: str, data: bytes | None = None, media: str = "image/png") -> str:
        self.pages[path] = Reply(200, png() if data is None else data, {"Content-Type": media})
        return self.url + path


@contextmanager
def opened_shop() -> Iterator[Shop]:
    shop = Shop()
    with serving(shop.answer, 0) as shop.url:
        yield shop


def until(holds: Callable[[], bool], room: Room) -> None:
    """Wait, on the simulator's own bell, for something that another thread does."""
    for _ in range(500):
        if holds():
            return
        room.google.holds.wait(0.01)
    raise AssertionError
