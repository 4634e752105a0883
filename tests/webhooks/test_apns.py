"""The courier to Apple against a local APNs: real HTTP/2, real certificates, every fault."""

import os
import socket
import ssl
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from threading import Thread
from typing import Any, cast

import pytest

from certs import development
from certs.apple import AppleIdentity, Keyring, load_identities
from certs.authority import load_authority
from webhooks.couriers.apns import Apns, Push
from webhooks.couriers.outcomes import Delivered, Gone, Halted, Later, Outcome, Refused
from webhooks.simulators.apns import Apns as LocalApns
from webhooks.simulators.apns import Behaviour, running_apns
from webhooks.simulators.apns_script import Answer, Rule
from webhooks.simulators.apns_tls import server_context

TOPIC = development.PASS_TYPE_IDENTIFIER
COFFEE = "pass.dev.passmint.coffee"
HASTY_S = 0.4
NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> development.DevelopmentFiles:
    folder = tmp_path_factory.mktemp("certs")
    development.mint(folder, NOW, COFFEE)
    return development.mint(folder, NOW)


@pytest.fixture(scope="module")
def keyring(files: development.DevelopmentFiles) -> Keyring:
    return load_identities(files.certificates, load_authority(files.authority), None, NOW)


@pytest.fixture(scope="module")
def running(
    files: development.DevelopmentFiles, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalApns]:
    with running_apns(files.authority, tmp_path_factory.mktemp("apns") / "ca.pem") as apns:
        yield apns


@pytest.fixture
def apns(running: LocalApns) -> LocalApns:
    """The local APNs, well behaved and with an empty journal."""
    running.reset()
    return running


@contextmanager
def courier_to(apns: LocalApns, keyring: Keyring, **options: Any) -> Iterator[Apns]:
    url = options.pop("url", apns.url)
    options = {"authority_file": apns.ca_file, "timeout_s": 8.0} | options
    identity = options.pop("identity", lambda topic: keyring.identity(topic, NOW))
    courier = Apns(url, identity, now=lambda: NOW, **options)
    try:
        yield courier
    finally:
        courier.close()


@pytest.fixture
def courier(apns: LocalApns, keyring: Keyring) -> Iterator[Apns]:
    with courier_to(apns, keyring) as courier:
        yield courier


@pytest.fixture
def hasty(apns: LocalApns, keyring: Keyring) -> Iterator[Apns]:
    """A courier that does not wait long for an answer."""
    with courier_to(apns, keyring, timeout_s=HASTY_S) as courier:
        yield courier


def pushes_to(count: int, topic: str = TOPIC) -> list[Push]:
    return [Push(row, f"{row:064x}", topic) for row in range(count)]


def all_outcomes(courier: Apns, pushes: Sequence[Push]) -> list[tuple[Push, Outcome]]:
    pairs = list(courier.deliver(pushes))
    while courier.under_way:
        pairs += courier.deliver(())
    return pairs


def delivered(courier: Apns, pushes: Sequence[Push]) -> dict[int, Outcome]:
    """The outcome of each row; every push has exactly one, and none gives a token away."""
    pairs = all_outcomes(courier, pushes)
    assert Counter(push for push, _ in pairs) == Counter(pushes)
    for push, outcome in pairs:
        assert push.token not in getattr(outcome, "why", "")
    return {push.row: outcome for push, outcome in pairs}


def kinds(outcomes: dict[int, Outcome]) -> Counter[type[Outcome]]:
    return Counter(type(outcome) for outcome in outcomes.values())


def the_one(outcomes: dict[int, Outcome]) -> Outcome:
    """The outcome that all rows share."""
    [outcome] = set(outcomes.values())
    return outcome


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


def test_after_shutdown_the_rest_goes_over_another_connection(
    apns: LocalApns, courier: Apns
) -> None:
    delivered(courier, pushes_to(50))
    apns.script.add(Rule(Answer(status=503, reason="Shutdown"), next=1))
    opened = apns.journal.connections.opened
    outcomes = delivered(courier, pushes_to(200))
    assert kinds(outcomes) == {Later: 1, Delivered: 199}
    assert apns.journal.connections.opened == opened + 1


@pytest.mark.parametrize("answers", [7, 60])
@pytest.mark.parametrize("streams", [10, 1000])
def test_no_push_is_lost_when_apns_says_goodbye_again_and_again(
    apns: LocalApns, courier: Apns, answers: int, streams: int
) -> None:
    apns.behave(Behaviour(max_streams=streams, goaway_after=answers))
    assert kinds(delivered(courier, pushes_to(200))) == {Delivered: 200}
    assert {push.token for push in apns.journal.pushes()} == {p.token for p in pushes_to(200)}


@pytest.mark.parametrize("how", ["refused", "goaway"])
def test_a_push_left_out_is_sent_again(apns: LocalApns, courier: Apns, how: Any) -> None:
    apns.script.add(Rule(Answer(how=how), every=20))
    assert kinds(delivered(courier, pushes_to(200))) == {Delivered: 200}


def test_what_died_with_a_connection_is_sent_again(apns: LocalApns, courier: Apns) -> None:
    delivered(courier, pushes_to(100))
    apns.script.add(Rule(Answer(how="reset"), token=f"{70:064x}", next=2))
    assert kinds(delivered(courier, pushes_to(100))) == {Delivered: 100}


def test_a_push_that_kills_every_connection_stops_no_other(apns: LocalApns, courier: Apns) -> None:
    apns.script.add(Rule(Answer(how="reset"), token=f"{0:064x}"))
    outcomes = delivered(courier, pushes_to(100))
    assert isinstance(outcomes.pop(0), Later)
    assert kinds(outcomes) == {Delivered: 99}


def test_a_push_without_answer_waits_and_stops_no_other(apns: LocalApns, hasty: Apns) -> None:
    apns.script.add(Rule(Answer(how="stall"), every=10))
    outcomes = delivered(hasty, pushes_to(100))
    assert kinds(outcomes) == {Delivered: 90, Later: 10}
    assert "no answer within 0.4 s" in str(outcomes)


def test_the_next_pushes_do_not_wait_for_one_without_answer(apns: LocalApns, hasty: Apns) -> None:
    slow, *others, next_one = pushes_to(12)
    delivered(hasty, others)  # the connection is open
    apns.script.add(Rule(Answer(how="stall"), token=slow.token))
    first = list(hasty.deliver([slow, *others]))
    assert {push for push, _ in first} == set(others)
    assert hasty.under_way
    assert list(hasty.deliver([next_one])) == [(next_one, Delivered())]
    [(push, outcome)] = all_outcomes(hasty, ())
    assert (push, type(outcome)) == (slow, Later)


def test_an_apns_that_answers_nothing_costs_little_time(apns: LocalApns, hasty: Apns) -> None:
    delivered(hasty, pushes_to(100))
    apns.script.add(Rule(Answer(how="stall")))
    assert kinds(delivered(hasty, pushes_to(500))) == {Later: 500}
    sent = [push for push in apns.journal.pushes() if push.answer == "stall"]
    assert len(sent) < 500


def test_a_dead_queue_holds_up_no_other(apns: LocalApns, hasty: Apns) -> None:
    apns.script.add(Rule(Answer(how="stall"), topic=TOPIC))
    pairs = all_outcomes(hasty, [*pushes_to(50), *pushes_to(50, COFFEE)])
    assert {push.topic for push, _ in pairs[:50]} == {COFFEE}
    assert {type(outcome) for _, outcome in pairs[:50]} == {Delivered}
    assert {type(outcome) for _, outcome in pairs[50:]} == {Later}


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


def test_an_apns_that_was_away_is_met_again(
    files: development.DevelopmentFiles, keyring: Keyring, tmp_path: Path
) -> None:
    with running_apns(files.authority, tmp_path / "ca.pem") as apns:
        port = int(apns.url.rpartition(":")[2])
        courier = Apns(
            apns.url,
            lambda topic: keyring.identity(topic, NOW),
            now=lambda: NOW,
            authority_file=apns.ca_file,
        )
        assert kinds(delivered(courier, pushes_to(20))) == {Delivered: 20}
    gone = the_one(delivered(courier, pushes_to(500)))
    assert isinstance(gone, Later)
    assert f"127.0.0.1:{port} cannot be reached" in gone.why
    with running_apns(files.authority, tmp_path / "ca.pem", port=port):
        assert kinds(delivered(courier, pushes_to(20))) == {Delivered: 20}
    courier.close()


def test_a_renewed_certificate_gets_a_new_connection(apns: LocalApns, keyring: Keyring) -> None:
    renewed: list[AppleIdentity] = [keyring.identity(TOPIC, NOW)]
    opened = apns.journal.connections.opened
    with courier_to(apns, keyring, identity=lambda _: renewed[-1]) as courier:
        delivered(courier, pushes_to(2))
        renewed.append(replace(renewed[0], fingerprint="another"))
        delivered(courier, pushes_to(2))
    assert apns.journal.connections.opened == opened + 2


def test_a_batch_left_early_does_not_disturb_the_next(apns: LocalApns, courier: Apns) -> None:
    apns.script.add(Rule(Answer(delay_s=0.05), every=2))
    first = courier.deliver(pushes_to(100))
    next(first)
    first.close()
    assert kinds(delivered(courier, pushes_to(10))) == {Delivered: 10}


def test_the_pace_is_kept_over_all_certificates(apns: LocalApns, keyring: Keyring) -> None:
    with courier_to(apns, keyring, pace=100) as courier:
        list(courier.deliver([*pushes_to(15), *pushes_to(15, COFFEE)]))
    moments = [push.at for push in apns.journal.pushes()]
    assert len(moments) == 30
    assert (moments[-1] - moments[0]).total_seconds() >= 0.2
    assert len({push.topic for push in apns.journal.pushes()[:6]}) == 2


def test_a_server_that_cannot_be_trusted_gets_no_push(
    apns: LocalApns, keyring: Keyring, files: development.DevelopmentFiles
) -> None:
    for authority_file in (files.root, None):
        with courier_to(apns, keyring, authority_file=authority_file) as courier:
            outcome = the_one(delivered(courier, pushes_to(30)))
        assert isinstance(outcome, Halted)
        assert "cannot be trusted" in outcome.why
        assert "PASSMINT_APNS_CA" in outcome.why
    assert apns.journal.pushes() == []


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


def _serve_one(plain: socket.socket, context: ssl.SSLContext, reply: bytes) -> None:
    with context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False) as secure:
        with suppress(OSError):
            secure.do_handshake()
            secure.recv(65536)
            secure.sendall(reply)
        with suppress(OSError):  # a close with data unread would overtake the alert as a reset
            secure.shutdown(socket.SHUT_WR)
            while os.read(secure.fileno(), 65536):
                pass


@contextmanager
def tls_server(context: ssl.SSLContext, reply: bytes) -> Iterator[str]:
    """A TLS server that says the same to every client, whatever it asked."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                _serve_one(listener.accept()[0], context, reply)

    thread = Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


@pytest.fixture
def other_context(apns: LocalApns) -> ssl.SSLContext:
    """TLS as APNs has it, that takes client certificates of another authority only."""
    return server_context(apns.ca_file, client_authority=apns.ca_file, now=NOW)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_server_that_turns_our_certificate_down_halts_the_queue(
    apns: LocalApns, keyring: Keyring, other_context: ssl.SSLContext, version: ssl.TLSVersion
) -> None:
    other_context.maximum_version = version
    with (
        tls_server(other_context, b"") as url,
        courier_to(apns, keyring, url=url) as courier,
    ):
        outcome = the_one(delivered(courier, pushes_to(30)))
    assert isinstance(outcome, Halted)
    assert f"refuses the certificate of {TOPIC} (alert unknown ca)" in outcome.why


def test_an_http_1_server_is_told_from_apns(
    apns: LocalApns, keyring: Keyring, other_context: ssl.SSLContext
) -> None:
    other_context.verify_mode = ssl.CERT_NONE
    other_context.set_alpn_protocols(["http/1.1"])
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    with (
        tls_server(other_context, reply) as url,
        courier_to(apns, keyring, url=url) as courier,
    ):
        outcome = the_one(delivered(courier, pushes_to(30)))
    assert isinstance(outcome, Later)
    assert "does not speak HTTP/2" in outcome.why


def test_a_server_that_talks_nonsense_is_tried_twice(
    apns: LocalApns, keyring: Keyring, other_context: ssl.SSLContext
) -> None:
    other_context.verify_mode = ssl.CERT_NONE
    with (
        tls_server(other_context, b"220 mail.example ESMTP\r\n") as url,
        courier_to(apns, keyring, url=url) as courier,
    ):
        assert kinds(delivered(courier, pushes_to(30))) == {Later: 30}
