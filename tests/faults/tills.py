"""Tills that give stamps and never lose one: the same key is sent until there is an answer."""

import json
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from http.client import HTTPConnection
from itertools import count
from threading import BoundedSemaphore, Lock
from typing import Any
from urllib.parse import urlsplit

import requests

from webhooks.simulators.web import HttpWeb, Unreachable, WebAnswer

_TILLS = 4
_AT_ONCE = 16  # requests under way in all, double taps included
_PATIENCE_S = 60.0
_PAUSE_S = 0.05  # before the same key is sent again
_DONE = {200, 201}
_JSON = {"Content-Type": "application/json"}
_AGAIN = {(409, "idempotency_in_progress"), (503, "database_unavailable")}


class Tap(Enum):
    """TWICE sends a key twice at once, BROKEN hangs up before the answer and sends it again."""

    ONCE = 1
    TWICE = 2
    BROKEN = 3


@dataclass(frozen=True)
class Acknowledged:
    """What a till was answered for one key."""

    key: str
    member_id: str
    transaction_id: str
    balance: int
    shop_id: str | None


@dataclass
class Tills:
    """Four people at the counter; `given` holds every answer, also the second one of a key."""

    service_url: str
    api_key: str = field(repr=False)
    given: list[Acknowledged] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._numbers = count(1)
        self._free = BoundedSemaphore(_TILLS)
        self._lock = Lock()
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="till")
        self._open: list[Future[None]] = []

    def stamp(self, member_id: str, shop_id: str | None = None, tap: Tap = Tap.ONCE) -> None:
        """Gives one stamp as soon as a till is free."""
        self._free.acquire()
        stamp = self._written(member_id, shop_id)
        first = self._pool.submit(self._give, stamp, broken=tap is Tap.BROKEN)
        first.add_done_callback(lambda _: self._free.release())
        self._open.append(first)
        if tap is Tap.TWICE:
            self._open.append(self._pool.submit(self._give, stamp))

    def stamp_at_once(self, visits: Iterable[tuple[str, str]]) -> None:
        """One stamp for each member at a shop, from many tills at the same moment."""
        for member_id, shop_id in visits:
            stamp = self._written(member_id, shop_id)
            self._open.append(self._pool.submit(self._give, stamp))

    def wait(self) -> None:
        """Until all is answered; raises what a till could not make sense of."""
        while self._open:
            self._open.pop().result()

    def close(self) -> None:
        self._pool.shutdown()

    def _written(self, member_id: str, shop_id: str | None) -> "_Stamp":
        return _Stamp(member_id, f"{member_id}-{next(self._numbers)}", shop_id)

    def _give(self, stamp: "_Stamp", *, broken: bool = False) -> None:
        url = f"{self.service_url}/v1/members/{stamp.member_id}/transactions"
        headers = {"Authorization": f"Bearer {self.api_key}", "Idempotency-Key": stamp.key}
        document = {"type": "earn", "location_id": stamp.shop_id}
        if broken:
            send_unheard("POST", url, headers, document)
        line = insist("POST", url, headers, document)["transaction"]
        told = Acknowledged(
            stamp.key, line["member_id"], line["id"], line["balance_after"], line["location_id"]
        )
        with self._lock:
            self.given.append(told)


@dataclass(frozen=True)
class _Stamp:
    """What one key stands for."""

    member_id: str
    key: str
    shop_id: str | None


def insist(method: str, url: str, headers: Mapping[str, str], document: object) -> Any:
    """The answer's JSON. Whatever breaks, the same is sent again until somebody answers."""
    return _insist(method, url, {**headers, **_JSON}, json.dumps(document).encode())


def insist_on_file(url: str, headers: Mapping[str, str], content: bytes) -> Any:
    """The answer's JSON to a file that is uploaded, as often as it takes."""
    form = requests.Request("POST", url, files={"file": ("file.csv", content)}).prepare()
    assert isinstance(form.body, bytes)
    return _insist("POST", url, {**headers, **form.headers}, form.body)


def _insist(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Any:
    web, give_up = HttpWeb(), time.monotonic() + _PATIENCE_S
    while (answer := _try(web, method, url, headers, body)) is None:
        assert time.monotonic() < give_up, f"no answer for {method} {url}"
        time.sleep(_PAUSE_S)
    web.close()
    return json.loads(answer.body)


def send_unheard(method: str, url: str, headers: Mapping[str, str], document: object) -> None:
    """Sends it and hangs up before the answer comes."""
    parts = urlsplit(url)
    line = HTTPConnection(parts.netloc, timeout=_PATIENCE_S)
    with suppress(OSError):
        line.request(method, parts.path, json.dumps(document), {**headers, **_JSON})
    line.close()


def _try(
    web: HttpWeb, method: str, url: str, headers: Mapping[str, str], body: bytes
) -> WebAnswer | None:
    """The answer, or None when the same is to be sent again."""
    try:
        answer = web.send(method, url, headers, body)
    except Unreachable:
        return None
    if answer.status in _DONE:
        return answer
    problem = (answer.status, json.loads(answer.body).get("code"))
    assert problem in _AGAIN, f"{method} {url} was answered {problem}"
    return None
