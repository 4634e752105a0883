"""Our Google identity: the service account that signs save links for our issuer."""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from google.auth.crypt import RSASigner

from certs.errors import CertificateError
from certs.files import read_bytes

_CURE = (
    "create a key of the service account in the Google Cloud console (IAM, Service Accounts, "
    "Keys, JSON) and use that file."
)
_ISSUER_ID = re.compile(r"[0-9]{1,20}")  # it is the part before the dot of every id we make
_REQUIRED = ("client_email", "private_key", "private_key_id")


class Signer(Protocol):
    """What google-auth's RSASigner does for us."""

    def sign(self, message: bytes) -> bytes:
        """The RS256 signature."""


@dataclass(frozen=True, slots=True)
class GoogleIdentity:
    """A service account and the issuer it acts for; its key is parsed once, when loaded."""

    issuer_id: str
    email: str
    source: str
    header: str = field(repr=False)
    signer: Signer = field(repr=False)

    def sign_jwt(self, claims: Mapping[str, object]) -> str:
        """A compact RS256 token; claims are written as UTF-8 without spaces, to keep links short.

        google.auth.jwt.encode writes spaces and escapes, which makes links up to 8 % longer.
        """
        signing_input = f"{self.header}.{_segment(claims)}"
        signature = self.signer.sign(signing_input.encode())
        return f"{signing_input}.{_base64url(signature)}"


def load_google_identity(service_account: Path, issuer_id: str) -> GoogleIdentity:
    """The identity of a service-account JSON file and a numeric issuer id.

    Raises CertificateError: issuer_id_invalid, certificate_unreadable, service_account_invalid,
    key_unreadable.
    """
    if not _ISSUER_ID.fullmatch(issuer_id):
        raise CertificateError(
            "issuer_id_invalid",
            f"The Google issuer id {issuer_id!r} is not a number of 1 to 20 digits; copy it from "
            "the Google Pay & Wallet Console (pay.google.com/business/console) into "
            "PASSMINT_GOOGLE_ISSUER_ID.",
        )
    account = _read_account(service_account)
    key_id = account["private_key_id"]
    return GoogleIdentity(
        issuer_id=issuer_id,
        email=account["client_email"],
        source=service_account.name,
        header=_segment({"alg": "RS256", "typ": "JWT", "kid": key_id}),
        signer=_signer(account["private_key"], key_id, service_account.name),
    )


def _read_account(path: Path) -> dict[str, str]:
    try:
        account = json.loads(read_bytes(path))
    except ValueError as error:
        raise _invalid(f"{path.name} is not JSON") from error
    if not isinstance(account, dict):
        raise _invalid(f"{path.name} is not a JSON object")
    if account.get("type") != "service_account":
        raise _invalid(f'{path.name} is not a service account (its "type" is another or missing)')
    missing = [name for name in _REQUIRED if not isinstance(account.get(name), str)]
    if missing:
        raise _invalid(f"{path.name} lacks {', '.join(missing)}")
    return {name: account[name] for name in _REQUIRED}


def _signer(private_key: str, key_id: str, source: str) -> Signer:
    try:
        key = load_pem_private_key(private_key.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CertificateError(
            "key_unreadable", f"The private key in {source} is damaged; {_CURE}"
        ) from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise _invalid(f"{source} holds no RSA key")
    signer: Signer = RSASigner(key, key_id)  # type: ignore[no-untyped-call]
    return signer


def _invalid(fault: str) -> CertificateError:
    return CertificateError("service_account_invalid", f"{fault}; {_CURE}")


def _segment(content: Mapping[str, object]) -> str:
    return _base64url(json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
