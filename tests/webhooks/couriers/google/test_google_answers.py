"""Every answer of Google Wallet, as a table."""

import json

import pytest

from webhooks.couriers.google_answers import Act, Synced, judge, read_answer, verdict
from webhooks.couriers.outcomes import Halted, Later, Outcome, Refused, Slower

ACCOUNT = "passmint@project.iam.gserviceaccount.com"
WRITES = (Act.PATCH, Act.INSERT, Act.NOTIFY, Act.MENTION)


def body(status: int, reason: str | None, message: str = "Something.") -> bytes:
    """An error as Google writes it."""
    error = {"message": message, "domain": "walletobjects"} | ({"reason": reason} if reason else {})
    return json.dumps({"error": {"code": status, "message": message, "errors": [error]}}).encode()


def judged(status: int, reason: str | None, act: Act = Act.PATCH) -> Outcome | Act:
    return judge(read_answer(status, body(status, reason), 7.0), act, ACCOUNT)


@pytest.mark.parametrize(
    ("status", "reason", "act", "expected"),
    [
        (404, "resourceNotFound", Act.PATCH, Act.INSERT),
        (404, None, Act.PATCH, Act.INSERT),
        (409, "existingResource", Act.INSERT, Act.PATCH),
        (409, None, Act.INSERT, Act.PATCH),
        (401, None, Act.PATCH, Act.RENEW),
        (401, "authError", Act.INSERT, Act.RENEW),
        (403, "quotaExceeded", Act.NOTIFY, Act.MENTION),
    ],
)
def test_some_refusals_have_a_next_step(
    status: int, reason: str | None, act: Act, expected: Act
) -> None:
    assert judged(status, reason, act) is expected


@pytest.mark.parametrize("act", WRITES)
@pytest.mark.parametrize(
    ("status", "reason", "kind"),
    [
        (400, "invalidResource", Refused),
        (400, None, Refused),
        (403, "permissionDenied", Halted),
        (403, "insufficientPermissions", Halted),
        (403, "accessNotConfigured", Halted),
        (403, "neverHeardOf", Halted),
        (403, None, Halted),
        (403, "rateLimitExceeded", Slower),
        (403, "userRateLimitExceeded", Slower),
        (408, None, Later),
        (412, None, Refused),
        (413, None, Refused),
        (429, "rateLimitExceeded", Slower),
        (429, None, Slower),
        (302, None, Later),
        (500, "backendError", Later),
        (500, None, Later),
        (502, None, Later),
        (503, None, Later),
        (599, None, Later),
    ],
)
def test_each_answer_has_its_outcome(
    status: int, reason: str | None, kind: type[Outcome], act: Act
) -> None:
    outcome = judged(status, reason, act)
    assert type(outcome) is kind
    assert f"{status} {reason or 'without a reason'}" in outcome.why
    if isinstance(outcome, Later):
        assert outcome.after_s == 7.0


@pytest.mark.parametrize("status", [400, 403, 404, 429, 500])
def test_googles_own_words_stand_apart(status: int) -> None:
    body = json.dumps({"error": {"message": "Zofie is no name"}}).encode()
    outcome = verdict(read_answer(status, body), ACCOUNT)
    assert "Zofie" not in repr(outcome)
    assert ("Zofie" in str(outcome)) is isinstance(outcome, Refused)


@pytest.mark.parametrize("act", [Act.PATCH, Act.INSERT, Act.MENTION])
def test_a_quota_that_no_silence_helps_is_waited_for(act: Act) -> None:
    assert type(judged(403, "quotaExceeded", act)) is Slower


def test_an_object_waits_for_its_class() -> None:
    assert type(judged(404, "classNotFound", Act.INSERT)) is Later


def test_a_missing_permission_tells_whom_to_invite() -> None:
    outcome = judged(403, "permissionDenied")
    assert isinstance(outcome, Halted)
    assert f"invite {ACCOUNT} as a user in the Google Pay & Wallet console" in outcome.why


def test_an_api_that_is_off_tells_where_to_switch_it_on() -> None:
    outcome = judged(403, "accessNotConfigured")
    assert isinstance(outcome, Halted)
    assert "enable the Google Wallet API" in outcome.why


def test_a_second_401_halts_with_the_account() -> None:
    outcome = verdict(read_answer(401, b""), ACCOUNT)
    assert isinstance(outcome, Halted)
    assert ACCOUNT in outcome.why


@pytest.mark.parametrize(
    ("has_users", "expected"), [(True, True), (False, False), (None, None), ("true", None)]
)
def test_success_tells_whether_somebody_holds_it(has_users: object, expected: bool | None) -> None:
    told = {} if has_users is None else {"hasUsers": has_users}
    document = {"state": "active", "kind": "walletobjects#loyaltyObject", "new": 1} | told
    answer = read_answer(200, json.dumps(document).encode())
    assert judge(answer, Act.PATCH, ACCOUNT) == Synced(expected, notified=True)
    assert judge(answer, Act.MENTION, ACCOUNT) == Synced(expected, notified=False)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 429, 500, 200])
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>quotaExceeded</html>",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 4096,
        b'{"error": "permissionDenied"}',
        b'{"error": {"errors": []}}',
        b'{"error": {"errors": ["quotaExceeded"]}}',
        b'{"error": {"errors": [{"reason": 7}]}}',
        b'{"error": {"errors": [{"reason": "quota exceeded\\n"}]}}',
        b'{"error": {"message": "Quota exceeded for issuer 1: permissionDenied"}}',
        b'{"error": {"message": 7, "errors": {"reason": "quotaExceeded"}}}',
        b'{"hasUsers": {}}',
    ],
)
def test_what_cannot_be_read_counts_by_its_status(status: int, content: bytes) -> None:
    """Words never count: all of these are judged as an answer without a body."""
    answer, plain = read_answer(status, content), read_answer(status, b"")
    assert answer.reason == ""
    for act in WRITES:
        judged, expected = judge(answer, act, ACCOUNT), judge(plain, act, ACCOUNT)
        assert type(judged) is type(expected)
        if isinstance(judged, Act):
            assert judged is expected


def test_the_newer_form_of_an_error_tells_its_reason_too() -> None:
    answer = read_answer(429, b'{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}')
    assert answer.reason == "RESOURCE_EXHAUSTED"


def test_googles_sentence_is_kept_on_one_line_and_short() -> None:
    message = "Invalid resource ID:\r\n\x1b[31m\u202e caf\u00e9. " + "x" * 500
    outcome = judge(read_answer(400, body(400, "invalidResource", message)), Act.PATCH, ACCOUNT)
    assert isinstance(outcome, Refused)
    assert "Invalid resource ID: [31m caf\u00e9. x" in str(outcome)
    assert str(outcome).isprintable()
    assert len(str(outcome)) < 300


def test_a_token_that_google_quotes_is_struck_out() -> None:
    for status in (400, 403, 404):
        message = "Bad Authorization: Bearer ya29.secret"
        answer = read_answer(status, body(status, None, message), secret="ya29.secret")
        outcome = verdict(answer, ACCOUNT)
        assert "Bad Authorization" in answer.words
        assert "ya29" not in repr((outcome, answer.words))
