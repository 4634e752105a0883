"""Certificates of Apple's shape, issued by an authority of one's own; nothing touches the disk."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.types import (
    CertificateIssuerPrivateKeyTypes,
    CertificatePublicKeyTypes,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from certs.checks import COMMON_NAME_PREFIX, PASS_TYPE_OID, utf8_string

LEAF_LIFE = timedelta(days=395)  # 13 months, as Apple's

_APPLE_PASS_USAGE = x509.ObjectIdentifier("1.2.840.113635.100.4.14")
_APPLE_PUSH = x509.ObjectIdentifier("1.2.840.113635.100.6.3.2")
_DER_NULL = b"\x05\x00"
_AUTHORITY_LIFE = timedelta(days=3650)
_CLOCK_SLACK = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Issuer:
    """A certificate authority that can issue: its certificate and its key."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey = field(repr=False)


def new_key() -> rsa.RSAPrivateKey:
    """A fresh RSA-2048 key; takes a fraction of a second."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def new_root(key: rsa.RSAPrivateKey, now: datetime) -> Issuer:
    """A self-signed root authority."""
    subject = _subject("Passmint Development Root CA", "Development Certification Authority")
    builder = unsigned(key.public_key(), subject, subject, now, _AUTHORITY_LIFE)
    builder = _as_authority(builder, key.public_key(), path_length=None)
    return Issuer(builder.sign(key, SHA256()), key)


def new_intermediate(root: Issuer, key: rsa.RSAPrivateKey, now: datetime) -> Issuer:
    """An authority that may issue leaves only, as Apple's WWDR."""
    subject = _subject("Passmint Development Relations Certification Authority", "DEV")
    builder = unsigned(key.public_key(), subject, root.certificate.subject, now, _AUTHORITY_LIFE)
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
        unsigned(public_key, subject, issuer.certificate.subject, now, LEAF_LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_authority_key(issuer), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=True)
        .add_extension(_key_usage(digital_signature=True), critical=True)
        .add_extension(push, critical=False)
        .add_extension(marker, critical=False)
        .sign(issuer.key, SHA256())
    )


def unsigned(
    public_key: CertificatePublicKeyTypes,
    subject: x509.Name,
    issuer: x509.Name,
    now: datetime,
    life: timedelta,
) -> x509.CertificateBuilder:
    """A certificate to be extended and signed; valid an hour before `now`, for clocks that lag."""
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SLACK)
        .not_valid_after(now + life)
    )


def certificate_pem(*certificates: x509.Certificate) -> bytes:
    """Certificates as PEM, one after the other."""
    return b"".join(one.public_bytes(Encoding.PEM) for one in certificates)


def key_pem(key: CertificateIssuerPrivateKeyTypes) -> bytes:
    """A private key as PEM (PKCS#8), not encrypted."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


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
