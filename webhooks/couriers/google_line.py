"""How a thread reaches Google Wallet's REST API: one request, one answer, never for ever."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import requests
from google.auth.transport.requests import AuthorizedSession, Request
from urllib3.exceptions import HTTPError, NewConnectionError

from webhooks.couriers.google_answers import Answer, read_answer
from webhooks.couriers.google_token import NoToken, SharedToken
from webhooks.couriers.outcomes import Later, Outcome

_CONNECT_S = 5.0
_MAX_BODY = 8 << 20  # a page of a list


class Line:
    """An authorized session of one thread; its connection stays open from request to request."""

    def __init__(
        self, token: SharedToken, api_url: str, timeout_s: float, now: Callable[[], datetime]
    ) -> None:
        self._token = token
        self._root = f"{api_url.rstrip('/')}/walletobjects/v1/"
        self._host = urlsplit(api_url).netloc
        self._timeout_s = (min(_CONNECT_S, timeout_s), timeout_s)
        self._now = now
        self._sent = ""
        # Repetitions are ours to decide: google-auth's own would be out of turn and take too long.
        self._to_token_service = requests.Session()
        ask = Request(self._to_token_service)
        self._session: requests.Session = AuthorizedSession(  # type: ignore[no-untyped-call]
            token, refresh_status_codes=(), auth_request=ask
        )
        _settle(self._session, self._root)

    def send(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Answer | Outcome:
        """The answer to a request below /walletobjects/v1/, or what became of it without one."""
        try:
            with self._session.request(
                method,
                self._root + path,
                data=None if body is None else _json(body),
                params=query,
                headers={"Content-Type": "application/json"} if body is not None else {},
                timeout=self._timeout_s,
                allow_redirects=False,
                stream=True,
            ) as response:
                content = response.raw.read(_MAX_BODY, decode_content=True)
                sent = response.request.headers.get("Authorization", "")
                self._sent = sent.removeprefix("Bearer ")
                retry_after_s = self._seconds(response.headers.get("Retry-After"))
                return read_answer(response.status_code, content, retry_after_s, self._sent)
        except NoToken as error:
            return error.outcome
        except (requests.RequestException, HTTPError, OSError) as error:
            return self._fault(error)

    def forget_token(self) -> None:
        """The token of the last request was refused; the next one gets a new token."""
        self._token.forget(self._sent)

    def close(self) -> None:
        self._session.close()
        self._to_token_service.close()

    def _fault(self, error: Exception) -> Later:
        """No answer; only a request that never left is surely not carried out."""
        if _was_never_sent(error):
            return Later(f"{self._host} cannot be reached ({type(error).__name__}).")
        if isinstance(error, requests.Timeout):
            why = f"{self._host} gave no answer within {self._timeout_s[1]:g} s."
        else:
            why = f"The connection to {self._host} ended ({type(error).__name__})."
        return Later(why, in_doubt=True)

    def _seconds(self, retry_after: str | None) -> float | None:
        """The header's wait in seconds; RFC 9110 §10.2.3 allows a number and a date."""
        if retry_after is None:
            return None
        try:
            if retry_after.strip().isdecimal():
                return float(retry_after)
            moment = parsedate_to_datetime(retry_after)
        except (ValueError, OverflowError):
            return None
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max((aware - self._now()).total_seconds(), 0.0)


def _settle(session: requests.Session, url: str) -> None:
    """Takes what the environment says of proxies and authorities once: to read it again for each
    request takes a third of its time. And no password of a .netrc takes the place of our token.
    """
    settings = session.merge_environment_settings(url, {}, None, None, None)
    session.proxies, session.verify = settings["proxies"], settings["verify"]
    session.trust_env = False


def _json(body: Mapping[str, object]) -> bytes:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


def _was_never_sent(error: Exception) -> bool:
    if isinstance(error, requests.ConnectTimeout | requests.exceptions.SSLError):
        return True
    cause = error.args[0] if error.args else None
    return isinstance(getattr(cause, "reason", None), NewConnectionError)
