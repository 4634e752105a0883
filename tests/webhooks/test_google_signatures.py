"""ECv2SigningOnly, to the byte: one good callback, and everything that is almost one."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.webhooks.google_signer import ISSUER, Google, body, millis, new_key, published
from webhooks.google_signatures import REFUSALS, Callback, CallbackRefused, SigningKey, verify

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
GOOGLE = Google()
STRANGER = new_key()

Envelope = dict[str, Any]


def root(key: ec.EllipticCurvePrivateKey, expires: datetime = NOW + DAY) -> SigningKey:
    return SigningKey.model_validate(published(key, expires))


ROOTS = [root(GOOGLE.root)]


def heard(envelope: object, issuer: str = ISSUER, now: datetime = NOW) -> Callback:
    return verify(body(envelope), issuer, lambda: ROOTS, now)


def refusal(envelope: bytes, roots: list[SigningKey] = ROOTS) -> str:
    with pytest.raises(CallbackRefused) as refused:
        verify(envelope, ISSUER, lambda: roots, NOW)
    assert str(refused.value) == REFUSALS[refused.value.code]
    return refused.value.code


def with_parts(**parts: Any) -> Envelope:
    """A good envelope with other parts, laid in after it was signed."""
    return GOOGLE.envelope(NOW) | parts


def with_key(**parts: Any) -> Envelope:
    good = GOOGLE.envelope(NOW)
    return good | {"intermediateSigningKey": good["intermediateSigningKey"] | parts}


def with_signed_key(text: str) -> Envelope:
    return with_key(signedKey=text)


def flipped(signature: str) -> str:
    """The same signature with another last bit."""
    data = bytearray(base64.b64decode(signature))
    data[-1] ^= 1
    return base64.b64encode(data).decode()


def rsa_key() -> str:
    key = rsa.generate_private_key(65537, 2048).public_key()
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


def p384_key() -> str:
    return published(new_key(ec.SECP384R1()), None)["keyValue"]


LATER = str(millis(NOW + DAY))
GOOD_KEY = GOOGLE.envelope(NOW)["intermediateSigningKey"]
GOOD_MESSAGE = GOOGLE.envelope(NOW)["signedMessage"]


# --- good -----------------------------------------------------------------------------------------


def test_a_callback_of_google_is_read() -> None:
    assert heard(GOOGLE.envelope(NOW)) == Callback(
        class_id=f"{ISSUER}.prg_1",
        object_id=f"{ISSUER}.pas_1",
        event="save",
        nonce="6a1b7c4e-2f0d-4d3c-9a51-1f5f0e0f9b11",
        expires_at=NOW + timedelta(hours=1),
    )


GOOD: dict[str, Callable[[], Envelope]] = {
    "a deletion": lambda: GOOGLE.envelope(NOW, eventType="del"),
    "a nonce beyond ASCII": lambda: GOOGLE.envelope(NOW, nonce="žluťoučký-🐎"),
    "an object beyond ASCII": lambda: GOOGLE.envelope(NOW, objectId=f"{ISSUER}.kůň"),
    "a class beyond ASCII": lambda: GOOGLE.envelope(NOW, classId=f"{ISSUER}.כרטיס"),
    "what Google may add": lambda: GOOGLE.envelope(NOW, added={"x": [1]}) | {"added": 1},
    "no count": lambda: GOOGLE.envelope(NOW, count=None),
    "an expiry in digits": lambda: GOOGLE.envelope(NOW, expTimeMillis=LATER),
    "a message with spaces": lambda: GOOGLE.seal(NOW, json.dumps(json.loads(GOOD_MESSAGE))),
}


@pytest.mark.parametrize("make", GOOD.values(), ids=GOOD)
def test_a_genuine_callback_is_taken(make: Callable[[], Envelope]) -> None:
    heard(make())


def test_any_signature_of_the_key_by_any_root_will_do() -> None:
    envelope = GOOGLE.envelope(NOW)
    key = envelope["intermediateSigningKey"]
    stranger = GOOGLE.but(root=STRANGER).envelope(NOW)["intermediateSigningKey"]
    key["signatures"] = stranger["signatures"] + key["signatures"]
    roots = [root(new_key()), root(GOOGLE.root), root(new_key())]
    assert verify(body(envelope), ISSUER, lambda: roots, NOW).event == "save"


def test_the_envelope_may_be_written_in_any_json() -> None:
    """Only the two texts inside are signed, as they are after decoding."""
    envelope = json.dumps(GOOGLE.envelope(NOW, nonce="ž"), indent=3, ensure_ascii=False)
    assert verify(envelope.encode(), ISSUER, lambda: ROOTS, NOW).nonce == "ž"
    escaped = json.dumps(GOOGLE.envelope(NOW, nonce="ž"), ensure_ascii=True)
    assert verify(escaped.encode(), ISSUER, lambda: ROOTS, NOW).nonce == "ž"


@settings(max_examples=25, deadline=None)
@given(st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=40))
def test_lengths_count_bytes_whatever_the_text(nonce: str) -> None:
    assert heard(GOOGLE.envelope(NOW, nonce=nonce)).nonce == nonce


# --- refused --------------------------------------------------------------------------------------

REFUSED: dict[str, tuple[str, Callable[[], object]]] = {
    # signed by whom, for whom
    "the signature of another message": (
        "message_unsigned",
        lambda: with_parts(signature=GOOGLE.envelope(NOW, nonce="other")["signature"]),
    ),
    "one bit of the signature": (
        "message_unsigned",
        lambda: with_parts(signature=flipped(GOOGLE.envelope(NOW)["signature"])),
    ),
    "a signature that is none": (
        "message_unsigned",
        lambda: with_parts(signature=base64.b64encode(b"signature").decode()),
    ),
    "no signature at all": ("message_unsigned", lambda: with_parts(signature="")),
    "a changed message": (
        "message_unsigned",
        lambda: with_parts(signedMessage=GOOD_MESSAGE.replace("save", "del")),
    ),
    "a message written anew": (
        "message_unsigned",
        lambda: with_parts(signedMessage=json.dumps(json.loads(GOOD_MESSAGE))),
    ),
    "signed for another issuer": (
        "message_unsigned",
        lambda: GOOGLE.but(recipient="3388000000000000001").envelope(NOW),
    ),
    "the recipient with a prefix": (
        "message_unsigned",
        lambda: GOOGLE.but(recipient=f"issuerId:{ISSUER}").envelope(NOW),
    ),
    "signed by the root itself": (
        "message_unsigned",
        lambda: with_parts(
            signature=GOOGLE.but(intermediate=GOOGLE.root).envelope(NOW)["signature"]
        ),
    ),
    "a message by a stranger": (
        "message_unsigned",
        lambda: with_parts(signature=GOOGLE.but(intermediate=STRANGER).envelope(NOW)["signature"]),
    ),
    "a key by a stranger": ("key_unsigned", lambda: GOOGLE.but(root=STRANGER).envelope(NOW)),
    "the sender of some pages": (
        "key_unsigned",
        lambda: GOOGLE.but(sender="GoogleWalletPasses").envelope(NOW),
    ),
    "no sender": ("key_unsigned", lambda: GOOGLE.but(sender="").envelope(NOW)),
    "a key exchanged": (
        "key_unsigned",
        lambda: with_signed_key(
            GOOGLE.but(intermediate=STRANGER).envelope(NOW)["intermediateSigningKey"]["signedKey"]
        ),
    ),
    "a key written anew": (
        "key_unsigned",
        lambda: with_signed_key(GOOD_KEY["signedKey"].replace("\\u003d", "=")),
    ),
    "a key with a longer life": (
        "key_unsigned",
        lambda: with_signed_key(
            GOOGLE.but(key_life=9 * DAY).envelope(NOW)["intermediateSigningKey"]["signedKey"]
        ),
    ),
    "one bit of the key's signature": (
        "key_unsigned",
        lambda: with_key(signatures=[flipped(GOOD_KEY["signatures"][0])]),
    ),
    "a key without signatures": ("key_unsigned", lambda: with_key(signatures=[])),
    "a root as if intermediate": (
        "key_unsigned",
        lambda: with_signed_key(json.dumps(published(GOOGLE.root, NOW + DAY))),
    ),
    # when
    "an expired message": (
        "message_expired",
        lambda: GOOGLE.but(message_life=timedelta(0)).envelope(NOW),
    ),
    "a message of 1970": ("message_expired", lambda: GOOGLE.envelope(NOW, expTimeMillis=0)),
    "an expired key": ("key_expired", lambda: GOOGLE.but(key_life=timedelta(0)).envelope(NOW)),
    # about what
    "another issuer's object": (
        "issuer_foreign",
        lambda: GOOGLE.envelope(NOW, objectId="3388000000000000001.pas_1"),
    ),
    "another issuer's class": (
        "issuer_foreign",
        lambda: GOOGLE.envelope(NOW, classId="3388000000000000001.prg_1"),
    ),
    "all of another issuer": (
        "issuer_foreign",
        lambda: GOOGLE.but(recipient="42").envelope(NOW, classId="42.prg_1", objectId="42.pas_1"),
    ),
    "an issuer that begins like ours": (
        "issuer_foreign",
        lambda: GOOGLE.envelope(NOW, objectId=f"{ISSUER}0.pas_1"),
    ),
    "ids without an issuer": ("issuer_foreign", lambda: GOOGLE.envelope(NOW, objectId="pas_1")),
    # which protocol
    "another protocol, unsigned": ("protocol_unknown", lambda: with_parts(protocolVersion="ECv1")),
    "another protocol, signed": (
        "protocol_unknown",
        lambda: GOOGLE.but(protocol="ECv2").envelope(NOW),
    ),
    "the protocol in lower case": (
        "protocol_unknown",
        lambda: with_parts(protocolVersion="ecv2signingonly"),
    ),
    # messages
    "a message that is no JSON": ("message_malformed", lambda: GOOGLE.seal(NOW, "save")),
    "a message that is a list": ("message_malformed", lambda: GOOGLE.seal(NOW, "[]")),
    "an empty message": ("message_malformed", lambda: GOOGLE.seal(NOW, "")),
    "a deep message": ("message_malformed", lambda: GOOGLE.seal(NOW, "[" * 5000)),
    "another event": ("message_malformed", lambda: GOOGLE.envelope(NOW, eventType="update")),
    "no event": ("message_malformed", lambda: GOOGLE.envelope(NOW, eventType=None)),
    "no class": ("message_malformed", lambda: GOOGLE.envelope(NOW, classId=None)),
    "no object": ("message_malformed", lambda: GOOGLE.envelope(NOW, objectId=None)),
    "no nonce": ("message_malformed", lambda: GOOGLE.envelope(NOW, nonce=None)),
    "an empty nonce": ("message_malformed", lambda: GOOGLE.envelope(NOW, nonce="")),
    "a nonce that is a number": ("message_malformed", lambda: GOOGLE.envelope(NOW, nonce=7)),
    "a long nonce": ("message_malformed", lambda: GOOGLE.envelope(NOW, nonce="n" * 256)),
    "NUL in the nonce": ("message_malformed", lambda: GOOGLE.envelope(NOW, nonce="a\0")),
    "half a character in the nonce": (
        "message_malformed",
        lambda: GOOGLE.seal(NOW, GOOD_MESSAGE.replace("6a1b", "\\ud83d")),
    ),
    "no expiry": ("message_malformed", lambda: GOOGLE.envelope(NOW, expTimeMillis=None)),
    "an expiry that is true": (
        "message_malformed",
        lambda: GOOGLE.envelope(NOW, expTimeMillis=True),
    ),
    "a negative expiry": ("message_malformed", lambda: GOOGLE.envelope(NOW, expTimeMillis=-1)),
    "a broken expiry": ("message_malformed", lambda: GOOGLE.envelope(NOW, expTimeMillis=1.5e15)),
    "an endless expiry": (
        "message_malformed",
        lambda: GOOGLE.envelope(NOW, expTimeMillis=10**40),
    ),
    "an expiry in words": (
        "message_malformed",
        lambda: GOOGLE.envelope(NOW, expTimeMillis="tomorrow"),
    ),
    # keys
    "a key that is no JSON": ("key_malformed", lambda: with_signed_key("key")),
    "a key without a value": (
        "key_malformed",
        lambda: with_signed_key(json.dumps({"keyExpiration": LATER})),
    ),
    "a key without an expiration": (
        "key_malformed",
        lambda: with_signed_key(json.dumps(published(STRANGER, None))),
    ),
    "a key that is no key": (
        "key_malformed",
        lambda: with_signed_key(json.dumps({"keyValue": "AAAA", "keyExpiration": LATER})),
    ),
    "an RSA key": (
        "key_malformed",
        lambda: with_signed_key(json.dumps({"keyValue": rsa_key(), "keyExpiration": LATER})),
    ),
    "a key on another curve": (
        "key_malformed",
        lambda: with_signed_key(json.dumps({"keyValue": p384_key(), "keyExpiration": LATER})),
    ),
    # envelopes
    "a list": ("envelope_malformed", list),
    "null": ("envelope_malformed", lambda: None),
    "an empty object": ("envelope_malformed", dict),
    "the message as an object": (
        "envelope_malformed",
        lambda: with_parts(signedMessage=json.loads(GOOD_MESSAGE)),
    ),
    "the key as an object": (
        "envelope_malformed",
        lambda: with_signed_key(json.loads(GOOD_KEY["signedKey"])),
    ),
    "a key as text": ("envelope_malformed", lambda: with_parts(intermediateSigningKey="key")),
    "one signature instead of a list": (
        "envelope_malformed",
        lambda: with_key(signatures=GOOD_KEY["signatures"][0]),
    ),
    "too many signatures": (
        "envelope_malformed",
        lambda: with_key(signatures=GOOD_KEY["signatures"] * 9),
    ),
    "a signature that is no base64": (
        "envelope_malformed",
        lambda: with_parts(signature="not base64!"),
    ),
    "a signature with a space": (
        "envelope_malformed",
        lambda: with_parts(signature=f" {GOOGLE.envelope(NOW)['signature']}"),
    ),
    "a signature beyond ASCII": ("envelope_malformed", lambda: with_parts(signature="žluť")),
    "a signature that is a number": ("envelope_malformed", lambda: with_parts(signature=7)),
    "half a character in the message": (
        "envelope_malformed",
        lambda: with_parts(signedMessage="\ud83d"),
    ),
    "half a character in the key": ("envelope_malformed", lambda: with_signed_key("\ud83d")),
}


@pytest.mark.parametrize(("code", "make"), REFUSED.values(), ids=REFUSED)
def test_what_is_almost_a_callback_is_refused(code: str, make: Callable[[], object]) -> None:
    assert refusal(body(make())) == code


def test_every_reason_to_refuse_is_met() -> None:
    assert {code for code, _ in REFUSED.values()} == REFUSALS.keys()


def test_lengths_in_characters_verify_for_ascii_only() -> None:
    """A widespread mistake: it shows with the first accent."""
    mistaken = GOOGLE.but(prefix="characters")
    heard(mistaken.envelope(NOW))
    assert refusal(body(mistaken.envelope(NOW, nonce="ž"))) == "message_unsigned"


def test_an_expired_root_signs_no_longer() -> None:
    good = body(GOOGLE.envelope(NOW))
    assert refusal(good, [root(GOOGLE.root, NOW)]) == "key_unsigned"
    assert refusal(good, [root(GOOGLE.root, NOW), root(STRANGER)]) == "key_unsigned"
    assert refusal(good, []) == "key_unsigned"


def test_expiries_are_exact() -> None:
    last = NOW + timedelta(hours=1) - timedelta(milliseconds=1)
    heard(GOOGLE.envelope(NOW), now=last)
    with pytest.raises(CallbackRefused, match="expired"):
        heard(GOOGLE.envelope(NOW), now=NOW + timedelta(hours=1))


def test_our_issuer_is_what_counts_not_the_message() -> None:
    other = Google(root=GOOGLE.root, recipient="42")
    envelope = other.envelope(NOW, classId="42.prg_1", objectId="42.pas_1")
    assert heard(envelope, issuer="42").object_id == "42.pas_1"
    assert refusal(body(envelope)) == "issuer_foreign"


def test_root_keys_are_not_asked_for_what_is_refused_without_them() -> None:
    cheap = {"key_unsigned", "message_unsigned"}

    def roots() -> list[SigningKey]:
        raise AssertionError("asked for keys")

    for code, make in REFUSED.values():
        if code not in cheap:
            with pytest.raises(CallbackRefused):
                verify(body(make()), ISSUER, roots, NOW)


@settings(max_examples=150, deadline=None)
@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.dictionaries(
                st.sampled_from(
                    [
                        "signature",
                        "intermediateSigningKey",
                        "signedKey",
                        "signatures",
                        "protocolVersion",
                        "signedMessage",
                    ]
                ),
                inner,
                max_size=6,
            )
            | st.lists(inner, max_size=3)
        ),
        max_leaves=8,
    ).map(body)
)
def test_garbage_is_an_envelope_that_is_none(garbage: bytes) -> None:
    assert refusal(garbage) == "envelope_malformed"


@settings(max_examples=100, deadline=None)
@given(
    part=st.sampled_from(["signature", "signedMessage"]),
    position=st.integers(0, 60),
    letter=st.characters(codec="utf-8"),
)
def test_no_changed_letter_goes_unnoticed(part: str, position: int, letter: str) -> None:
    good = GOOGLE.envelope(NOW)
    text = good[part]
    changed = text[:position] + letter + text[position + 1 :]
    if changed != text:
        assert refusal(body(good | {part: changed}))
