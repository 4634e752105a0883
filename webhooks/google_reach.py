"""Whether Google can reach what it has to fetch from us or call: asked as its servers would."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urljoin, urlsplit
from urllib.robotparser import RobotFileParser

import requests
from PIL import Image, UnidentifiedImageError
from urllib3.exceptions import HTTPError

from passes.settings import is_loopback

_AGENT = "Googlebot"  # callbackOptions.url: robots.txt has to let it in
_TIMEOUT_S = (5, 10)
_MAX_BYTES = 15 << 20
_OK, _NOT_FOUND, _NOT_ALLOWED, _SERVER_ERROR = 200, 404, 405, 500
_MEDIA_TYPES = frozenset({"image/png", "image/jpeg"})


Level = Literal["good", "hint", "bad"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at and how it is: a `bad` one tells its cure, a `hint` may be as wanted."""

    subject: str
    level: Level
    text: str


@dataclass(frozen=True, slots=True)
class _Page:
    status: int
    media_type: str
    body: bytes = field(repr=False)


class _Unfetchable(Exception):
    """The message says what is wrong with an address, as the end of a sentence."""


def examine_pictures(urls: Sequence[str], *, from_here: bool) -> Iterator[Finding]:
    """One finding for all pictures that are well, one for each that is not.

    `from_here`: a stand-in for Google on this machine fetches them, so they may be on it too.
    """
    fetched = 0
    with requests.Session() as session:
        for url in urls:
            try:
                _check_address(url, from_here=from_here)
                _check_picture(_fetch(session, "GET", url))
            except _Unfetchable as fault:
                text = f"{url} {fault}: Google refuses every class and card that shows it."
                yield Finding("pictures", "bad", text)
            else:
                fetched += 1
    if fetched:
        yield Finding("pictures", "good", f"{fetched} can be fetched, as PNG or JPEG.")


def examine_callback(url: str, *, from_here: bool) -> Finding:
    """Whether saves and deletions can be told to us; `from_here` as above."""
    with requests.Session() as session:
        try:
            _check_address(url, from_here=from_here)
            _check_callback(_fetch(session, "POST", url))
            _check_robots(session, url)
        except _Unfetchable as fault:
            cure = "let PASSMINT_PUBLIC_URL and any proxy lead to this service from outside"
            text = f"{url} {fault}: Google cannot tell who saves a card; {cure}."
            return Finding("callback", "bad", text)
    return Finding("callback", "good", f"{url} answers, and robots.txt lets Google in.")


def _check_address(url: str, *, from_here: bool) -> None:
    parts = urlsplit(url)
    if is_loopback(parts.hostname):
        if from_here:
            return
        raise _Unfetchable("is on this machine, which only a stand-in for Google can reach")
    if parts.scheme != "https":
        raise _Unfetchable("does not start with https://")


def _fetch(session: requests.Session, method: str, url: str) -> _Page:
    """The answer, without following redirects."""
    try:
        with session.request(
            method,
            url,
            headers={"User-Agent": _AGENT},
            timeout=_TIMEOUT_S,
            allow_redirects=False,
            stream=True,
        ) as answer:
            body = answer.raw.read(_MAX_BYTES + 1, decode_content=True)
            media_type = answer.headers.get("Content-Type", "").partition(";")[0].strip()
            return _Page(answer.status_code, media_type, body)
    except (requests.RequestException, HTTPError, OSError) as error:
        raise _Unfetchable(f"cannot be reached ({type(error).__name__})") from error


def _check_picture(page: _Page) -> None:
    if page.status != _OK:
        raise _Unfetchable(f"answers {page.status}")
    if page.media_type not in _MEDIA_TYPES:
        raise _Unfetchable(f"comes as {page.media_type or 'nothing known'}, not as image/png")
    if len(page.body) > _MAX_BYTES:
        raise _Unfetchable(f"has more than {_MAX_BYTES >> 20} MB")
    try:
        with Image.open(io.BytesIO(page.body), formats=("PNG", "JPEG")) as picture:
            picture.load()
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
        raise _Unfetchable("is no picture that can be decoded") from error


def _check_callback(page: _Page) -> None:
    """Ours refuses what nobody signed, but it is there."""
    if page.status in {_NOT_FOUND, _NOT_ALLOWED} or page.status >= _SERVER_ERROR:
        raise _Unfetchable(f"answers {page.status}")


def _check_robots(session: requests.Session, url: str) -> None:
    """RFC 9309 §2.3.1: no file allows all, one that cannot be had forbids all."""
    address = urljoin(url, "/robots.txt")
    page = _fetch(session, "GET", address)
    if page.status == _NOT_FOUND:
        return
    if page.status != _OK:
        raise _Unfetchable(f"may not be called, because robots.txt answers {page.status}")
    robots = RobotFileParser(address)
    robots.parse(page.body.decode("utf-8", "replace").splitlines())
    if not robots.can_fetch(_AGENT, url):
        raise _Unfetchable(f"is forbidden to {_AGENT} by {address}")
