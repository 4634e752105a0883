"""Callbacks as Google signs them, and as it would never do; written apart from the verification."""

import base64
import json
import struct
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ISSUER = "3388000000000000000"


def new_key(curve: ec.EllipticCurve | None = None) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(curve or ec.SECP256R1())


def millis(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def public(key: ec.EllipticCurvePrivateKey) -> str:
    """The public half as Google publishes it."""
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


def published(
    key: ec.EllipticCurvePrivateKey, expires: datetime | None, protocol: str = "ECv2SigningOnly"
) -> dict[str, str]:
    """One entry of the list of root keys."""
    entry = {"keyValue": public(key), "protocolVersion": protocol}
    return entry if expires is None else entry | {"keyExpiration": str(millis(expires))}


def sign(key: ec.EllipticCurvePrivateKey, *texts: str, prefix: str = "bytes") -> str:
    """Base64 of a DER signature; `prefix` "characters" makes a widespread mistake."""
    signed = b""
    for text in texts:
        data = text.encode("utf-8")
        length = len(data) if prefix == "bytes" else len(text)
        signed += struct.pack("<I", length) + data
    return base64.b64encode(key.sign(signed, ec.ECDSA(SHA256()))).decode()


@dataclass(frozen=True)
class Google:
    """Signs callbacks; every property is one that Google might have or a forger would."""

    root: ec.EllipticCurvePrivateKey = field(default_factory=new_key)
    intermediate: ec.EllipticCurvePrivateKey = field(default_factory=new_key)
    sender: str = "GooglePayPasses"
    recipient: str = ISSUER
    protocol: str = "ECv2SigningOnly"
    key_life: timedelta = timedelta(days=7)
    message_life: timedelta = timedelta(hours=1)
    prefix: str = "bytes"

    def but(self, **properties: Any) -> "Google":
        return replace(self, **properties)

    def envelope(self, now: datetime, **message: Any) -> dict[str, Any]:
        """A save of `message["objectId"]`, unless the keywords say otherwise. None leaves out."""
        told = {
            "classId": f"{ISSUER}.prg_1",
            "objectId": f"{ISSUER}.pas_1",
            "eventType": "save",
            "expTimeMillis": millis(now + self.message_life),
            "count": 1,
            "nonce": "6a1b7c4e-2f0d-4d3c-9a51-1f5f0e0f9b11",
        } | message
        told = {name: value for name, value in told.items() if value is not None}
        return self.seal(now, json.dumps(told, separators=(",", ":"), ensure_ascii=False))

    def seal(self, now: datetime, signed_message: str) -> dict[str, Any]:
        """An envelope around any text."""
        document = {
            "keyValue": public(self.intermediate),
            "keyExpiration": str(millis(now + self.key_life)),
        }
        # Google writes the = of base64 as an escape, inside the text that is signed.
        signed_key = json.dumps(document, separators=(",", ":")).replace("=", "\\u003d")
        key_signature = sign(self.root, self.sender, self.protocol, signed_key, prefix=self.prefix)
        message = (self.sender, self.recipient, self.protocol, signed_message)
        return {
            "signature": sign(self.intermediate, *message, prefix=self.prefix),
            "intermediateSigningKey": {"signedKey": signed_key, "signatures": [key_signature]},
            "protocolVersion": self.protocol,
            "signedMessage": signed_message,
        }


def body(envelope: object) -> bytes:
    return json.dumps(envelope).encode()
