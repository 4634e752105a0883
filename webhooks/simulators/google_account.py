"""The service account that the local Google knows, and tokens signed by it."""

import base64
import binascii
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from certs.google import load_google_identity


class JwtError(Exception):
    """A token that is not signed by the account, or no token at all."""

    code = "jwt_invalid"


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """Who may speak for the issuer. Only the public half of the key is kept."""

    email: str
    issuer_id: str
    public_key: rsa.RSAPublicKey = field(repr=False)

    def claims(self, token: str) -> dict[str, object]:
        """What a compact RS256 token of this account says; raises JwtError."""
        segments = token.split(".")
        if len(segments) != 3:  # noqa: PLR2004  # header, claims, signature (RFC 7515)
            raise JwtError("It is no JWT: three parts with dots between them.")
        header, claims = _object(segments[0]), _object(segments[1])
        if header.get("alg") != "RS256":
            raise JwtError("The algorithm must be RS256.")
        signed = f"{segments[0]}.{segments[1]}".encode()
        try:
            self.public_key.verify(_bytes(segments[2]), signed, padding.PKCS1v15(), SHA256())
        except InvalidSignature as error:
            raise JwtError("The signature is not by this service account's key.") from error
        return claims


def load_account(file: Path, issuer_id: str) -> ServiceAccount:
    """The account of a key file, as the issuer's console would know it; raises CertificateError."""
    identity = load_google_identity(file, issuer_id)
    pem = json.loads(file.read_bytes())["private_key"]
    # It was checked a line above, and checking takes time.
    key = load_pem_private_key(pem.encode(), None, unsafe_skip_rsa_key_validation=True)
    return ServiceAccount(identity.email, issuer_id, cast("rsa.RSAPublicKey", key.public_key()))


def _object(segment: str) -> dict[str, object]:
    try:
        document = json.loads(_bytes(segment))
    except (ValueError, RecursionError) as error:
        raise JwtError("Header and claims must be JSON.") from error
    if not isinstance(document, dict):
        raise JwtError("Header and claims must be JSON objects.")
    return document


def _bytes(segment: str) -> bytes:
    try:
        padded = segment + "=" * (-len(segment) % 4)
        return base64.b64decode(padded, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise JwtError("The parts of a JWT are base64url without padding.") from error
