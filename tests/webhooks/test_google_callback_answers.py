"""How a callback is answered: what is taken, what is refused and why, what is not even read."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.robotparser import RobotFileParser

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from passes.web.application import create_app
from passes.web.parts import Parts
from tests.passes.web.answers import problem
from tests.service import Clock
from tests.webhooks.google_calls import GOOGLE, ONE_DATABASE, Calls, Publisher
from tests.webhooks.google_signer import ISSUER, Google, body, new_key, sign
from tests.webhooks.living import SECOND
from webhooks import google_callbacks
from webhooks.google_callbacks import MAX_BODY_BYTES
from webhooks.google_keys import KEYS_URL, RootKeys
from webhooks.google_signatures import REFUSALS

Make = Callable[[Calls], bytes]


def _later(**parts: Any) -> Make:
    """Laid into a good envelope after it was signed."""
    return lambda calls: body(calls.envelope() | parts)


def _key(**parts: Any) -> Make:
    def make(calls: Calls) -> bytes:
        envelope = calls.envelope()
        envelope["intermediateSigningKey"] |= parts
        return body(envelope)

    return make


def _from(google: Google, **message: Any) -> Make:
    return lambda calls: body(calls.envelope(google, **message))


def _changed_message(calls: Calls) -> bytes:
    envelope = calls.envelope()
    changed = envelope["signedMessage"].replace('"save"', '"del"')
    return body(envelope | {"signedMessage": changed})


def _message_anew(calls: Calls) -> bytes:
    envelope = calls.envelope()
    return body(envelope | {"signedMessage": json.dumps(json.loads(envelope["signedMessage"]))})


def _key_anew(calls: Calls) -> bytes:
    envelope = calls.envelope()
    key = envelope["intermediateSigningKey"]
    key["signedKey"] = key["signedKey"].replace("\\u003d", "=")
    return body(envelope)


def _key_of_another(calls: Calls) -> bytes:
    envelope = calls.envelope()
    other = calls.envelope(GOOGLE.but(intermediate=new_key()))["intermediateSigningKey"]
    envelope["intermediateSigningKey"]["signedKey"] = other["signedKey"]
    return body(envelope)


FOREIGN = "3388000000000000001"


# what comes → status, code of the problem, reason
ANSWERS: dict[str, tuple[Make, int, str, str]] = {
    "a save": (_from(GOOGLE), 200, "", ""),
    "a deletion": (_from(GOOGLE, eventType="del"), 200, "", ""),
    "a nonce beyond ASCII": (_from(GOOGLE, nonce="ž🐎"), 200, "", ""),
    "an object beyond ASCII": (_from(GOOGLE, objectId=f"{ISSUER}.ž"), 200, "", ""),
    "an unknown object": (_from(GOOGLE, objectId=f"{ISSUER}.pas_x"), 200, "", ""),
    "an unknown class": (_from(GOOGLE, classId=f"{ISSUER}.prg_x"), 200, "", ""),
    "keys Google may add": (_later(added=[1]), 200, "", ""),
    "another signature": (
        _later(signature=sign(new_key(), "message")),
        401,
        "callback_refused",
        "message_unsigned",
    ),
    "no signature": (_later(signature=""), 401, "callback_refused", "message_unsigned"),
    "a changed message": (_changed_message, 401, "callback_refused", "message_unsigned"),
    "a message written anew": (_message_anew, 401, "callback_refused", "message_unsigned"),
    "signed for another issuer": (
        _from(GOOGLE.but(recipient=FOREIGN)),
        401,
        "callback_refused",
        "message_unsigned",
    ),
    "lengths in characters": (
        _from(GOOGLE.but(prefix="characters"), nonce="ž"),
        401,
        "callback_refused",
        "message_unsigned",
    ),
    "a stranger's key": (
        _from(GOOGLE.but(root=new_key())),
        401,
        "callback_refused",
        "key_unsigned",
    ),
    "another key": (_key_of_another, 401, "callback_refused", "key_unsigned"),
    "a key written anew": (_key_anew, 401, "callback_refused", "key_unsigned"),
    "a key without signatures": (_key(signatures=[]), 401, "callback_refused", "key_unsigned"),
    "the sender of some pages": (
        _from(GOOGLE.but(sender="GoogleWalletPasses")),
        401,
        "callback_refused",
        "key_unsigned",
    ),
    "an expired key": (
        _from(GOOGLE.but(key_life=-SECOND)),
        401,
        "callback_refused",
        "key_expired",
    ),
    "an expired message": (
        _from(GOOGLE.but(message_life=-SECOND)),
        401,
        "callback_refused",
        "message_expired",
    ),
    "another issuer's, genuine": (
        _from(
            GOOGLE.but(recipient=FOREIGN),
            classId=f"{FOREIGN}.prg",
            objectId=f"{FOREIGN}.pas",
        ),
        403,
        "callback_refused",
        "issuer_foreign",
    ),
    "another issuer's object": (
        _from(GOOGLE, objectId=f"{FOREIGN}.pas"),
        403,
        "callback_refused",
        "issuer_foreign",
    ),
    "another protocol": (
        _from(GOOGLE.but(protocol="ECv2")),
        400,
        "malformed_body",
        "protocol_unknown",
    ),
    "another event": (_from(GOOGLE, eventType="x"), 400, "malformed_body", "message_malformed"),
    "no nonce": (_from(GOOGLE, nonce=None), 400, "malformed_body", "message_malformed"),
    "NUL in the nonce": (_from(GOOGLE, nonce="\0"), 400, "malformed_body", "message_malformed"),
    "NUL in the object": (
        _from(GOOGLE, objectId=f"{ISSUER}.\0"),
        400,
        "malformed_body",
        "message_malformed",
    ),
    "a key that is none": (_key(signedKey="{}"), 400, "malformed_body", "key_malformed"),
    "nothing": (lambda _: b"", 400, "malformed_body", "envelope_malformed"),
    "a list": (lambda _: b"[]", 400, "malformed_body", "envelope_malformed"),
    "a deep list": (lambda _: b"[" * 16_000, 400, "malformed_body", "envelope_malformed"),
    "no UTF-8": (lambda _: b'{"a": "\xff"}', 400, "malformed_body", "envelope_malformed"),
    "UTF-16": (
        lambda calls: body(calls.envelope()).decode().encode("utf-16"),
        400,
        "malformed_body",
        "envelope_malformed",
    ),
}


def test_every_variant_is_answered_as_it_deserves(calls: Calls) -> None:
    """One for all: an answer depends on nothing before it, and only saves change anything."""
    for name, (make, status, code, reason) in ANSWERS.items():
        nonces = calls.nonces()
        answer = calls.post(make(calls))
        assert answer.status_code == status, name
        if status == 200:
            assert (answer.json, calls.nonces()) == ({}, nonces + 1), name
            continue
        assert problem(answer) == (status, code), name
        assert [fault["code"] for fault in answer.json["errors"]] == [reason], name
        assert answer.json["detail"] == REFUSALS[reason], name
        assert calls.nonces() == nonces, name
        scheme = answer.headers.get("WWW-Authenticate")
        assert scheme == ("ECv2SigningOnly" if status == 401 else None), name
    assert {reason for *_, reason in ANSWERS.values()} - {""} == REFUSALS.keys()


@ONE_DATABASE
def test_it_is_for_posts_only(calls: Calls) -> None:
    for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE"):
        answer = calls.service.client.open("/google/callback", method=method)
        assert answer.status_code == 405, method
        assert "POST" in answer.headers["Allow"]


@ONE_DATABASE
def test_more_than_16_kb_are_not_read(calls: Calls) -> None:
    good = body(calls.envelope())
    full = good + b" " * (MAX_BODY_BYTES - len(good))
    assert calls.post(full).status_code == 200
    assert problem(calls.post(full + b" ")) == (413, "payload_too_large")
    assert calls.saved()


@ONE_DATABASE
def test_what_comes_in_pieces_is_read_no_further(calls: Calls) -> None:
    """Without a length, the rest is cut off, and what is left is no envelope."""
    content = b" " * MAX_BODY_BYTES + body(calls.envelope())
    answer = calls.post(
        content,
        headers={"Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert problem(answer) == (400, "malformed_body")


@ONE_DATABASE
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(garbage=st.binary(max_size=300) | st.text(max_size=100).map(body))
def test_garbage_is_a_bad_request(calls: Calls, garbage: bytes) -> None:
    assert problem(calls.post(garbage)) == (400, "malformed_body")


@ONE_DATABASE
def test_without_root_keys_google_is_asked_to_come_again(calls: Calls) -> None:
    calls.publisher.down = True
    save = body(calls.envelope())
    assert problem(calls.post(save)) == (503, "google_unavailable")
    assert calls.post(b"{}").status_code == 400
    calls.publisher.down = False
    calls.clock.forward(timedelta(seconds=30))
    calls.tell(save)
    assert calls.saved()


@ONE_DATABASE
def test_an_operator_without_google_has_no_such_door(parts: Parts) -> None:
    app = create_app(parts)
    google_callbacks.install(app, RootKeys(KEYS_URL, Publisher(Clock()).fetch, parts.now))
    answer = app.test_client().post("/google/callback", data=b"{}")
    assert problem(answer) == (404, "not_found")


@ONE_DATABASE
def test_robots_txt_lets_google_call(calls: Calls) -> None:
    text = calls.service.client.get("/robots.txt").get_data(as_text=True)
    rules = RobotFileParser()
    rules.parse(text.splitlines())
    assert rules.can_fetch("Googlebot", "https://cards.example/google/callback")
    assert not rules.can_fetch("Googlebot", "https://cards.example/p/token")
