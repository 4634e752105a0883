"""Identities for trying things out: a chain of Apple's shape and a Google account of its shape.

Phones refuse what these sign. They exist so that everything else can be run, tested and shown
without an account at Apple or Google. Not for: what the certificates hold (issuing).
"""

import json
import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from certs.apple import load_identities
from certs.authority import load_authority
from certs.checks import check_pass_type_identifier
from certs.errors import CertificateError
from certs.files import PRIVATE_MODE, PUBLIC_MODE, read_bundle, write_whole
from certs.google import load_google_identity
from certs.issuing import (
    LEAF_LIFE,
    Issuer,
    certificate_pem,
    issue_pass_certificate,
    key_pem,
    new_intermediate,
    new_key,
    new_root,
    pass_subject,
)

PASS_TYPE_IDENTIFIER = "pass.dev.passmint.loyalty"  # noqa: S105 - a name, no password
TEAM_IDENTIFIER = "DEVELOPMNT"
GOOGLE_ISSUER_ID = "3388000000000000000"
GOOGLE_TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105  # an address

_MAX_PASS_TYPE = 50  # X.520 ends a common name at 64 characters, and Apple's prefix takes 14


@dataclass(frozen=True, slots=True)
class DevelopmentFiles:
    """Where a development identity lies.

    `authority` is the value for PASSMINT_APPLE_AUTHORITY, `certificates` (a folder) the one for
    PASSMINT_APPLE_CERTIFICATES; `root` alone is what `openssl cms -verify -CAfile` wants.
    """

    authority: Path
    root: Path
    certificates: Path
    identity: Path


def mint(
    folder: Path,
    now: datetime,
    pass_type_identifier: str = PASS_TYPE_IDENTIFIER,
    team_identifier: str = TEAM_IDENTIFIER,
) -> DevelopmentFiles:
    """A development identity for a pass type; what is there and still valid is used again.

    Every pass type of one folder is issued under the same root.
    """
    check_pass_type_identifier(pass_type_identifier, _MAX_PASS_TYPE)
    certificates = folder / "apple"
    files = DevelopmentFiles(
        authority=folder / "authority.pem",
        root=folder / "root.pem",
        certificates=certificates,
        identity=certificates / f"{pass_type_identifier}.pem",
    )
    issuer = _issuer_on_disk(files, now) or _new_issuer_on_disk(files, now)
    if not _signs(files, pass_type_identifier, now):
        _write_identity(files.identity, issuer, pass_type_identifier, team_identifier, now)
    return files


def mint_google(folder: Path, token_uri: str = GOOGLE_TOKEN_URI) -> Path:
    """A service-account file of Google's shape; one that is there and loads is used again.

    `token_uri` is where its holder gets access tokens: a local Google has its own.
    """
    path = folder / "google-service-account.json"
    try:
        load_google_identity(path, GOOGLE_ISSUER_ID)
        account = json.loads(path.read_bytes())
    except CertificateError:
        account = _service_account()
    text = json.dumps(account | {"token_uri": token_uri}, indent=2)
    write_whole(path, text.encode(), PRIVATE_MODE)
    return path


def _issuer_on_disk(files: DevelopmentFiles, now: datetime) -> Issuer | None:
    try:
        authority = load_authority(files.authority)
        keys = read_bundle(_issuer_key(files), None).keys
    except CertificateError:
        return None
    certificate = authority.intermediates[0]
    fits = bool(keys) and keys[0].public_key() == certificate.public_key()
    outlives_a_leaf = certificate.not_valid_after_utc > now + LEAF_LIFE
    return Issuer(certificate, keys[0]) if fits and outlives_a_leaf else None


def _new_issuer_on_disk(files: DevelopmentFiles, now: datetime) -> Issuer:
    root = new_root(new_key(), now)
    intermediate = new_intermediate(root, new_key(), now)
    write_whole(_issuer_key(files), key_pem(intermediate.key), PRIVATE_MODE)
    write_whole(files.root, certificate_pem(root.certificate), PUBLIC_MODE)
    chain = certificate_pem(intermediate.certificate, root.certificate)
    write_whole(files.authority, chain, PUBLIC_MODE)
    return intermediate


def _issuer_key(files: DevelopmentFiles) -> Path:
    return files.authority.with_name("authority.key.pem")


def _signs(files: DevelopmentFiles, pass_type_identifier: str, now: datetime) -> bool:
    authority = load_authority(files.authority)
    keyring = load_identities(files.certificates, authority, None, now)
    return pass_type_identifier in keyring.identities


def _write_identity(
    path: Path, issuer: Issuer, pass_type_identifier: str, team_identifier: str, now: datetime
) -> None:
    key = new_key()
    subject = pass_subject(pass_type_identifier, team_identifier)
    certificate = issue_pass_certificate(
        issuer, key.public_key(), subject, pass_type_identifier, now
    )
    write_whole(path, certificate_pem(certificate) + key_pem(key), PRIVATE_MODE)


def _service_account() -> dict[str, str]:
    email = "passmint@passmint-development.iam.gserviceaccount.com"
    return {
        "type": "service_account",
        "project_id": "passmint-development",
        "private_key_id": secrets.token_hex(20),
        "private_key": key_pem(new_key()).decode(),
        "client_email": email,
        "client_id": "100000000000000000000",
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "universe_domain": "googleapis.com",
    }
