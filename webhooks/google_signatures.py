"""Whether a save/delete callback is Google's, for us and fresh: ECv2SigningOnly, to the byte.

A root key of Google's signs an intermediate key, and that one the message. What is signed are texts
in a row, each behind its length in UTF-8 bytes (4 bytes, little-endian), exactly as they stand in
the envelope after JSON decoding: written anew they would have other bytes and no signature.
Layout: Tink, `PaymentMethodTokenRecipient.java`. Sender: some of Google's pages print
GoogleWalletPasses, but genuine callbacks verify with GooglePayPasses only.
https://developers.google.com/wallet/generic/use-cases/use-callbacks-for-saves-and-deletions
Pure: time and root keys are handed in.
"""

import base64
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, TypeVar

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
)
from pydantic.alias_generators import to_camel

PROTOCOL = "ECv2SigningOnly"
SENDER = "GooglePayPasses"

_MAX_SIGNATURES = 8  # of the intermediate key; each costs one verification per root key
_MAX_TEXT = 255  # characters of an id or a nonce
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_MS_DIGITS = 14  # until the year 5138

# code → what is wrong with the callback
REFUSALS = {
    "envelope_malformed": "The body is no callback envelope of Google Wallet.",
    "protocol_unknown": f"The protocol version is not {PROTOCOL}.",
    "key_malformed": "signedKey is no P-256 key with an expiration.",
    "message_malformed": "signedMessage is no save or del of a class and an object.",
    "issuer_foreign": "Class or object belong to another issuer: see PASSMINT_GOOGLE_ISSUER_ID.",
    "message_expired": "The message has expired: if it is fresh, our clock is wrong.",
    "key_expired": "The intermediate key has expired: if it is fresh, our clock is wrong.",
    "key_unsigned": "No valid root key of Google's has signed the intermediate key.",
    "message_unsigned": "The intermediate key has not signed this message for our issuer.",
}


class CallbackRefused(Exception):
    """A callback that must have no effect; `code` is one of REFUSALS."""

    def __init__(self, code: str) -> None:
        super().__init__(REFUSALS[code])
        self.code = code


def _moment(value: object) -> datetime:
    """Milliseconds since 1970, as a JSON number or, as Google writes long ones, its digits."""
    digits = str(value) if isinstance(value, int | str) else ""
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= _MAX_MS_DIGITS):
        raise ValueError("no milliseconds since 1970")
    return _EPOCH + timedelta(milliseconds=int(digits))


def _bytes(value: object) -> bytes:
    if not isinstance(value, str):
        raise ValueError("no text")  # noqa: TRY004  # pydantic hears no TypeError
    return base64.b64decode(value, validate=True)


def _p256_key(value: object) -> ec.EllipticCurvePublicKey:
    try:
        key = load_der_public_key(_bytes(value))
    except UnsupportedAlgorithm as error:
        raise ValueError("an unknown kind of key") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("no key on the curve P-256")  # noqa: TRY004  # as above
    return key


def _printable(text: str) -> str:
    """What every database can store and every log can show."""
    if not text.isprintable():
        raise ValueError("has characters that cannot be printed")
    return text


Moment = Annotated[datetime, PlainValidator(_moment)]
Signature = Annotated[bytes, PlainValidator(_bytes)]
Text = Annotated[str, Field(min_length=1, max_length=_MAX_TEXT), AfterValidator(_printable)]


class _Foreign(BaseModel):
    """Google's JSON in Google's spelling; keys we do not know are left alone."""

    model_config = ConfigDict(
        frozen=True, strict=True, alias_generator=to_camel, arbitrary_types_allowed=True
    )


_Read = TypeVar("_Read", bound=_Foreign)


class SigningKey(_Foreign):
    """A root or intermediate key: an ECDSA P-256 key (base64 of DER) and when it expires."""

    key_value: Annotated[ec.EllipticCurvePublicKey, PlainValidator(_p256_key)]
    key_expiration: Moment


class _IntermediateSigningKey(_Foreign):
    signed_key: str
    signatures: Annotated[list[Signature], Field(max_length=_MAX_SIGNATURES)]


class _Envelope(_Foreign):
    protocol_version: str
    signature: Signature
    intermediate_signing_key: _IntermediateSigningKey
    signed_message: str


class _Message(_Foreign):
    class_id: Text
    object_id: Text
    event_type: Literal["save", "del"]
    exp_time_millis: Moment
    nonce: Text


@dataclass(frozen=True, slots=True)
class Callback:
    """What Google told us: somebody saved an object, or deleted it. Who, it never tells.

    The ids begin with our issuer id; the same `nonce` again is the same callback again.
    """

    class_id: str
    object_id: str
    event: Literal["save", "del"]
    nonce: str
    expires_at: datetime


def verify(
    envelope: bytes,
    issuer_id: str,
    root_keys: Callable[[], Iterable[SigningKey]],
    now: datetime,
) -> Callback:
    """What the request body `envelope` tells, when Google signed it for the issuer `issuer_id`.

    Everything that can be refused without a signature is refused first; only then `root_keys` is
    asked. Whether the nonce is new, the caller has to know. Raises CallbackRefused.
    """
    sealed = _read(_Envelope, envelope, "envelope_malformed")
    if sealed.protocol_version != PROTOCOL:
        raise CallbackRefused("protocol_unknown")
    message = _read(_Message, sealed.signed_message, "message_malformed")
    if not all(i.startswith(f"{issuer_id}.") for i in (message.class_id, message.object_id)):
        raise CallbackRefused("issuer_foreign")
    if message.exp_time_millis <= now:
        raise CallbackRefused("message_expired")
    intermediate = _read(SigningKey, sealed.intermediate_signing_key.signed_key, "key_malformed")
    if intermediate.key_expiration <= now:
        raise CallbackRefused("key_expired")
    if not _is_from_google(sealed.intermediate_signing_key, root_keys(), now):
        raise CallbackRefused("key_unsigned")
    signed = _in_a_row(SENDER, issuer_id, PROTOCOL, sealed.signed_message)
    if not _has_signed(intermediate.key_value, sealed.signature, signed):
        raise CallbackRefused("message_unsigned")
    return Callback(
        class_id=message.class_id,
        object_id=message.object_id,
        event=message.event_type,
        nonce=message.nonce,
        expires_at=message.exp_time_millis,
    )


def _read(model: type[_Read], text: bytes | str, code: str) -> _Read:
    try:
        return model.model_validate_json(text)
    except ValidationError:
        raise CallbackRefused(code) from None  # it would quote what was sent


def _is_from_google(
    intermediate: _IntermediateSigningKey, roots: Iterable[SigningKey], now: datetime
) -> bool:
    signed = _in_a_row(SENDER, PROTOCOL, intermediate.signed_key)
    return any(
        _has_signed(root.key_value, signature, signed)
        for root in roots
        if root.key_expiration > now
        for signature in intermediate.signatures
    )


def _in_a_row(*texts: str) -> bytes:
    encoded = [text.encode() for text in texts]
    return b"".join(len(data).to_bytes(4, "little") + data for data in encoded)


def _has_signed(key: ec.EllipticCurvePublicKey, signature: bytes, signed: bytes) -> bool:
    try:
        key.verify(signature, signed, ec.ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True
