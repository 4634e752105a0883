"""Opening a link as people with an iPhone do: following redirects, tapping the page's button."""

from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

from webhooks.simulators.web import SAFARI, Unreachable, Web, WebAnswer

_MAX_HOPS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


def download(web: Web, url: str) -> WebAnswer:
    """What lies behind a link; on a page, behind its first link to a `.pkpass`.

    Raises Unreachable, also for links that are no web address.
    """
    for _ in range(_MAX_HOPS):
        if urlsplit(url).scheme not in {"http", "https"}:
            raise Unreachable("A link starts with https:// or http://")
        answer = web.send("GET", url, {"User-Agent": SAFARI, "Accept": "*/*"})
        onward = _onward(answer)
        if onward is None:
            return answer
        url = urljoin(url, onward)
    raise Unreachable("The link leads in a circle")


def _onward(answer: WebAnswer) -> str | None:
    if answer.status in _REDIRECTS:
        return answer.headers.get("location")
    if answer.headers.get("content-type", "").startswith("text/html"):
        page = _Page()
        page.feed(answer.body.decode("utf-8", "replace"))
        return page.link
    return None


class _Page(HTMLParser):
    """Finds the first link to a pass."""

    def __init__(self) -> None:
        super().__init__()
        self.link: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        target = dict(attrs).get("href") or ""
        if self.link is None and tag == "a" and urlsplit(target).path.endswith(".pkpass"):
            self.link = target
