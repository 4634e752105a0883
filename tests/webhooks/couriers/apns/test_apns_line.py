"""Lines to an APNs that ends them, leaves pushes without answer, or is no APNs at all."""

import os
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from certs import development
from certs.apple import AppleIdentity, Keyring
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
from webhooks.couriers.apns import Apns
from webhooks.couriers.outcomes import Delivered, Halted, Later
from webhooks.simulators.apns import Apns as LocalApns
from webhooks.simulators.apns import running_apns
from webhooks.simulators.apns_connection import Behaviour
from webhooks.simulators.apns_script import Answer, Rule
from webhooks.simulators.apns_tls import server_context


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
    assert "no answer within 1 s" in str(outcomes)


def test_the_next_pushes_do_not_wait_for_one_without_answer(apns: LocalApns, hasty: Apns) -> None:
    slow, *others, next_one = pushes_to(12)
    delivered(hasty, others)  # the connection is open
    apns.script.add(Rule(Answer(how="stall"), token=slow.token))
    first = list(hasty.deliver([slow, *others]))
    while len(first) < len(others):
        first += hasty.deliver(())
    assert {push for push, _ in first} == set(others)
    assert hasty.under_way
    told, (push, outcome) = all_outcomes(hasty, [next_one])
    assert told == (next_one, Delivered())
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
