"""The TLS side of a local APNs: a small certificate authority of its own for this machine."""

import ssl
import tempfile
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from certs.files import PRIVATE_MODE, PUBLIC_MODE, write_whole
from certs.issuing import certificate_pem, key_pem, unsigned

_LIFE = timedelta(days=365)


def server_context(ca_file: Path, client_authority: Path, now: datetime) -> ssl.SSLContext:
    """TLS for 127.0.0.1 and localhost that demands a client certificate under `client_authority`.

    `ca_file` receives the authority that clients have to trust, and beside it its key; what is
    there and still valid is used again, so that clients survive a restart of the simulator.
    """
    authority, key = _kept_authority(ca_file, now) or _new_authority(ca_file, now)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # as APNs
    context.set_alpn_protocols(["h2"])
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(client_authority)
    _load_server_certificate(context, authority, key, now)
    return context


def _key_file(ca_file: Path) -> Path:
    return ca_file.with_suffix(".key")


def _kept_authority(
    ca_file: Path, now: datetime
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None:
    try:
        certificate = x509.load_pem_x509_certificate(ca_file.read_bytes())
        key = load_pem_private_key(_key_file(ca_file).read_bytes(), None)
    except (OSError, ValueError):
        return None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or certificate.not_valid_after_utc <= now:
        return None
    return (certificate, key) if key.public_key() == certificate.public_key() else None


def _new_authority(
    ca_file: Path, now: datetime
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("Passmint local APNs authority")
    certificate = (
        unsigned(key.public_key(), name, name, now, 10 * _LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )
    write_whole(_key_file(ca_file), key_pem(key), PRIVATE_MODE)
    write_whole(ca_file, certificate_pem(certificate), PUBLIC_MODE)
    return certificate, key


def _load_server_certificate(
    context: ssl.SSLContext,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    now: datetime,
) -> None:
    """A fresh certificate for this start; OpenSSL takes it from a file, which is gone at once."""
    key = ec.generate_private_key(ec.SECP256R1())
    issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    certificate = (
        unsigned(key.public_key(), _name("localhost"), authority.subject, now, _LIFE)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(issuer_key, critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(authority_key, SHA256())
    )
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        file.write(certificate_pem(certificate) + key_pem(key))
        file.flush()
        context.load_cert_chain(file.name)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
