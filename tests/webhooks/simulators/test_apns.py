"""A local APNs, seen from the wire."""

import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from certs.development import PASS_TYPE_IDENTIFIER, DevelopmentFiles
from tests.webhooks.simulators.h2_client import TOKEN, H2Client
from webhooks.simulators.apns import Apns, running_apns
from webhooks.simulators.apns_connection import Behaviour
from webhooks.simulators.apns_script import Answer, Rule

TOPIC = PASS_TYPE_IDENTIFIER


@pytest.fixture
def apns(identities: DevelopmentFiles, tmp_path: Path) -> Iterator[Apns]:
    with running_apns(identities.authority, tmp_path / "ca.pem") as apns:
        yield apns


@pytest.fixture
def client(apns: Apns, identities: DevelopmentFiles) -> Iterator[H2Client]:
    with H2Client(apns.url, apns.ca_file, identities.identity) as client:
        yield client


def test_a_proper_push_is_taken_recorded_and_answered_with_its_id(
    apns: Apns, client: H2Client
) -> None:
    given = "6f9619ff-8b86-4d11-b42d-00c04fc964ff"
    reply = client.push(
        TOPIC, apns_id=given, apns_push_type="background", apns_priority="5", apns_expiration="0"
    )
    assert (reply.status, reply.headers["apns-id"], reply.body) == (200, given, b"")
    [push] = apns.journal.pushes()
    assert (push.token, push.topic, push.payload, push.answer) == (TOKEN, TOPIC, "{}", "200")
    assert push.headers["apns-push-type"] == "background"


def test_a_client_without_certificate_is_not_let_in(apns: Apns) -> None:
    context = ssl.create_default_context(cafile=apns.ca_file)
    port = int(apns.url.rpartition(":")[2])
    with (
        socket.create_connection(("127.0.0.1", port), 3) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secure,
        suppress(OSError),
    ):
        assert secure.recv(1024) == b""
    assert apns.journal.pushes() == []


@pytest.mark.parametrize(
    ("status", "reason", "request_parts"),
    [
        (400, "MissingTopic", {}),
        (400, "BadTopic", {"topic": "no topic"}),
        (400, "TopicDisallowed", {"topic": "pass.com.other"}),
        (400, "BadDeviceToken", {"topic": TOPIC, "path": "/3/device/xyz"}),
        (400, "MissingDeviceToken", {"topic": TOPIC, "path": "/3/device/"}),
        (404, "BadPath", {"topic": TOPIC, "path": "/3/devices/ab"}),
        (405, "MethodNotAllowed", {"topic": TOPIC, "method": "GET"}),
        (400, "PayloadEmpty", {"topic": TOPIC, "body": b""}),
        (400, "PayloadEmpty", {"topic": TOPIC, "body": b"[]"}),
        (413, "PayloadTooLarge", {"topic": TOPIC, "body": b'{"a":"%s"}' % (b"x" * 4096)}),
        (400, "BadPriority", {"topic": TOPIC, "apns_priority": "7"}),
        (400, "BadExpirationDate", {"topic": TOPIC, "apns_expiration": "-1"}),
        (400, "BadMessageId", {"topic": TOPIC, "apns_id": "1"}),
        (400, "BadCollapseId", {"topic": TOPIC, "apns_collapse_id": "x" * 65}),
        (400, "InvalidPushType", {"topic": TOPIC, "apns_push_type": "pass"}),
    ],
)
def test_what_apns_would_refuse_is_refused(
    client: H2Client, status: int, reason: str, request_parts: dict[str, Any]
) -> None:
    reply = client.push(**request_parts)
    assert (reply.status, json.loads(reply.body)) == (status, {"reason": reason})


def test_an_answer_can_be_ordered_with_all_it_carries(apns: Apns, client: H2Client) -> None:
    gone = Answer(status=410, reason="Unregistered", timestamp=1_790_000_000_000)
    busy = Answer(status=429, reason="TooManyRequests", retry_after=30)
    apns.script.add(Rule(gone, token=TOKEN, next=1), Rule(busy, topic=TOPIC, next=1))
    first, second, third = (client.push(TOPIC) for _ in range(3))
    assert json.loads(first.body) == {"reason": "Unregistered", "timestamp": 1_790_000_000_000}
    assert (second.status, second.headers["retry-after"]) == (429, "30")
    assert third.status == 200
    assert apns.journal.counts() == {"410": 1, "429": 1, "200": 1}


def test_a_refused_stream_leaves_the_connection_in_use(apns: Apns, client: H2Client) -> None:
    apns.script.add(Rule(Answer("refused"), next=1))
    assert client.push(TOPIC).reset == 7
    assert client.push(TOPIC).status == 200


def test_a_goodbye_names_the_last_push_that_counted(apns: Apns, client: H2Client) -> None:
    apns.script.add(Rule(Answer("goaway"), every=2))
    assert client.push(TOPIC).status == 200
    left_out = client.send(TOPIC)
    client.receive_to_the_end()
    assert client.goodbye
    assert client.goodbye.last_stream_id == left_out - 2
    assert not client.replies[left_out].headers


def test_a_connection_says_goodbye_after_so_many_answers(apns: Apns, client: H2Client) -> None:
    apns.behave(Behaviour(goaway_after=2))
    assert [client.push(TOPIC).status for _ in range(2)] == [200, 200]
    client.receive_to_the_end()
    assert client.goodbye
    assert client.goodbye.last_stream_id == 3


def test_pushes_after_the_last_that_counted_hold_no_connection_open(
    apns: Apns, client: H2Client
) -> None:
    apns.script.add(Rule(Answer("goaway", delay_s=0.05), next=1), Rule(Answer("stall")))
    client.send(TOPIC)
    client.send(TOPIC)
    client.receive_to_the_end()
    assert client.goodbye


def test_pushes_before_it_are_still_answered(apns: Apns, client: H2Client) -> None:
    apns.script.add(Rule(Answer(delay_s=0.05), next=1), Rule(Answer("goaway")))
    slow = client.send(TOPIC)
    client.send(TOPIC)
    client.receive_to_the_end()
    assert client.goodbye
    assert client.goodbye.last_stream_id == slow
    assert client.replies[slow].status == 200


def test_a_stalled_push_is_recorded_and_never_answered(apns: Apns, client: H2Client) -> None:
    apns.script.add(Rule(Answer("stall"), next=1))
    stalled = client.send(TOPIC)
    assert client.push(TOPIC).status == 200
    assert not client.replies[stalled].headers
    assert apns.journal.counts() == {"stall": 1, "200": 1}


def test_a_delayed_answer_comes_after_the_ones_behind_it(apns: Apns, client: H2Client) -> None:
    apns.script.add(Rule(Answer(delay_s=0.05), next=1))
    slow = client.send(TOPIC)
    assert client.push(TOPIC).status == 200
    assert not client.replies[slow].ended
    while not client.replies[slow].ended:
        client.receive()
    assert client.replies[slow].status == 200


def test_a_reset_tears_the_connection_down(apns: Apns, client: H2Client) -> None:
    apns.script.add(Rule(Answer("reset")))
    lost = client.send(TOPIC)
    client.receive_to_the_end()
    assert not client.goodbye
    assert not client.replies[lost].headers
    assert apns.journal.counts() == {"reset": 1}


def test_streams_are_rationed_on_open_connections_too(apns: Apns, client: H2Client) -> None:
    client.push(TOPIC)
    assert client.max_streams == 1000
    apns.script.add(Rule(Answer("stall"), next=1))
    apns.behave(Behaviour(max_streams=1))
    while client.max_streams != 1:
        client.receive()
    client.send(TOPIC)
    client.h2.remote_settings.update({3: 100})  # a client that does not listen
    client.h2.remote_settings.acknowledge()
    client.send(TOPIC)
    client.receive_to_the_end()
    assert client.goodbye


def test_a_refused_certificate_ends_the_handshake(apns: Apns, identities: DevelopmentFiles) -> None:
    apns.behave(Behaviour(refuse_certificates=True))
    with pytest.raises((ssl.SSLError, ConnectionError)):
        H2Client(apns.url, apns.ca_file, identities.identity)
    assert apns.journal.connections.refused == 1
    apns.reset()
    with H2Client(apns.url, apns.ca_file, identities.identity) as client:
        assert client.push(TOPIC).status == 200


def test_a_restart_keeps_the_authority_that_clients_trust(
    identities: DevelopmentFiles, tmp_path: Path
) -> None:
    with running_apns(identities.authority, tmp_path / "ca.pem") as first:
        known = first.ca_file.read_bytes()
    with running_apns(identities.authority, tmp_path / "ca.pem") as second:
        assert second.ca_file.read_bytes() == known
        with H2Client(second.url, second.ca_file, identities.identity) as client:
            assert client.push(TOPIC).status == 200


def test_the_phone_has_the_last_word(identities: DevelopmentFiles, tmp_path: Path) -> None:
    heard: list[tuple[str, str]] = []

    def deliver(token: str, topic: str) -> Answer | None:
        heard.append((token, topic))
        return Answer(status=400, reason="DeviceTokenNotForTopic")

    with (
        running_apns(identities.authority, tmp_path / "ca.pem", deliver=deliver) as apns,
        H2Client(apns.url, apns.ca_file, identities.identity) as client,
    ):
        assert json.loads(client.push(TOPIC).body) == {"reason": "DeviceTokenNotForTopic"}
    assert heard == [(TOKEN, TOPIC)]
