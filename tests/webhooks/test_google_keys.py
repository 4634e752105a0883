"""Root keys: which are taken, how long they are kept, and what never makes us fetch."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.webhooks.google_signer import ISSUER, Google, body, millis, new_key, public, published
from webhooks.google_keys import (
    KEYS_URL,
    MAX_BYTES,
    Fetched,
    InsecureKeysUrl,
    KeysUnavailable,
    RootKeys,
    fetch_keys,
)
from webhooks.google_signatures import CallbackRefused, verify

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
YEAR = timedelta(days=365)
FIRST, SECOND = new_key(), new_key()


def listed(*entries: dict[str, Any]) -> bytes:
    return json.dumps({"keys": entries}).encode()


@dataclass
class Publisher:
    """Google's address for keys, and the clock; `answers` is what comes next, the last for ever."""

    answers: list[Fetched | None]
    now: datetime = NOW
    asked: int = 0
    gate: threading.Event | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fetch(self, url: str) -> Fetched:
        assert url == KEYS_URL
        with self.lock:
            self.asked += 1
            answer = self.answers[0] if len(self.answers) == 1 else self.answers.pop(0)
        if self.gate:
            assert self.gate.wait(10)
        if answer is None:
            raise KeysUnavailable("down")
        return answer

    def keys(self) -> RootKeys:
        return RootKeys(KEYS_URL, self.fetch, lambda: self.now)

    def later(self, step: timedelta) -> None:
        self.now += step


def fetched(
    *keys: ec.EllipticCurvePrivateKey, cache: str = "public, max-age=3600", age: str = ""
) -> Fetched:
    return Fetched(listed(*(published(key, NOW + YEAR) for key in keys)), cache, age)


def held(keys: RootKeys) -> list[bytes]:
    return [key.key_value.public_numbers().x.to_bytes(32, "big") for key in keys.current()]


def these(*keys: ec.EllipticCurvePrivateKey) -> list[bytes]:
    return [key.public_key().public_numbers().x.to_bytes(32, "big") for key in keys]


# --- which ----------------------------------------------------------------------------------------


def test_several_keys_are_taken_together() -> None:
    assert held(Publisher([fetched(FIRST, SECOND)]).keys()) == these(FIRST, SECOND)


@pytest.mark.parametrize(
    "entry",
    [
        published(SECOND, NOW),
        published(SECOND, None),
        published(SECOND, NOW + YEAR, "ECv1"),
        published(SECOND, NOW + YEAR, "ECv2"),
        published(SECOND, NOW + YEAR) | {"keyValue": "AAAA"},
        published(SECOND, NOW + YEAR) | {"keyValue": None},
        published(SECOND, NOW + YEAR) | {"keyExpiration": "soon"},
        published(new_key(ec.SECP384R1()), NOW + YEAR),
        {"keyValue": public(SECOND), "keyExpiration": str(millis(NOW + YEAR))},
        {},
    ],
    ids=[
        "expired",
        "without expiration",
        "ECv1",
        "ECv2",
        "no key",
        "null",
        "no date",
        "another curve",
        "without protocol",
        "empty",
    ],
)
def test_a_key_we_must_not_use_is_left_out(entry: dict[str, Any]) -> None:
    both = Fetched(listed(entry, published(FIRST, NOW + YEAR)))
    assert held(Publisher([both]).keys()) == these(FIRST)
    with pytest.raises(KeysUnavailable):
        Publisher([Fetched(listed(entry))]).keys().current()


@pytest.mark.parametrize(
    "text", [b"", b"<html>", b"[]", b"{}", b'{"keys": {}}', b'{"keys": [1]}', b'{"keys": []}']
)
def test_a_list_that_is_none_replaces_nothing(text: bytes) -> None:
    publisher = Publisher([fetched(FIRST), Fetched(text)])
    keys = publisher.keys()
    keys.current()
    publisher.later(HOUR)
    assert held(keys) == these(FIRST)
    assert publisher.asked == 2


# --- how long -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cache", "age", "fresh_s"),
    [
        ("public, max-age=3600", "", 1800),
        ("max-age=3600", "600", 1500),
        ("MAX-AGE=3600, must-revalidate", "x", 1800),
        ("max-age=3600", "999999999", 300),  # our shortest
        ("max-age=3600", "9" * 5000, 1800),
        ("max-age=1", "", 300),
        ("no-cache", "", 300),
        ("max-age=-1", "", 300),
        ("", "", 300),
        ("max-age=99999999999999999999", "", 302_400),  # our longest
    ],
)
def test_keys_are_fetched_anew_at_half_of_their_life(cache: str, age: str, fresh_s: int) -> None:
    publisher = Publisher([fetched(FIRST, cache=cache, age=age), fetched(SECOND)])
    keys = publisher.keys()
    assert held(keys) == these(FIRST)
    publisher.later(timedelta(seconds=fresh_s - 1))
    assert held(keys) == these(FIRST)
    publisher.later(timedelta(seconds=1))
    assert held(keys) == these(SECOND)
    assert publisher.asked == 2


def test_old_keys_serve_while_google_is_down_and_it_is_asked_seldom() -> None:
    publisher = Publisher([fetched(FIRST), None])
    keys = publisher.keys()
    keys.current()
    publisher.later(timedelta(days=2))
    for _ in range(50):
        assert held(keys) == these(FIRST)
    assert publisher.asked == 2
    publisher.later(timedelta(seconds=30))
    publisher.answers = [fetched(SECOND)]
    assert held(keys) == these(SECOND)


def test_without_any_keys_google_is_asked_seldom_too() -> None:
    publisher = Publisher([None])
    keys = publisher.keys()
    for _ in range(50):
        with pytest.raises(KeysUnavailable):
            keys.current()
    assert publisher.asked == 1
    publisher.later(timedelta(seconds=30))
    publisher.answers = [fetched(FIRST)]
    assert held(keys) == these(FIRST)


def test_a_clock_set_back_does_not_keep_keys_for_years() -> None:
    publisher = Publisher([fetched(FIRST), fetched(SECOND)])
    keys = publisher.keys()
    keys.current()
    publisher.later(-HOUR)
    assert held(keys) == these(SECOND)


def test_bad_signatures_make_nobody_fetch() -> None:
    publisher = Publisher([fetched(FIRST)])
    keys = publisher.keys()
    forged = body(Google(root=SECOND).envelope(NOW))
    for _ in range(30):
        with pytest.raises(CallbackRefused, match="No valid root"):
            verify(forged, ISSUER, keys.current, NOW)
    assert publisher.asked == 1


# --- many threads ---------------------------------------------------------------------------------


def test_the_first_keys_are_fetched_once_and_all_wait_for_them() -> None:
    publisher = Publisher([fetched(FIRST)], gate=threading.Event())
    keys = publisher.keys()
    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(held, keys) for _ in range(8)]
        assert publisher.gate
        publisher.gate.set()
        assert [one.result(10) for one in waiting] == [these(FIRST)] * 8
    assert publisher.asked == 1


def test_one_thread_refreshes_while_the_others_go_on() -> None:
    publisher = Publisher([fetched(FIRST), fetched(SECOND)])
    keys = publisher.keys()
    keys.current()
    publisher.later(HOUR)
    publisher.gate = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        refreshing = pool.submit(held, keys)
        while publisher.asked < 2:
            assert held(keys) == these(FIRST)
        for _ in range(20):
            assert held(keys) == these(FIRST)  # does not wait: the gate is closed
        publisher.gate.set()
        assert refreshing.result(10) == these(SECOND)
    assert publisher.asked == 2


# --- the address ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://pay.google.com/gp/m/issuer/keys",
        "ftp://pay.google.com/keys",
        "pay.google.com/keys",
        "https://",
        "http://127.0.0.1.example/keys",
        "",
    ],
)
def test_keys_are_not_fetched_from_where_anybody_may_forge_them(url: str) -> None:
    with pytest.raises(InsecureKeysUrl, match="PASSMINT_GOOGLE_KEYS_URL"):
        RootKeys(url, fetch_keys, lambda: NOW)


@pytest.mark.parametrize("url", [KEYS_URL, "http://127.0.0.1:9/keys", "http://localhost/keys"])
def test_https_or_this_machine_will_do(url: str) -> None:
    RootKeys(url, fetch_keys, lambda: NOW)


# --- over HTTP ------------------------------------------------------------------------------------


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        match self.path:
            case "/keys":
                self._answer(200, listed(published(FIRST, NOW + YEAR)))
            case "/pieces":
                self._pieces(listed(published(FIRST, NOW + YEAR), published(SECOND, NOW + YEAR)))
            case "/much":
                self._answer(200, b" " * (MAX_BYTES + 1))
            case "/elsewhere":
                self._answer(302, b"", Location="/keys")
            case "/silent":
                self.server.silence.wait(10)  # type: ignore[attr-defined]
                self.close_connection = True
            case _:
                self._answer(404, b"nothing here")

    def _answer(self, status: int, content: bytes, **headers: str) -> None:
        self.send_response(status)
        sent = {"Cache-Control": "max-age=7200", "Age": "60", "Content-Length": str(len(content))}
        for name, value in (sent | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def _pieces(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for start in range(0, len(content), 100):
            piece = content[start : start + 100]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # its name there
        """Silent."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    server.silence = threading.Event()  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.silence.set()  # type: ignore[attr-defined]
    server.shutdown()
    thread.join()
    server.server_close()


def test_keys_come_over_http_with_their_cache_headers(address: str) -> None:
    answer = fetch_keys(f"{address}/keys")
    assert (answer.cache_control, answer.age) == ("max-age=7200", "60")
    assert held(RootKeys(f"{address}/keys", fetch_keys, lambda: NOW)) == these(FIRST)


def test_an_answer_in_pieces_is_read_to_its_end(address: str) -> None:
    assert held(RootKeys(f"{address}/pieces", fetch_keys, lambda: NOW)) == these(FIRST, SECOND)


@pytest.mark.parametrize(
    ("path", "why"),
    [("/much", "more than"), ("/elsewhere", "302"), ("/none", "404"), ("/silent", "Timeout")],
)
def test_any_other_answer_is_none(address: str, path: str, why: str) -> None:
    with pytest.raises(KeysUnavailable, match=why):
        fetch_keys(address + path, timeout_s=0.2)


def test_nobody_there_is_no_answer() -> None:
    with pytest.raises(KeysUnavailable, match="ConnectionError"):
        fetch_keys("http://127.0.0.1:1/keys", timeout_s=1)
