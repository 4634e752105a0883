"""Identities as they come in files: PEM, PKCS#12, with and without a pass phrase."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from certs import issuing
from certs.apple import Keyring, load_identities
from tests.certs.conftest import NOW, PASSPHRASE, World

Put = Callable[[str, bytes], Path]

YEAR = timedelta(days=365)


def load(folder: Path, world: World, passphrase: str | None = None) -> Keyring:
    return load_identities(folder, world.authority, passphrase, NOW)


def encrypted_key(world: World) -> bytes:
    encryption = BestAvailableEncryption(PASSPHRASE.encode())
    return world.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def p12(world: World, passphrase: str | None = PASSPHRASE) -> bytes:
    encryption = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    chain = [world.intermediate.certificate, world.root.certificate]
    return pkcs12.serialize_key_and_certificates(None, world.key, world.leaf(), chain, encryption)


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def pem(certificate: x509.Certificate) -> bytes:
    return issuing.certificate_pem(certificate)
