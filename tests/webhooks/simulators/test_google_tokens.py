"""Access tokens: what a stock google-auth client gets, and what gets none."""

import json
from pathlib import Path
from typing import Any

import pytest
import requests
from google.auth.exceptions import RefreshError
from google.auth.transport.requests import AuthorizedSession
from google.auth.transport.requests import Request as AuthRequest
from google.oauth2 import service_account
from requests.adapters import BaseAdapter

from certs.development import mint_google
from certs.google import load_google_identity
from tests.webhooks.simulators.google_room import ISSUER, Room, grant
from webhooks.simulators.google_tokens import GRANT_TYPE, SCOPE

PATH = f"walletobjects/v1/issuer/{ISSUER}"


class Nowhere(BaseAdapter):
    """google-auth also looks for regions at Google itself; tests stay on this machine."""

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        raise requests.ConnectionError(request=request)

    def close(self) -> None:
        """Nothing is open."""


def stock(account: Path, url: str) -> service_account.Credentials:
    """The key file as google-auth reads it, but for where the token endpoint is."""
    info = json.loads(account.read_text()) | {"token_uri": f"{url}/token"}
    read: service_account.Credentials = service_account.Credentials.from_service_account_info(  # type: ignore[no-untyped-call]
        info, scopes=[SCOPE]
    )
    return read


def assertion(room: Room, **changes: Any) -> str:
    return grant(room.identity, room.clock(), **changes)["assertion"]


def asked(room: Room, token: str, grant_type: str = GRANT_TYPE) -> requests.Response:
    form = {"grant_type": grant_type, "assertion": token}
    return requests.post(f"{room.google.url}/token", data=form, timeout=5)


def status(room: Room, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return requests.get(f"{room.google.url}/{PATH}", headers=headers, timeout=5).status_code


def test_a_stock_google_auth_client_works_with_nothing_but_the_token_uri_changed(
    room: Room, google_account: Path
) -> None:
    with requests.Session() as to_token_service:
        to_token_service.mount("https://", Nowhere())
        with AuthorizedSession(  # type: ignore[no-untyped-call]
            stock(google_account, room.google.url),
            auth_request=AuthRequest(to_token_service),
        ) as api:
            assert api.get(f"{room.google.url}/{PATH}").json()["issuerId"] == ISSUER
            room.order("tokens/revoke")
            assert api.get(f"{room.google.url}/{PATH}").status_code == 200  # with a new token
    assert len(room.google.journal.entries(path="/token")) == 3  # the room's own is the first


def test_a_good_assertion_gets_a_token_that_ends(room: Room) -> None:
    room.order("knobs", token_lifetime_s=60)
    granted = asked(room, assertion(room)).json()
    assert granted["expires_in"] == 60
    assert status(room, granted["access_token"]) == 200
    room.clock.forward(seconds=60)
    assert status(room, granted["access_token"]) == 401
    assert status(room, "ya29.guessed") == 401


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"iss": "somebody@else.example"}, "invalid_grant"),
        ({"aud": "https://example.com/token"}, "invalid_grant"),
        ({"scope": None}, "invalid_scope"),
        ({"scope": " "}, "invalid_scope"),
        ({"exp": None}, "invalid_grant"),
        ({"iat": "now"}, "invalid_grant"),
    ],
)
def test_each_claim_counts(room: Room, changes: dict[str, Any], error: str) -> None:
    answer = asked(room, assertion(room, **changes))
    assert (answer.status_code, answer.json()["error"]) == (400, error)


@pytest.mark.parametrize(
    ("issued_s", "ends_s", "good"),
    [(0, 3600, True), (0, 3601, False), (299, 3600, True), (301, 3600, False), (-3600, 0, False)],
)
def test_an_assertion_is_short_lived_and_of_now(
    room: Room, issued_s: int, ends_s: int, good: bool
) -> None:
    now = int(room.clock().timestamp())
    answer = asked(room, assertion(room, iat=now + issued_s, exp=now + ends_s))
    assert answer.ok is good


def test_a_clock_that_differs_by_more_than_minutes_gets_no_token(
    room: Room, google_account: Path
) -> None:
    room.order("knobs", ahead_s=-600)
    with requests.Session() as session, pytest.raises(RefreshError, match="reasonable timeframe"):
        stock(google_account, room.google.url).refresh(AuthRequest(session))  # type: ignore[no-untyped-call]


def test_only_the_registered_key_signs(room: Room, tmp_path: Path) -> None:
    stranger = load_google_identity(mint_google(tmp_path), ISSUER)
    forged = Room(room.google, room.api, stranger, room.clock)
    for token in (assertion(forged), "x", "a.b.c", "", f"{assertion(room)}AAAA"):
        answer = asked(room, token).json()
        assert answer["error"] == "invalid_grant"
        assert answer["error_description"].startswith("Invalid JWT Signature.")
    unsigned = "eyJhbGciOiJub25lIn0." + assertion(room).split(".")[1] + "."
    assert asked(room, unsigned).status_code == 400
    assert asked(room, assertion(room), "password").json()["error"] == "unsupported_grant_type"


def test_a_disabled_account_is_not_found(room: Room) -> None:
    room.order("knobs", account_enabled=False)
    answer = asked(room, assertion(room)).json()
    assert answer["error_description"] == "Invalid grant: account not found"


def test_a_token_for_something_else_opens_nothing_here(room: Room) -> None:
    granted = asked(room, assertion(room, scope="https://www.googleapis.com/auth/drive")).json()
    headers = {"Authorization": f"Bearer {granted['access_token']}"}
    answer = requests.get(f"{room.google.url}/{PATH}", headers=headers, timeout=5)
    assert answer.status_code == 403
    assert answer.json()["error"]["errors"][0]["reason"] == "insufficientPermissions"


def test_the_journal_keeps_no_secrets(room: Room) -> None:
    token = asked(room, assertion(room)).json()["access_token"]
    assert status(room, token) == 200
    link = room.link()
    requests.get(link, timeout=5)
    told = json.dumps(room.state("requests"))
    assert token not in told
    assert link.rpartition(".")[2] not in told
    assert assertion(room).rpartition(".")[2] not in told
