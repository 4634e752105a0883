"""What must be true of a Pass Type ID certificate before it may sign; each failure tells its cure.

Phones refuse a pass silently when one of these is wrong, so they are told at start instead.
`source` is always the name of the file at fault.
"""

import re
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from certs.authority import Authority
from certs.errors import CertificateError

PASS_TYPE_OID = x509.ObjectIdentifier("1.2.840.113635.100.6.1.16")  # Apple: pass type, UTF8String
COMMON_NAME_PREFIX = "Pass Type ID: "

_PASS_TYPE = re.compile(r"pass\.[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_MAX_PASS_TYPE = 127  # what a short DER length holds
_TEAM = re.compile(r"[A-Z0-9]{10}")
_UTF8_STRING = b"\x0c"  # DER tag


def check_pass_type_identifier(text: str, max_length: int = _MAX_PASS_TYPE) -> None:
    """Raise pass_type_invalid unless `text` is a reverse domain name after `pass.`."""
    if not _PASS_TYPE.fullmatch(text) or len(text) > max_length:
        raise CertificateError(
            "pass_type_invalid",
            f"{text!r} is not a pass type identifier; "
            f"write one like pass.com.example.loyalty, of at most {max_length} characters.",
        )


def pass_type_of(certificate: x509.Certificate, source: str) -> str:
    """The pass type identifier on which UID, common name and Apple's extension agree."""
    uid = subject_value(certificate, NameOID.USER_ID)
    marker = _pass_type_marker(certificate)
    if uid is None or marker is None:
        raise CertificateError(
            "not_a_pass_certificate",
            f"{source} is not a Pass Type ID certificate; "
            "create one at developer.apple.com under Certificates, Services, Pass Type ID.",
        )
    common_name = subject_value(certificate, NameOID.COMMON_NAME)
    if common_name != COMMON_NAME_PREFIX + uid or marker != utf8_string(uid):
        raise CertificateError(
            "pass_type_mismatch",
            f"The user id {uid!r}, the common name {common_name!r} and Apple's extension in "
            f"{source} do not name the same pass type; download the certificate from Apple again.",
        )
    return uid


def team_of(certificate: x509.Certificate, source: str) -> str:
    """The team identifier: ten capitals or digits in the organizational unit."""
    unit = subject_value(certificate, NameOID.ORGANIZATIONAL_UNIT_NAME)
    if unit is None or not _TEAM.fullmatch(unit):
        raise CertificateError(
            "team_missing",
            f"{source} names no team of ten characters as its organizational unit; "
            "download the certificate from Apple again.",
        )
    return unit


def check_key(certificate: x509.Certificate, key: rsa.RSAPrivateKey, source: str) -> None:
    """Raise key_mismatch unless the key belongs to the certificate."""
    if certificate.public_key() != key.public_key():
        raise key_mismatch(source)


def key_mismatch(source: str) -> CertificateError:
    """The error for a certificate whose key beside it is another one's."""
    return CertificateError(
        "key_mismatch",
        f"The private key beside {source} belongs to another certificate; "
        "put the key there that was made with this certificate's request.",
    )


def intermediate_of(
    certificate: x509.Certificate, authority: Authority, source: str
) -> x509.Certificate:
    """The configured intermediate that issued the certificate."""
    intermediate = authority.issuer_of(certificate)
    if intermediate is not None:
        return intermediate
    known = " or ".join(f"“{short_name(one.subject)}”" for one in authority.intermediates)
    raise CertificateError(
        "intermediate_mismatch",
        f"{source} was issued by “{short_name(certificate.issuer)}”, not by the trusted {known}; "
        + _other_issuer_cure(authority),
    )


def check_dates(not_before: datetime, not_after: datetime, source: str, now: datetime) -> None:
    """Raise certificate_expired or certificate_not_yet_valid outside the validity."""
    if now > not_after:
        raise CertificateError(
            "certificate_expired",
            f"{source} expired on {not_after:%Y-%m-%d}; renew it with `passmint certs csr` and "
            "`passmint certs import` (passes on phones stay and take updates from the new one).",
        )
    if now < not_before:
        raise CertificateError(
            "certificate_not_yet_valid",
            f"{source} is valid only from {not_before:%Y-%m-%d %H:%M} UTC on; "
            "set this machine's clock right or wait until then.",
        )


def subject_value(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> str | None:
    """The first subject attribute of this kind as text."""
    attributes = certificate.subject.get_attributes_for_oid(oid)
    return str(attributes[0].value) if attributes else None


def short_name(name: x509.Name) -> str:
    """Common name and unit, which together tell Apple's generations apart."""
    parts = (NameOID.COMMON_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME)
    values = [str(one.value) for oid in parts for one in name.get_attributes_for_oid(oid)]
    return ", ".join(values) or name.rfc4514_string()


def utf8_string(text: str) -> bytes:
    """The DER UTF8String of a text of at most 127 bytes, as Apple's extension holds it."""
    data = text.encode()
    return _UTF8_STRING + bytes([len(data)]) + data


def _pass_type_marker(certificate: x509.Certificate) -> bytes | None:
    try:
        extension = certificate.extensions.get_extension_for_oid(PASS_TYPE_OID)
    except x509.ExtensionNotFound:
        return None
    return extension.value.public_bytes()


def _other_issuer_cure(authority: Authority) -> str:
    if authority.development:
        return "unset PASSMINT_APPLE_AUTHORITY to trust Apple."
    return (
        "if Apple issued it, put that intermediate from "
        "https://www.apple.com/certificateauthority/ into the certificates folder; "
        "if it is a development certificate, set PASSMINT_APPLE_AUTHORITY."
    )
