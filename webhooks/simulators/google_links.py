"""Opening a link as people with an Android phone do, up to a save link of Google Wallet."""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

from webhooks.simulators.web import Unreachable, Web, WebAnswer

CHROME = (
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0.0.0 Mobile Safari/537.36"
)

_MAX_STEPS = 40
_LONGEST_WAIT_S = 5.0
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_REFRESH = re.compile(r"\s*([0-9.]+)\s*(?:[;,]\s*(?:url\s*=\s*)?['\"]?([^'\"]*))?", re.IGNORECASE)
_SAVE = re.compile(r"/gp/v/save/([^/?#]+)")


def find_save_token(web: Web, url: str, wait: Callable[[float], None]) -> str:
    """The JWT of the save link to which a link leads, through redirects, buttons and waiting pages.

    Raises Unreachable, also for links that lead nowhere.
    """
    for _ in range(_MAX_STEPS):
        token = _SAVE.search(url)
        if token:
            return token[1]
        if urlsplit(url).scheme not in {"http", "https"}:
            raise Unreachable("A link starts with https:// or http://")
        answer = web.send("GET", url, {"User-Agent": CHROME, "Accept": "text/html"})
        url = urljoin(url, _onward(answer, wait))
    raise Unreachable("The link does not lead to Google Wallet")


def _onward(answer: WebAnswer, wait: Callable[[float], None]) -> str:
    """Where it goes next; an empty address is the same page again."""
    location = answer.headers.get("location")
    if answer.status in _REDIRECTS and location:
        return location
    page = _Page()
    page.feed(answer.body.decode("utf-8", "replace"))
    refresh = _REFRESH.match(answer.headers.get("refresh", "") or page.refresh)
    if refresh:
        wait(min(float(refresh[1]), _LONGEST_WAIT_S))
        return refresh[2] or ""
    if page.link:
        return page.link
    raise Unreachable(f"There is no way to Google Wallet on the page (status {answer.status})")


class _Page(HTMLParser):
    """Finds the first link to Google Wallet and a refresh."""

    def __init__(self) -> None:
        super().__init__()
        self.link = ""
        self.refresh = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "meta" and given.get("http-equiv", "").lower() == "refresh":
            self.refresh = given.get("content", "")
        target = given.get("href", "")
        path = urlsplit(target).path
        if tag == "a" and not self.link and (path.endswith("/google") or _SAVE.search(path)):
            self.link = target
