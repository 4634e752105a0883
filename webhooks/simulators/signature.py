"""Whether a phone would trust a pass's signature: a detached CMS over its manifest (RFC 5652).

Written from the standard, apart from the code that signs, so that the one checks the other.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm
from cryptography.x509.oid import NameOID

from webhooks.simulators import der
from webhooks.simulators.findings import Finding

_FILE = "signature"
_CLOCK_SLACK = timedelta(minutes=5)

# Object identifiers as DER writes them.
_SIGNED_DATA = bytes.fromhex("2a864886f70d010702")
_DATA = bytes.fromhex("2a864886f70d010701")
_CONTENT_TYPE = bytes.fromhex("2a864886f70d010903")
_MESSAGE_DIGEST = bytes.fromhex("2a864886f70d010904")
_SIGNING_TIME = bytes.fromhex("2a864886f70d010905")
# SHA-1 stands in passes of older tools, and phones take it.
_DIGESTS: dict[bytes, HashAlgorithm] = {
    bytes.fromhex("2b0e03021a"): SHA1(),  # noqa: S303
    bytes.fromhex("608648016503040201"): SHA256(),
}
_MALFORMED = (
    ValueError,
    IndexError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
)
_CERTIFICATES_TAG = 0xA0
_ATTRIBUTES_TAG = 0xA0


class _Broken(Exception):
    """The signature cannot be checked any further."""


@dataclass(frozen=True, slots=True)
class _Signature:
    """The parts of a CMS that are checked; attribute values by object identifier."""

    certificates: list[x509.Certificate]
    signer: x509.Certificate
    digest: HashAlgorithm
    attributes_raw: bytes
    attributes: dict[bytes, der.Element]
    value: bytes


def signature_findings(
    signature: bytes,
    manifest: bytes,
    roots: Sequence[x509.Certificate],
    pass_type: object,
    team: object,
    now: datetime,
) -> list[Finding]:
    """All that is wrong with a signature; pass type and team are those of pass.json."""
    try:
        parsed = _parse(signature)
        return [
            *_attribute_findings(parsed, manifest, now),
            *_value_findings(parsed),
            *_chain_findings(parsed, roots, now),
            *_identity_findings(parsed.signer, pass_type, team),
        ]
    except _Broken as broken:
        return [Finding("signature_unreadable", _FILE, str(broken))]
    except _MALFORMED:  # certificates are read piece by piece, wherever a piece is asked for
        return [Finding("signature_unreadable", _FILE, "It is no CMS signature in DER.")]


def _parse(signature: bytes) -> _Signature:
    kind, wrapped = der.only(signature).children()
    if kind.content != _SIGNED_DATA:
        raise _Broken("It is a CMS message, but no signature.")
    _, _, inner, *rest = der.only(wrapped.content).children()
    if len(inner.children()) > 1:
        raise _Broken("It contains what it signs; a pass needs a detached signature.")
    certificates = [
        x509.load_der_x509_certificate(one.raw)
        for part in rest
        if part.tag == _CERTIFICATES_TAG
        for one in part.children()
    ]
    signers = rest[-1].children()
    if len(signers) != 1:
        raise _Broken("It must have exactly one signer.")
    return _signer(signers[0], certificates)


def _signer(info: der.Element, certificates: list[x509.Certificate]) -> _Signature:
    _, issuer_and_serial, digest, attributes, _, value, *_ = info.children()
    if attributes.tag != _ATTRIBUTES_TAG:
        raise _Broken("It has no signed attributes; phones ask for a signing time there.")
    algorithm = _DIGESTS.get(digest.children()[0].content)
    if algorithm is None:
        raise _Broken("It uses a digest that phones do not take; use SHA-256.")
    pairs = [one.children() for one in attributes.children()]
    return _Signature(
        certificates=certificates,
        signer=_signing_certificate(issuer_and_serial, certificates),
        digest=algorithm,
        attributes_raw=attributes.raw,
        attributes={kind.content: values.children()[0] for kind, values in pairs},
        value=value.content,
    )


def _signing_certificate(
    issuer_and_serial: der.Element, certificates: list[x509.Certificate]
) -> x509.Certificate:
    issuer, serial = issuer_and_serial.children()
    number = int.from_bytes(serial.content, "big", signed=True)
    for one in certificates:
        if one.serial_number == number and one.issuer.public_bytes() == issuer.raw:
            return one
    raise _Broken("The signer's certificate is not inside.")


def _attribute_findings(parsed: _Signature, manifest: bytes, now: datetime) -> Iterator[Finding]:
    attributes = parsed.attributes
    kind, digest = attributes.get(_CONTENT_TYPE), attributes.get(_MESSAGE_DIGEST)
    if kind is None or kind.content != _DATA:
        yield Finding("content_type_wrong", _FILE, "The signed content type must be data.")
    expected = hashlib.new(parsed.digest.name, manifest, usedforsecurity=False).digest()
    if digest is None or digest.content != expected:
        detail = "The manifest was changed after it was signed."
        yield Finding("signature_digest_mismatch", "manifest.json", detail)
    raw = [one.raw for one in der.only(parsed.attributes_raw).children()]
    if raw != sorted(raw):
        yield Finding("attributes_unordered", _FILE, "Signed attributes must be in DER order.")
    yield from _time_findings(parsed, now)


def _time_findings(parsed: _Signature, now: datetime) -> Iterator[Finding]:
    attribute = parsed.attributes.get(_SIGNING_TIME)
    moment = _moment(attribute) if attribute else None
    if moment is None:
        yield Finding("signing_time_missing", _FILE, "Wallet requires a signing time.")
        return
    if moment > now + _CLOCK_SLACK:
        yield Finding("signing_time_ahead", _FILE, f"It says it was signed at {moment}, later on.")
    if not parsed.signer.not_valid_before_utc <= moment <= parsed.signer.not_valid_after_utc:
        detail = "It was signed when the certificate was not valid."
        yield Finding("signing_time_outside", _FILE, detail)


def _moment(attribute: der.Element) -> datetime | None:
    shapes = {der.UTC_TIME: "%y%m%d%H%M%SZ", der.GENERALIZED_TIME: "%Y%m%d%H%M%SZ"}
    try:
        text = attribute.content.decode("ascii")
        return datetime.strptime(text, shapes[attribute.tag]).replace(tzinfo=UTC)
    except (KeyError, ValueError):
        return None


def _value_findings(parsed: _Signature) -> Iterator[Finding]:
    if not _verifies(parsed):
        detail = "The certificate inside did not make this signature."
        yield Finding("signature_invalid", _FILE, detail)


def _verifies(parsed: _Signature) -> bool:
    key = parsed.signer.public_key()
    if not isinstance(key, rsa.RSAPublicKey):  # Apple issues no others
        return False
    signed = bytes([der.SET]) + parsed.attributes_raw[1:]  # RFC 5652 5.4: as a SET, not as [0]
    try:
        key.verify(parsed.value, signed, padding.PKCS1v15(), parsed.digest)
    except InvalidSignature:
        return False
    return True


def _chain_findings(
    parsed: _Signature, roots: Sequence[x509.Certificate], now: datetime
) -> Iterator[Finding]:
    """The leaf, an intermediate inside the signature, a root on the phone."""
    link = next((ca for ca in parsed.certificates if _issued(parsed.signer, ca)), None)
    if link is None:
        detail = "The authority that issued the certificate (Apple: WWDR) is not inside."
        yield Finding("intermediate_missing", _FILE, detail)
    elif not any(_issued(link, root) for root in roots):
        names = ", ".join(_common_name(root.subject) for root in roots)
        detail = f"“{_common_name(link.subject)}” is under no root this phone trusts ({names})."
        yield Finding("chain_untrusted", _FILE, detail)
    for one in filter(None, (parsed.signer, link)):
        if not one.not_valid_before_utc <= now <= one.not_valid_after_utc:
            until = f"{one.not_valid_before_utc:%Y-%m-%d} to {one.not_valid_after_utc:%Y-%m-%d}"
            detail = f"“{_common_name(one.subject)}” is valid from {until} only."
            yield Finding("certificate_expired", _FILE, detail)


def _issued(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        limits = authority.extensions.get_extension_for_class(x509.BasicConstraints).value
        certificate.verify_directly_issued_by(authority)
    except (x509.ExtensionNotFound, ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return limits.ca


def _identity_findings(
    signer: x509.Certificate, pass_type: object, team: object
) -> Iterator[Finding]:
    uid = _first(signer.subject, NameOID.USER_ID)
    unit = _first(signer.subject, NameOID.ORGANIZATIONAL_UNIT_NAME)
    if pass_type != uid:
        detail = f"pass.json says {pass_type!r}, the certificate {uid!r}."
        yield Finding("pass_type_mismatch", "passTypeIdentifier", detail)
    if team != unit:
        detail = f"pass.json says {team!r}, the certificate {unit!r}."
        yield Finding("team_mismatch", "teamIdentifier", detail)


def _first(name: x509.Name, oid: x509.ObjectIdentifier) -> str | None:
    attributes = name.get_attributes_for_oid(oid)
    return str(attributes[0].value) if attributes else None


def _common_name(name: x509.Name) -> str:
    return _first(name, NameOID.COMMON_NAME) or name.rfc4514_string()
