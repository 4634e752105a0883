"""Google's root keys for callbacks: fetched where Google publishes them, none is built in.

They are kept as long as the answer's cache headers say and fetched anew at half of that time, by
one thread while the others go on with what there is. Nothing that a caller sends makes us fetch:
not a bad signature, and not many of them while Google cannot be reached.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from threading import Lock
from urllib.parse import urlsplit

import requests
import structlog
from pydantic import BaseModel, ValidationError
from werkzeug.datastructures import ResponseCacheControl
from werkzeug.http import parse_cache_control_header

from passes.settings import is_loopback
from webhooks.google_signatures import PROTOCOL, SigningKey

KEYS_URL = "https://pay.google.com/gp/m/issuer/keys"

MAX_BYTES = 64 << 10  # Google's list has about one kilobyte
_PIECE = 8 << 10
_TIMEOUT_S = 5.0  # to connect, and again for each silence
_PATIENCE_S = 10.0  # for the very first keys, when another thread already asks for them
_RETRY = timedelta(seconds=30)
_SHORTEST, _LONGEST = timedelta(minutes=10), timedelta(days=7)  # whatever the headers say

_SECONDS = re.compile(r"[0-9]{1,18}\Z")

log = structlog.get_logger()


class InsecureKeysUrl(Exception):
    """Keys from this address could be anybody's."""

    code = "google_keys_url_insecure"

    def __init__(self, url: str) -> None:
        super().__init__(
            f"PASSMINT_GOOGLE_KEYS_URL is {url!r}, but must be an https:// address (http only on "
            f"this machine): leave it unset for Google's own, {KEYS_URL}."
        )


class KeysUnavailable(Exception):
    """There are no keys to check a callback with; the message tells why."""

    code = "google_keys_unavailable"


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer 200; the headers are empty when it had none."""

    body: bytes
    cache_control: str = ""
    age: str = ""


@dataclass(frozen=True, slots=True)
class _Held:
    keys: tuple[SigningKey, ...]
    since: datetime
    until: datetime

    def is_fresh(self, now: datetime) -> bool:
        """Not so when the clock was set back: `until` may then be far away."""
        return self.since <= now < self.until


class RootKeys:
    """The keys published at `url`, for all threads of a process.

    `fetch` gets the address and raises KeysUnavailable. Raises InsecureKeysUrl.
    """

    def __init__(
        self, url: str, fetch: Callable[[str], Fetched], now: Callable[[], datetime]
    ) -> None:
        if not _is_secure(url):
            raise InsecureKeysUrl(url)
        self._url = url
        self._fetch = fetch
        self._now = now
        self._flight = Lock()
        never = datetime.min.replace(tzinfo=UTC)
        self._held = _Held((), never, never)

    def current(self) -> tuple[SigningKey, ...]:
        """The keys as they are now; old ones while Google cannot be reached, until they expire.

        Raises KeysUnavailable when there never were any; Google is then asked twice a minute.
        """
        held = self._held
        if not held.is_fresh(self._now()):
            self._refresh(held)
        keys = self._held.keys
        if not keys:
            raise KeysUnavailable("Google's root keys could not be fetched; the log tells why.")
        return keys

    def _refresh(self, stale: _Held) -> None:
        """Returns at once when another thread is at it, unless there is nothing to go on with."""
        if not self._flight.acquire(timeout=0 if stale.keys else _PATIENCE_S):
            return
        try:
            if self._held is stale:  # nobody was faster
                self._held = self._fetched_or(stale)
        finally:
            self._flight.release()

    def _fetched_or(self, stale: _Held) -> _Held:
        try:
            answer = self._fetch(self._url)
            keys = _usable_keys(answer.body, self._now())
        except KeysUnavailable as error:
            now = self._now()
            log.warning("google root keys not refreshed", why=str(error), held=len(stale.keys))
            return replace(stale, since=now, until=now + _RETRY)
        now = self._now()
        return _Held(keys, now, now + _lifetime(answer) / 2)


def fetch_keys(url: str, timeout_s: float = _TIMEOUT_S) -> Fetched:
    """What is published at `url`, at most 64 KB, not redirected. Raises KeysUnavailable."""
    try:
        with requests.get(url, timeout=timeout_s, stream=True, allow_redirects=False) as answer:
            if answer.status_code != requests.codes.ok:
                raise KeysUnavailable(f"{url} answered {answer.status_code} instead of 200")
            headers = answer.headers
            body = b""
            for piece in answer.iter_content(_PIECE):
                body += piece
                if len(body) > MAX_BYTES:
                    raise KeysUnavailable(f"{url} answered more than {MAX_BYTES} bytes")
    except requests.RequestException as error:
        raise KeysUnavailable(f"{url} did not answer: {type(error).__name__}") from error
    return Fetched(body, headers.get("Cache-Control", ""), headers.get("Age", ""))


class _Published(BaseModel):
    keys: list[dict[str, object]]


def _usable_keys(body: bytes, now: datetime) -> tuple[SigningKey, ...]:
    """The keys of our protocol that expire, but have not yet; KeysUnavailable when there is none.

    A key without an expiration is not taken (Tink, `GooglePaymentsPublicKeysManager`).
    """
    try:
        published = _Published.model_validate_json(body)
    except ValidationError:
        raise KeysUnavailable("what is published is no list of keys") from None
    entries = [_read(e) for e in published.keys if e.get("protocolVersion") == PROTOCOL]
    keys = tuple(key for key in entries if key and key.key_expiration > now)
    if not keys:
        raise KeysUnavailable(f"no unexpired key for {PROTOCOL} is published")
    return keys


def _read(entry: dict[str, object]) -> SigningKey | None:
    try:
        return SigningKey.model_validate(entry)
    except ValidationError:
        return None


def _lifetime(answer: Fetched) -> timedelta:
    """max-age less the Age it already has, within our bounds."""
    control = parse_cache_control_header(answer.cache_control.lower(), cls=ResponseCacheControl)
    age_s = int(answer.age) if _SECONDS.match(answer.age) else 0
    left_s = (control.max_age or 0) - age_s
    return timedelta(seconds=min(max(left_s, _SHORTEST.total_seconds()), _LONGEST.total_seconds()))


def _is_secure(url: str) -> bool:
    parts = urlsplit(url)
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname))
    )
