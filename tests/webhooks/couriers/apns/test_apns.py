"""The courier to Apple against a local APNs over real HTTP/2: each push has its outcome."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any, cast

import pytest

from certs.apple import Keyring
from tests.webhooks.couriers.apns.pushes import (
    COFFEE,
    NOW,
    TOPIC,
    all_outcomes,
    courier_to,
    delivered,
    kinds,
    pushes_to,
    the_one,
)
from webhooks.couriers.apns import Apns, Push
from webhooks.couriers.outcomes import Delivered, Gone, Halted, Later, Outcome, Refused
from webhooks.simulators.apns import Apns as LocalApns
from webhooks.simulators.apns_connection import Behaviour
from webhooks.simulators.apns_script import Answer, Rule


def test_a_push_is_what_apple_wants(apns: LocalApns, courier: Apns) -> None:
    assert delivered(courier, [Push(7, "AB12" * 16, TOPIC)]) == {7: Delivered()}
    [seen] = apns.journal.pushes()
    assert (seen.token, seen.topic, seen.payload) == ("ab12" * 16, TOPIC, "{}")
    assert seen.headers == {
        "apns-topic": TOPIC,
        "apns-push-type": "background",
        "apns-priority": "5",
        "apns-expiration": str(int((NOW + timedelta(days=7)).timestamp())),
    }


def test_all_pushes_of_a_certificate_share_a_connection_that_stays(
    apns: LocalApns, courier: Apns
) -> None:
    opened = apns.journal.connections.opened
    for _ in range(3):
        assert kinds(delivered(courier, pushes_to(200))) == {Delivered: 200}
    assert apns.journal.counts() == {"200": 600}
    assert apns.journal.connections.opened == opened + 1


@pytest.mark.parametrize("streams", [1, 2, 10, 100, 1000])
def test_any_limit_of_streams_works_and_loses_nothing(
    apns: LocalApns, courier: Apns, streams: int
) -> None:
    apns.behave(Behaviour(max_streams=streams))
    opened = apns.journal.connections.opened
    assert kinds(delivered(courier, pushes_to(250))) == {Delivered: 250}
    assert apns.journal.counts() == {"200": 250}
    assert apns.journal.connections.opened == opened + 1


def test_pushes_that_wait_for_the_only_stream_do_not_time_out(apns: LocalApns, hasty: Apns) -> None:
    delivered(hasty, pushes_to(100))
    apns.behave(Behaviour(max_streams=1))
    delivered(hasty, pushes_to(1))
    apns.script.add(Rule(Answer(delay_s=0.02)))
    assert kinds(delivered(hasty, pushes_to(40))) == {Delivered: 40}


def test_a_limit_lowered_on_the_open_connection_is_kept(apns: LocalApns, courier: Apns) -> None:
    delivered(courier, pushes_to(300))
    apns.behave(Behaviour(max_streams=1))
    assert kinds(delivered(courier, pushes_to(100))) == {Delivered: 100}


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(status=400, reason="BadDeviceToken"), Gone),
        (Answer(status=400, reason="TopicDisallowed"), Halted),
        (Answer(status=400, reason="DeviceTokenNotForTopic"), Halted),
        (Answer(status=400, reason="BadPriority"), Refused),
        (Answer(status=403, reason="BadCertificate"), Halted),
        (Answer(status=403, reason="ExpiredProviderToken"), Halted),
        (Answer(status=404, reason="BadPath"), Refused),
        (Answer(status=405, reason="MethodNotAllowed"), Refused),
        (Answer(status=410, reason="ExpiredToken"), Gone),
        (Answer(status=413, reason="PayloadTooLarge"), Refused),
        (Answer(status=429, reason="TooManyRequests"), Later),
        (Answer(status=500, reason="InternalServerError"), Later),
        (Answer(status=503, reason="ServiceUnavailable"), Later),
    ],
)
def test_an_answer_over_the_wire_becomes_its_outcome(
    apns: LocalApns, courier: Apns, answer: Answer, kind: type[Outcome]
) -> None:
    apns.script.add(Rule(answer))
    [outcome] = delivered(courier, pushes_to(1)).values()
    assert type(outcome) is kind
    assert answer.reason in getattr(outcome, "why", "")


def test_a_refused_token_stops_no_other(apns: LocalApns, courier: Apns) -> None:
    answer = Answer(status=400, reason="BadDeviceToken")
    apns.script.add(*(Rule(answer, token=f"{row:064x}") for row in range(30)))
    outcomes = delivered(courier, pushes_to(60))
    assert {row for row, outcome in outcomes.items() if isinstance(outcome, Gone)} == set(range(30))
    assert kinds(outcomes) == {Gone: 30, Delivered: 30}


@pytest.mark.parametrize(("count", "kind"), [(19, Gone), (20, Halted)])
def test_nobody_is_forgotten_when_all_of_many_tokens_are_bad(
    apns: LocalApns, courier: Apns, count: int, kind: type[Outcome]
) -> None:
    apns.script.add(Rule(Answer(status=400, reason="BadDeviceToken")))
    assert kinds(delivered(courier, pushes_to(count))) == {kind: count}


def test_a_token_of_another_app_does_not_halt_the_queue(apns: LocalApns, courier: Apns) -> None:
    foreign = Answer(status=400, reason="DeviceTokenNotForTopic")
    apns.script.add(Rule(foreign, token=f"{0:064x}"))
    assert kinds(delivered(courier, pushes_to(5))) == {Refused: 1, Delivered: 4}
    assert kinds(delivered(courier, pushes_to(1))) == {Refused: 1}


def test_since_when_a_token_is_gone_is_told(apns: LocalApns, courier: Apns) -> None:
    since = datetime(2026, 11, 20, 8, 0, 1, 500_000, UTC)
    timestamp = int(since.timestamp() * 1000)
    apns.script.add(Rule(Answer(status=410, reason="Unregistered", timestamp=timestamp)))
    outcome = delivered(courier, pushes_to(1))[0]
    assert outcome == Gone("APNs answered 410 Unregistered", since)


def test_retry_after_is_understood_in_seconds_and_as_a_date(apns: LocalApns, courier: Apns) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=300), usegmt=True)
    for header in (120, cast("int", date)):  # the script has whole seconds only
        apns.script.add(
            Rule(Answer(status=429, reason="TooManyRequests", retry_after=header), next=1)
        )
    seconds, dated = (delivered(courier, pushes_to(1))[0] for _ in range(2))
    assert isinstance(seconds, Later)
    assert seconds.after_s == 120
    assert isinstance(dated, Later)
    assert dated.after_s is not None
    assert 290 <= dated.after_s <= 300


@pytest.mark.parametrize("reason", ["BadCertificate", "Forbidden", "BadCertificateEnvironment"])
def test_a_refused_certificate_halts_its_queue_and_closes_its_connection(
    apns: LocalApns, courier: Apns, reason: str
) -> None:
    delivered(courier, pushes_to(1))
    apns.journal.clear()
    opened = apns.journal.connections.opened
    apns.script.add(Rule(Answer(status=403, reason=reason), topic=TOPIC))
    outcomes = delivered(courier, [*pushes_to(50), *pushes_to(3, COFFEE)][::-1])
    assert kinds(outcomes).total() == 50
    apns.script.clear()
    assert len(apns.journal.pushes()) < 53
    assert kinds(delivered(courier, pushes_to(1))) == {Delivered: 1}
    assert apns.journal.connections.opened == opened + 2  # coffee's and the new one


def test_a_missing_certificate_halts_its_queue_only(apns: LocalApns, courier: Apns) -> None:
    unknown = [replace(push, row=-1 - push.row) for push in pushes_to(2, "pass.com.unknown")]
    outcomes = delivered(courier, [*unknown, *pushes_to(2)])
    assert kinds(outcomes) == {Halted: 2, Delivered: 2}
    assert "pass.com.unknown" in str(outcomes[-1])


@pytest.mark.parametrize("token", ["", "abc", "xy" * 32, "../" * 8, "ab\r\ncd", "ab" * 101])
def test_what_is_no_token_is_never_sent(apns: LocalApns, courier: Apns, token: str) -> None:
    [(_, outcome)] = courier.deliver([Push(1, token, TOPIC)])
    assert isinstance(outcome, Gone)
    assert apns.journal.pushes() == []


def test_a_batch_left_early_does_not_disturb_the_next(apns: LocalApns, courier: Apns) -> None:
    apns.script.add(Rule(Answer(delay_s=0.05), every=2))
    first = courier.deliver(pushes_to(100))
    next(first)
    first.close()
    assert kinds(delivered(courier, pushes_to(10))) == {Delivered: 10}


def test_the_pace_is_kept_over_all_certificates(apns: LocalApns, keyring: Keyring) -> None:
    with courier_to(apns, keyring, pace=100) as courier:
        all_outcomes(courier, [*pushes_to(15), *pushes_to(15, COFFEE)])
    moments = [push.at for push in apns.journal.pushes()]
    assert len(moments) == 30
    assert (moments[-1] - moments[0]).total_seconds() >= 0.2
    assert len({push.topic for push in apns.journal.pushes()[:6]}) == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"authority_file": Path("/nowhere.pem")}, "/nowhere.pem"),
        ({"url": "http://127.0.0.1:1"}, "PASSMINT_APNS_URL must start with https"),
        ({"url": "https://127.0.0.1:99999"}, "PASSMINT_APNS_URL is no address"),
    ],
)
def test_settings_that_cannot_work_are_named(
    apns: LocalApns, keyring: Keyring, options: dict[str, Any], words: str
) -> None:
    with courier_to(apns, keyring, **options) as courier:
        outcome = the_one(delivered(courier, pushes_to(3)))
    assert isinstance(outcome, Halted)
    assert words in outcome.why
