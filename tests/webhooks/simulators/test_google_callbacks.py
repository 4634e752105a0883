"""Callbacks as a merchant receives them, checked by a verifier written from Google's page alone."""

import base64
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from tests.webhooks.simulators.google_room import (
    CLASS,
    ISSUER,
    OBJECT,
    Room,
    Shop,
    opened_room,
    until,
)
from webhooks.simulators.google_http import Reply, Request

ANNA = "anna@example.com"


@pytest.fixture
def room(google_account: Path, shop: Shop) -> Iterator[Room]:
    with opened_room(google_account) as room:
        room.stock(callbackOptions={"url": f"{shop.url}/google/callback"})
        yield room


class Unsound(Exception):
    """The callback must not be believed; the message is the step that failed."""

    code = "unsound"


def verified(body: bytes, keys: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The message of a callback, after every step of ECv2SigningOnly; raises Unsound."""
    try:
        envelope = json.loads(body)
    except ValueError as error:
        raise Unsound("json") from error
    if len(body) > 16_000:
        raise Unsound("size")
    if envelope["protocolVersion"] != "ECv2SigningOnly":
        raise Unsound("protocol")
    signed_key = envelope["intermediateSigningKey"]["signedKey"]
    roots = [
        key["keyValue"]
        for key in keys["keys"]
        if key["protocolVersion"] == "ECv2SigningOnly" and fresh(key["keyExpiration"], now)
    ]
    [by_root] = envelope["intermediateSigningKey"]["signatures"]
    covered = ("GooglePayPasses", "ECv2SigningOnly", signed_key)
    if not any(signed(root, by_root, *covered) for root in roots):
        raise Unsound("intermediate signature")
    key = json.loads(signed_key)
    if not fresh(key["keyExpiration"], now):
        raise Unsound("intermediate expiry")
    message = envelope["signedMessage"]
    sealed = ("GooglePayPasses", ISSUER, "ECv2SigningOnly", message)
    if not signed(key["keyValue"], envelope["signature"], *sealed):
        raise Unsound("message signature")
    told: dict[str, Any] = json.loads(message)
    if not fresh(told["expTimeMillis"], now):
        raise Unsound("message expiry")
    if not all(told[key].startswith(f"{ISSUER}.") for key in ("classId", "objectId")):
        raise Unsound("foreign")
    if "nonce" not in told:
        raise Unsound("nonce")
    return told


def fresh(millis: str | int, now: datetime) -> bool:
    return int(millis) > now.timestamp() * 1000


def signed(key: str, signature: str, *texts: str) -> bool:
    public_key = load_der_public_key(base64.b64decode(key))
    assert isinstance(public_key, ec.EllipticCurvePublicKey)
    covered = b""
    for text in texts:
        covered += len(text.encode()).to_bytes(4, "little") + text.encode()
    try:
        public_key.verify(base64.b64decode(signature), covered, ec.ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def received(room: Room, shop: Shop) -> tuple[Request, dict[str, Any]]:
    """The next callback and its message, verified with the published keys."""
    request = shop.callbacks.get(timeout=5)
    keys = requests.get(room.google.keys_url, timeout=5).json()
    return request, verified(request.body, keys, room.clock())


def test_saving_and_removing_are_told_with_a_sound_signature(room: Room, shop: Shop) -> None:
    assert room.tap(ANNA).ok
    request, message = received(room, shop)
    assert (request.path, request.headers["user-agent"]) == ("/google/callback", "Googlebot")
    assert request.headers["content-type"] == "application/json"
    assert json.loads(request.body).keys() == {
        "signature",
        "intermediateSigningKey",
        "protocolVersion",
        "signedMessage",
    }
    assert message.keys() == {
        "classId",
        "objectId",
        "eventType",
        "expTimeMillis",
        "count",
        "nonce",
    }
    assert (message["classId"], message["objectId"], message["eventType"]) == (
        CLASS,
        OBJECT,
        "save",
    )
    room.order("remove", object_id=OBJECT, user=ANNA)
    assert received(room, shop)[1]["eventType"] == "del"


def test_what_is_signed_holds_escapes_that_must_not_be_touched(room: Room, shop: Shop) -> None:
    assert room.tap(ANNA).ok
    request, _ = received(room, shop)
    signed_key = json.loads(request.body)["intermediateSigningKey"]["signedKey"]
    assert "\\u003d" in signed_key
    assert "=" not in signed_key


def test_nobody_is_told_of_a_tap_that_changes_nothing_or_without_an_address(
    room: Room, shop: Shop
) -> None:
    assert room.tap(ANNA).ok
    assert room.tap(ANNA).ok
    assert len(room.state("callbacks")) == 1
    changes = {"callbackOptions": None, "reviewStatus": "UNDER_REVIEW"}
    room.done("PATCH", f"loyaltyClass/{CLASS}", changes)
    room.order("remove", object_id=OBJECT, user=ANNA)
    assert len(room.state("callbacks")) == 1


@pytest.mark.parametrize(
    ("flaw", "step"),
    [
        ("expired", "message expiry"),
        ("other_issuer", "message signature"),
        ("foreign_pass", "foreign"),
        ("wrong_sender", "intermediate signature"),
        ("wrong_protocol", "protocol"),
        ("changed_message", "message signature"),
        ("changed_key", "intermediate signature"),
        ("bad_signature", "message signature"),
        ("bad_key_signature", "intermediate signature"),
        ("expired_key", "intermediate expiry"),
        ("unknown_root", "intermediate signature"),
        ("no_nonce", "nonce"),
        ("not_json", "json"),
        ("too_long", "size"),
    ],
)
def test_each_flaw_fails_its_own_step_and_no_other(
    room: Room, shop: Shop, flaw: str, step: str
) -> None:
    room.order("callbacks", event="save", object_id=OBJECT, flaw=flaw)
    with pytest.raises(Unsound, match=f"^{step}$"):
        received(room, shop)


def test_a_callback_can_lack_its_signature(room: Room, shop: Shop) -> None:
    room.order("callbacks", object_id=OBJECT, flaw="no_signature")
    assert "signature" not in json.loads(shop.callbacks.get(timeout=5).body)


def test_a_nonce_beyond_ascii_is_sound_when_bytes_are_counted(room: Room, shop: Shop) -> None:
    room.order("callbacks", event="del", object_id=OBJECT, flaw="non_ascii")
    request, message = received(room, shop)
    assert not message["nonce"].isascii()
    assert message["nonce"] in request.body.decode()


def test_a_knob_spoils_what_taps_cause(room: Room, shop: Shop) -> None:
    room.order("knobs", callback_flaw="bad_signature")
    assert room.tap(ANNA).ok
    with pytest.raises(Unsound):
        received(room, shop)


def test_what_fails_is_sent_again_unchanged_until_it_is_given_up(room: Room, shop: Shop) -> None:
    room.order("knobs", callback_waits_s=[0, 0])
    shop.statuses = [500, 302, 200]
    assert room.tap(ANNA).ok
    bodies = {shop.callbacks.get(timeout=5).body for _ in range(3)}
    assert len(bodies) == 1
    shop.statuses = [500, 500, 500, 200]
    room.order("remove", object_id=OBJECT, user=ANNA)
    until(lambda: all(one["done"] for one in room.state("callbacks")), room)
    assert [one["answers"] for one in room.state("callbacks")] == [
        [500, 302, 200],
        [500, 500, 500],
    ]


def test_the_next_try_waits_for_its_time(room: Room, shop: Shop) -> None:
    shop.statuses = [503]
    assert room.tap(ANNA).ok
    shop.callbacks.get(timeout=5)
    until(lambda: room.state("callbacks")[0]["answers"] == [503], room)
    assert shop.callbacks.empty()
    room.clock.forward(seconds=1)
    shop.callbacks.get(timeout=5)


def test_duplicates_carry_the_same_nonce(room: Room, shop: Shop) -> None:
    room.order("knobs", callback_copies=3)
    assert room.tap(ANNA).ok
    assert len({received(room, shop)[1]["nonce"] for _ in range(3)}) == 1


def test_callbacks_can_be_kept_and_sent_in_the_wrong_order(room: Room, shop: Shop) -> None:
    room.order("knobs", hold_callbacks=True)
    assert room.tap(ANNA).ok
    room.order("remove", object_id=OBJECT, user=ANNA)
    assert shop.callbacks.empty()
    assert room.order("callbacks/release", reverse=True) == 2
    events = [received(room, shop)[1]["eventType"] for _ in range(2)]
    assert events == ["del", "save"]


def test_robots_txt_is_respected(room: Room, shop: Shop) -> None:
    rules = b"User-agent: Googlebot\nAllow: /google/callback\n\nUser-agent: *\nDisallow: /\n"
    shop.pages["/robots.txt"] = Reply(200, rules)
    assert room.tap(ANNA).ok
    received(room, shop)
    shop.pages["/robots.txt"] = Reply(200, b"User-agent: *\nDisallow: /\n")
    room.order("remove", object_id=OBJECT, user=ANNA)
    until(lambda: room.state("callbacks")[1]["answers"] == ["robots"], room)
    assert shop.callbacks.empty()
    room.order("knobs", robots=False)
    assert room.tap(ANNA).ok
    received(room, shop)


def test_after_a_rotation_old_and_new_roots_are_published_until_the_old_is_withdrawn(
    room: Room, shop: Shop
) -> None:
    def published() -> list[str]:
        answer = requests.get(room.google.keys_url, timeout=5)
        assert answer.headers["Cache-Control"] == "public, max-age=3600"
        return [key["keyValue"] for key in answer.json()["keys"]]

    first = published()
    room.order("keys/rotate")
    assert set(first) < set(published())
    assert room.tap(ANNA).ok
    received(room, shop)
    room.order("keys/rotate", keep_old=False)
    assert len(published()) == 2
    assert first[1] not in published()
    room.order("remove", object_id=OBJECT, user=ANNA)
    received(room, shop)
