"""Google's seal on a callback: ECv2SigningOnly, byte for byte, and every way it can be wrong.

A root key signs an intermediate key, the intermediate key signs the message. Signed is always the
concatenation of texts, each behind its length: four bytes, little endian, counting UTF-8 bytes.
Source: Google's Payment method token cryptography, as Tink's PaymentMethodTokenRecipient does it.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

PROTOCOL = "ECv2SigningOnly"
SENDER = "GooglePayPasses"

Flaw = Literal[
    "expired",  # expTimeMillis has passed
    "other_issuer",  # sealed for another issuer, about that issuer's pass
    "foreign_pass",  # sealed for us, about another issuer's pass
    "wrong_sender",  # sealed as GoogleWalletPasses
    "wrong_protocol",  # says ECv2
    "changed_message",  # changed after it was signed
    "changed_key",  # the intermediate key was changed after it was signed
    "bad_signature",
    "bad_key_signature",
    "expired_key",  # an intermediate key whose time has passed
    "unknown_root",  # all in order, by a root nobody knows
    "no_signature",
    "no_nonce",
    "not_json",
    "too_long",  # 20 KB
    "non_ascii",  # no flaw: a good callback with a nonce beyond ASCII
]

_ROOT_LASTS = timedelta(days=365)
_KEY_LASTS = timedelta(days=7)
_TOO_LONG = 20_000


@dataclass(frozen=True, slots=True)
class _Key:
    private: ec.EllipticCurvePrivateKey = field(repr=False)
    ends: datetime

    def document(self) -> dict[str, str]:
        der = self.private.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )
        return {"keyValue": base64.b64encode(der).decode(), "keyExpiration": _millis(self.ends)}

    def sign(self, *texts: str) -> str:
        signature = self.private.sign(length_prefixed(*texts), ec.ECDSA(SHA256()))
        return base64.b64encode(signature).decode()


def length_prefixed(*texts: str) -> bytes:
    """What is signed."""
    encoded = [text.encode() for text in texts]
    return b"".join(len(one).to_bytes(4, "little") + one for one in encoded)


class Sealer:
    """The keys of the local Google. Roots that were replaced stay published until dropped."""

    def __init__(self, issuer_id: str, now: datetime) -> None:
        self._issuer_id = issuer_id
        self._roots = [_new_key(now + _ROOT_LASTS)]
        self._intermediate = _new_key(now + _KEY_LASTS)
        self._stranger = _new_key(now + _ROOT_LASTS)

    def rotate(self, now: datetime, *, keep_old: bool = True) -> None:
        """A new root and a new intermediate key; without `keep_old` the old root is withdrawn."""
        kept = self._roots if keep_old else []
        self._roots = [_new_key(now + _ROOT_LASTS), *kept]
        self._intermediate = _new_key(now + _KEY_LASTS)

    def published(self) -> dict[str, object]:
        """The body of `/gp/m/issuer/keys`: as there, with keys of other protocols between."""
        signing = [root.document() | {"protocolVersion": PROTOCOL} for root in self._roots]
        other = self._stranger.document() | {"protocolVersion": "ECv2"}
        return {"keys": [other, *signing]}

    def seal(self, message: Mapping[str, object], now: datetime, flaw: Flaw | None = None) -> bytes:
        """The body of a callback with this message, whole or with one flaw."""
        text = _escaped(message)
        key = _new_key(now - timedelta(hours=1)) if flaw == "expired_key" else self._intermediate
        signed_key = _escaped(key.document())
        root = self._stranger if flaw == "unknown_root" else self._roots[0]
        sender = "GoogleWalletPasses" if flaw == "wrong_sender" else SENDER
        recipient = other_issuer(self._issuer_id) if flaw == "other_issuer" else self._issuer_id
        key_signature = root.sign(sender, PROTOCOL, signed_key)
        signature = key.sign(sender, recipient, PROTOCOL, text)
        match flaw:
            case "changed_key":
                signed_key = signed_key.replace('"keyExpiration":"', '"keyExpiration":"9')
            case "changed_message":
                text = text.replace('"objectId":"', '"objectId":"9')
            case "bad_key_signature":
                key_signature = _damaged(key_signature)
            case "bad_signature":
                signature = _damaged(signature)
        envelope: dict[str, object] = {
            "signature": signature,
            "intermediateSigningKey": {"signedKey": signed_key, "signatures": [key_signature]},
            "protocolVersion": "ECv2" if flaw == "wrong_protocol" else PROTOCOL,
            "signedMessage": text,
        }
        return _written(envelope, flaw)


def other_issuer(issuer_id: str) -> str:
    """The id of somebody else."""
    return str(int(issuer_id) + 1)


def _written(envelope: dict[str, object], flaw: Flaw | None) -> bytes:
    if flaw == "no_signature":
        del envelope["signature"]
    if flaw == "too_long":
        envelope["padding"] = "x" * _TOO_LONG
    body = json.dumps(envelope, ensure_ascii=False).encode()
    return body[:-1] if flaw == "not_json" else body


def _escaped(document: Mapping[str, object]) -> str:
    """JSON as Google's Gson writes it: without spaces, `=` as an escape; signed as it stands."""
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    return text.replace("=", "\\u003d")


def _damaged(signature: str) -> str:
    """Another value in good DER: the last bit is turned."""
    raw = bytearray(base64.b64decode(signature))
    raw[-1] ^= 1
    return base64.b64encode(raw).decode()


def _new_key(ends: datetime) -> _Key:
    return _Key(ec.generate_private_key(ec.SECP256R1()), ends)


def _millis(moment: datetime) -> str:
    return str(int(moment.timestamp() * 1000))
