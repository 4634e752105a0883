"""Every answer APNs gives, as a table."""

from datetime import UTC, datetime

import pytest

from webhooks.couriers.apns_answers import DELIVERED, Answer, judge, read_answer
from webhooks.couriers.outcomes import Gone, Halted, Later, Refused
from webhooks.simulators.apns_script import REASONS

TOPIC = "pass.com.example.loyalty"

LATER = {"IdleTimeout"}
HALTED = {"BadTopic", "DeviceTokenNotForTopic", "MissingTopic", "TopicDisallowed"}
BY_STATUS = {
    403: Halted,
    404: Refused,
    405: Refused,
    410: Gone,
    413: Refused,
    429: Later,
    500: Later,
    503: Later,
}


def expected(status: int, reason: str) -> type:
    if status != 400:
        return BY_STATUS[status]
    if reason == "BadDeviceToken":
        return Gone
    return Later if reason in LATER else Halted if reason in HALTED else Refused


@pytest.mark.parametrize(
    ("status", "reason"), [(status, one) for status in REASONS for one in sorted(REASONS[status])]
)
def test_each_reason_has_its_outcome(status: int, reason: str) -> None:
    answer = read_answer(status, b'{"reason": "%s"}' % reason.encode())
    outcome = answer.outcome(TOPIC)
    assert type(outcome) is expected(status, reason)
    assert reason in outcome.why
    assert str(status) in outcome.why
    assert isinstance(outcome, Halted) == (TOPIC in outcome.why)


def test_200_is_delivered() -> None:
    assert read_answer(200, b"").outcome(TOPIC) is DELIVERED


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Refused),
        (401, Refused),
        (403, Halted),
        (408, Later),
        (410, Gone),
        (418, Refused),
        (429, Later),
        (502, Later),
        (204, Later),
        (301, Later),
    ],
)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 4096,
        b'{"reason": 7}',
        b'{"reason": "a\\nb"}',
        b'{"reason": "SomethingNew", "more": {}}',
        b'{"timestamp": "now"}',
    ],
)
def test_an_unknown_answer_counts_by_its_status(status: int, kind: type, body: bytes) -> None:
    outcome = read_answer(status, body).outcome(TOPIC)
    assert type(outcome) is kind
    assert "\n" not in outcome.why


@pytest.mark.parametrize(
    ("body", "since"),
    [
        (b'{"reason": "Unregistered", "timestamp": 1790000000123}', 1790000000.123),
        (b'{"reason": "Unregistered"}', None),
        (b'{"reason": "Unregistered", "timestamp": true}', None),
        (b'{"reason": "Unregistered", "timestamp": "1790000000123"}', None),
        (b'{"reason": "Unregistered", "timestamp": 1e999}', None),
        (b'{"reason": "Unregistered", "timestamp": %d}' % 10**400, None),
    ],
)
def test_410_tells_since_when_the_token_is_gone(body: bytes, since: float | None) -> None:
    moment = datetime.fromtimestamp(since, UTC) if since else None
    assert read_answer(410, body).outcome(TOPIC) == Gone("APNs answered 410 Unregistered", moment)


def test_a_timestamp_counts_with_410_only() -> None:
    answer = read_answer(400, b'{"reason": "BadDeviceToken", "timestamp": 1790000000123}')
    assert answer.outcome(TOPIC) == Gone("APNs answered 400 BadDeviceToken", None)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_the_other_side_asks_to_wait_is_passed_on(status: int) -> None:
    outcome = read_answer(status, b'{"reason": "TooManyRequests"}', 90.0).outcome(TOPIC)
    assert isinstance(outcome, Later)
    assert outcome.after_s == 90.0


@pytest.mark.parametrize(
    ("status", "reason", "ends"),
    [(503, "Shutdown", True), (400, "IdleTimeout", True), (503, "ServiceUnavailable", False)],
)
def test_some_answers_end_the_connection(status: int, reason: str, ends: bool) -> None:
    assert Answer(status, reason).ends_connection is ends


BAD = Answer(400, "BadDeviceToken")
FOREIGN = Answer(400, "DeviceTokenNotForTopic")


@pytest.mark.parametrize(
    ("count", "vouched", "kind"),
    [(19, False, Gone), (20, False, Halted), (20, True, Gone), (500, False, Halted)],
)
def test_many_bad_tokens_and_no_good_one_mean_a_wrong_environment(
    count: int, vouched: bool, kind: type
) -> None:
    outcomes = judge([BAD] * count, TOPIC, vouched=vouched, trusted=vouched)
    assert [type(one) for one in outcomes] == [kind] * count


@pytest.mark.parametrize(("trusted", "kind"), [(False, Halted), (True, Refused)])
def test_a_token_of_another_app_stops_nobody_once_a_token_was_taken(
    trusted: bool, kind: type
) -> None:
    [outcome, bad] = judge([FOREIGN, BAD], TOPIC, vouched=False, trusted=trusted)
    assert (type(outcome), type(bad)) == (kind, Gone)
