"""One token for all threads: renewed once, and what keeps it away is told."""

from pathlib import Path

import pytest

from certs.errors import CertificateError
from tests.webhooks.couriers.google.double import Double, dropping, refusing
from tests.webhooks.couriers.google.notices import NOW, class_notice, object_notice, the_one, told
from webhooks.couriers.google_answers import Synced
from webhooks.couriers.google_rest import GoogleRest
from webhooks.couriers.outcomes import Halted, Slower
from webhooks.simulators.google_http import Reply, json_reply


def test_all_threads_share_one_token(google: Double, courier: GoogleRest) -> None:
    told(courier, [class_notice()])
    told(courier, [object_notice(row, row) for row in range(40)])
    assert len(google.tokens) == 1


def test_a_refused_token_is_renewed_once_for_all(stocked: Double, courier: GoogleRest) -> None:
    stocked.revoked.update(stocked.tokens)
    outcomes = told(courier, [object_notice(row, row) for row in range(20)])
    assert set(outcomes.values()) == {Synced()}
    assert len(stocked.tokens) == 2


def test_a_fresh_token_that_is_refused_too_halts_the_queue(
    stocked: Double, courier: GoogleRest
) -> None:
    stocked.always = refusing(401)
    outcome = the_one(told(courier, [object_notice()]))
    assert isinstance(outcome, Halted)
    assert courier.account in outcome.why
    assert len(stocked.seen) == 2
    assert len(stocked.tokens) == 2


@pytest.mark.parametrize("code", ["invalid_grant", "unauthorized_client", "<html>"])
def test_an_account_that_gets_no_token_halts_the_queue(
    google: Double, courier: GoogleRest, code: str
) -> None:
    document = {"error": code, "error_description": "Invalid JWT Signature."}
    google.token_always = lambda _: json_reply(document, 400)
    outcome = the_one(told(courier, [object_notice(row, row) for row in range(50)]))
    assert isinstance(outcome, Halted)
    assert "clock is right" in outcome.why
    assert "create a new key" in outcome.why
    assert (code in outcome.why) == code.replace("_", "").isalpha()
    assert google.seen == []
    assert google.token_requests <= 8  # one a thread
    google.token_always = None
    assert told(courier, [class_notice()]) == {1: Synced()}


@pytest.mark.parametrize(
    "reply",
    [
        Reply(500),
        Reply(503, b"<html>"),
        Reply(429, b'{"error": "rate"}'),
        Reply(200, b"<html>welcome to our hotel</html>"),
        Reply(200, b'{"access_token": "x", "expires_in": "soon"}'),
    ],
)
def test_a_token_service_in_trouble_is_asked_again_later(
    google: Double, courier: GoogleRest, reply: Reply
) -> None:
    google.token_always = lambda _: reply
    outcome = the_one(told(courier, [object_notice()]))
    assert type(outcome) is Slower
    assert "token" in outcome.why
    google.token_always = None
    assert told(courier, [class_notice()]) == {1: Synced()}


def test_a_token_service_that_cannot_be_reached_is_asked_again_later(
    google: Double, courier: GoogleRest
) -> None:
    google.token_always = dropping
    assert type(the_one(told(courier, [object_notice()]))) is Slower


def test_a_file_that_is_no_key_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "key.json").write_text("{}")
    with pytest.raises(CertificateError, match=r"key\.json is no key file"):
        GoogleRest(
            tmp_path / "key.json",
            api_url="https://x",
            now=lambda: NOW,
            reserve=lambda turns: [0.0] * turns,
        )
