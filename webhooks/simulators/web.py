"""How a virtual phone reaches the web: one request, one answer, never longer than a few seconds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import requests
from urllib3.exceptions import HTTPError

# What real phones send; services log it.
PASSD = "passd/1.0 CFNetwork/1568.300.101 Darwin/24.2.0"
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_2 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.2 Mobile/15E148 Safari/604.1"
)
_TIMEOUT_S = (3, 10)  # to connect, between two bytes
_MAX_BODY = 50 << 20


class Unreachable(Exception):
    """No answer came; the message says why."""

    code = "unreachable"


@dataclass(frozen=True, slots=True)
class WebAnswer:
    """An HTTP answer; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False, default=b"")


class Web(Protocol):
    """Anything that answers requests; raises Unreachable."""

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> WebAnswer: ...


class HttpWeb:
    """The real network, with connections kept open. Not for several threads at once."""

    def __init__(self) -> None:
        self._session = requests.Session()
        self._session.trust_env = False  # no proxies: services are on this machine

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> WebAnswer:
        """Follows no redirect: phones do not, on the addresses of a web service."""
        try:
            with self._session.request(
                method,
                url,
                headers=dict(headers),
                data=body,
                timeout=_TIMEOUT_S,
                allow_redirects=False,
                stream=True,
            ) as response:
                content = response.raw.read(_MAX_BODY, decode_content=True)
        except (requests.RequestException, HTTPError, OSError) as error:
            raise Unreachable(f"No answer from {url}: {type(error).__name__}") from error
        lower = {name.lower(): value for name, value in response.headers.items()}
        return WebAnswer(response.status_code, lower, content)

    def close(self) -> None:
        self._session.close()
