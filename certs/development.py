"""Identities for trying things out: a chain of Apple's shape and a Google account of its shape.

Phones refuse what these sign. They exist so that everything else can be run, tested and shown
without an account at Apple or Google.
"""

import json
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from certs.apple import load_identities
from certs.authority import load_authority
from certs.checks import (
    COMMON_NAME_PREFIX,
    PASS_TYPE_OID,
    check_pass_type_identifier,
    utf8_string,
)
from certs.errors import CertificateError
from certs.files import PRIVATE_MODE, PUBLIC_MODE, read_bundle, write_whole
from certs.google import load_google_identity

PASS_TYPE_IDENTIFIER = "pass.dev.passmint.loyalty"  # noqa: S105 - a name, no password
TEAM_IDENTIFIER = "DEVELOPMNT"
GOOGLE_ISSUER_ID = "3388000000000000000"
GOOGLE_TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105  # an address

_APPLE_PASS_USAGE = x509.ObjectIdentifier("1.2.840.113635.100.4.14")
_APPLE_PUSH = x509.ObjectIdentifier("1.2.840.113635.100.6.3.2")
_DER_NULL = b"\x05\x00"
_LEAF_LIFE = timedelta(days=395)  # 13 months, as Apple's
_AUTHORITY_LIFE = timedelta(days=3650)
_CLOCK_SLACK = timedelta(hours=1)
_MAX_PASS_TYPE = 50  # X.520 ends a common name at 64 characters, and Apple's prefix takes 14


@dataclass(frozen=True, slots=True)
class Issuer:
    """A certificate authority that can issue: its certificate and its key."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey = field(repr=False)


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
        account = _service_account(new_key())
    text = json.dumps(account | {"token_uri": token_uri}, indent=2)
    write_whole(path, text.encode(), PRIVATE_MODE)
    return path


def new_key() -> rsa.RSAPrivateKey:
    """A fresh RSA-2048 key; takes a fraction of a second."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def new_root(key: rsa.RSAPrivateKey, now: datetime) -> Issuer:
    """A self-signed root authority."""
    subject = _subject("Passmint Development Root CA", "Development Certification Authority")
    builder = _builder(key.public_key(), subject, subject, now, _AUTHORITY_LIFE)
    builder = _as_authority(builder, key.public_key(), path_length=None)
    return Issuer(builder.sign(key, SHA256()), key)


def new_intermediate(root: Issuer, key: rsa.RSAPrivateKey, now: datetime) -> Issuer:
    """An authority that may issue leaves only, as Apple's WWDR."""
    subject = _subject("Passmint Development Relations Certification Authority", "DEV")
    builder = _builder(key.public_key(), subject, root.certificate.subject, now, _AUTHORITY_LIFE)
    builder = _as_authority(builder, key.public_key(), path_length=0)
    builder = builder.add_extension(_authority_key(root), critical=False)
    return Issuer(builder.sign(root.key, SHA256()), key)


def pass_subject(pass_type_identifier: str, team_identifier: str) -> x509.Name:
    """The subject Apple gives a Pass Type ID certificate."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.USER_ID, pass_type_identifier),
            x509.NameAttribute(NameOID.COMMON_NAME, COMMON_NAME_PREFIX + pass_type_identifier),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, team_identifier),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Passmint Development"),
            x509.NameAttribute(NameOID.COUNTRY_NAME, "US"),
        ]
    )


def issue_pass_certificate(
    issuer: Issuer,
    public_key: rsa.RSAPublicKey,
    subject: x509.Name,
    pass_type_identifier: str,
    now: datetime,
) -> x509.Certificate:
    """A leaf with the extensions of a Pass Type ID certificate, valid for 13 months from `now`."""
    usages = [ExtendedKeyUsageOID.CLIENT_AUTH, _APPLE_PASS_USAGE]
    marker = x509.UnrecognizedExtension(PASS_TYPE_OID, utf8_string(pass_type_identifier))
    push = x509.UnrecognizedExtension(_APPLE_PUSH, _DER_NULL)
    return (
        _builder(public_key, subject, issuer.certificate.subject, now, _LEAF_LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_authority_key(issuer), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=True)
        .add_extension(_key_usage(digital_signature=True), critical=True)
        .add_extension(push, critical=False)
        .add_extension(marker, critical=False)
        .sign(issuer.key, SHA256())
    )


def certificate_pem(*certificates: x509.Certificate) -> bytes:
    """Certificates as PEM, one after the other."""
    return b"".join(one.public_bytes(Encoding.PEM) for one in certificates)


def key_pem(key: rsa.RSAPrivateKey) -> bytes:
    """A private key as PEM (PKCS#8), not encrypted."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _issuer_on_disk(files: DevelopmentFiles, now: datetime) -> Issuer | None:
    try:
        authority = load_authority(files.authority)
        keys = read_bundle(_issuer_key(files), None).keys
    except CertificateError:
        return None
    certificate = authority.intermediates[0]
    fits = bool(keys) and keys[0].public_key() == certificate.public_key()
    outlives_a_leaf = certificate.not_valid_after_utc > now + _LEAF_LIFE
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


def _builder(
    public_key: rsa.RSAPublicKey,
    subject: x509.Name,
    issuer: x509.Name,
    now: datetime,
    life: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SLACK)
        .not_valid_after(now + life)
    )


def _as_authority(
    builder: x509.CertificateBuilder, public_key: rsa.RSAPublicKey, path_length: int | None
) -> x509.CertificateBuilder:
    usage = _key_usage(key_cert_sign=True, crl_sign=True)
    return (
        builder.add_extension(
            x509.BasicConstraints(ca=True, path_length=path_length), critical=True
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(usage, critical=True)
    )


def _authority_key(issuer: Issuer) -> x509.AuthorityKeyIdentifier:
    extensions = issuer.certificate.extensions
    subject_key = extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(subject_key)


def _key_usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


def _subject(common_name: str, unit: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Passmint Development"),
            x509.NameAttribute(NameOID.COUNTRY_NAME, "US"),
        ]
    )


def _service_account(key: rsa.RSAPrivateKey) -> dict[str, str]:
    email = "passmint@passmint-development.iam.gserviceaccount.com"
    return {
        "type": "service_account",
        "project_id": "passmint-development",
        "private_key_id": secrets.token_hex(20),
        "private_key": key_pem(key).decode(),
        "client_email": email,
        "client_id": "100000000000000000000",
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "universe_domain": "googleapis.com",
    }
