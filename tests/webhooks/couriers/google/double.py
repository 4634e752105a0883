"""A Google Wallet of a hundred lines for the courier's tests: it stores, and does as it is told."""

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from passes.wallets.google_rules import Kind, faults
from webhooks.simulators.google_http import Dropped, Reply, Request, json_reply, serving

Mood = Callable[[Request], Reply | None]  # None: go on as usual
_RULES: Mapping[str, Kind] = {"loyaltyClass": "LoyaltyClass", "loyaltyObject": "LoyaltyObject"}


@dataclass(frozen=True)
class Seen:
    """A request to the API."""

    method: str
    path: str
    token: str
    body: Mapping[str, object]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass
class Double:
    """`moods` answer the next requests; `always` answers all; both come before the store."""

    url: str = ""
    resources: dict[str, dict[str, object]] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    moods: deque[Mood] = field(default_factory=deque)
    always: Mood | None = None
    token_always: Mood | None = None
    token_requests: int = 0
    revoked: set[str] = field(default_factory=set)
    offences: list[str] = field(default_factory=list)
    in_flight: dict[str, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def paths(self) -> list[str]:
        return [str(seen) for seen in self.seen]

    def answer(self, request: Request) -> Reply:
        if request.path == "/token":
            return self._token(request)
        resource = request.path.removeprefix("/walletobjects/v1/")
        self._enter(resource, request)
        try:
            return self._wallet(request, resource)
        finally:
            with self.lock:
                self.in_flight[_subject(request, resource)] -= 1

    def _token(self, request: Request) -> Reply:
        with self.lock:
            self.token_requests += 1
        if reply := self.token_always(request) if self.token_always else None:
            return reply
        self.tokens.append(f"ya29.token-{self.token_requests}")
        return json_reply({"access_token": self.tokens[-1], "expires_in": 3599})

    def _enter(self, resource: str, request: Request) -> None:
        document = json.loads(request.body or b"{}")
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        subject = _subject(request, resource)
        with self.lock:
            self.seen.append(Seen(request.method, resource, token, document))
            self.in_flight[subject] = self.in_flight.get(subject, 0) + 1
            if self.in_flight[subject] > 1:
                self.offences.append(f"two requests at once for {subject}")
            self._check(resource, request.method, document)

    def _check(self, resource: str, method: str, document: dict[str, object]) -> None:
        """Every body that comes in is one that Google would take."""
        kind = _RULES.get(resource.partition("/")[0])
        if kind and method in {"POST", "PATCH"} and not resource.endswith("/addMessage"):
            allows_none = method == "PATCH"
            told = {k: v for k, v in document.items() if v is not None or not allows_none}
            self.offences += [str(fault) for fault in faults(kind, told)]

    def _wallet(self, request: Request, resource: str) -> Reply:
        with self.lock:
            mood = self.moods.popleft() if self.moods else self.always
            token = self.seen[-1].token
        if reply := mood(request) if mood else None:
            return reply
        if token not in self.tokens or token in self.revoked:
            return error(401)
        with self.lock:
            return self._stored(request.method, resource, json.loads(request.body or b"{}"))

    def _stored(self, method: str, resource: str, document: dict[str, object]) -> Reply:
        kind, _, name = resource.partition("/")
        name, _, action = name.partition("/")
        key = f"{kind}/{name or document.get('id')}"
        there = self.resources.get(key)
        if method == "POST" and not name:
            if there:
                return error(409, "existingResource")
            if (
                "classId" in document
                and f"loyaltyClass/{document['classId']}" not in self.resources
            ):
                return error(404, "classNotFound")
            self.resources[key] = document
        elif there is None:
            return error(404, "resourceNotFound")
        elif action:
            messages = there.setdefault("messages", [])
            assert isinstance(messages, list)
            messages.append(document["message"])
            return json_reply({"resource": there})
        elif method == "PATCH":
            there |= document
            for cleared in [k for k, value in document.items() if value is None]:
                del there[cleared]
        return json_reply(self.resources[key] | {"kind": f"walletobjects#{kind}", "novel": {}})


def _subject(request: Request, resource: str) -> str:
    """What a request is about."""
    kind, _, name = resource.partition("/")
    return name.partition("/")[0] or str(json.loads(request.body or b"{}").get("id", kind))


def error(status: int, reason: str | None = None, message: str = "No.", **headers: str) -> Reply:
    """A refusal in Google's words; headers as `retry_after="7"`."""
    first = {"message": message, "domain": "walletobjects"} | ({"reason": reason} if reason else {})
    document = {"error": {"code": status, "message": message, "errors": [first]}}
    return json_reply(document, status, **headers)


def refusing(status: int, reason: str | None = None, **headers: str) -> Mood:
    return lambda _: error(status, reason, **headers)


def dropping(_: Request) -> Reply:
    raise Dropped


@contextmanager
def running_double(account: Path, key_file: Path) -> Iterator[Double]:
    """A double, and in `key_file` the account with its token address."""
    double = Double()
    with serving(double.answer, 0) as url:
        double.url = url
        document = json.loads(account.read_text()) | {"token_uri": f"{url}/token"}
        key_file.write_text(json.dumps(document))
        yield double
