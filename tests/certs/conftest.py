"""Keys are slow to make, so the whole room shares four of them and one chain of authorities."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from certs import issuing
from certs.authority import Authority

NOW = datetime.now(UTC).replace(microsecond=0)  # openssl verifies by the machine's clock
PASS_TYPE = "pass.com.example.loyalty"
TEAM = "ABCDE12345"
PASSPHRASE = "correct horse battery staple"


@dataclass(frozen=True)
class World:
    """A root, its intermediate, and keys for holders."""

    root: issuing.Issuer
    intermediate: issuing.Issuer
    key: rsa.RSAPrivateKey
    other_key: rsa.RSAPrivateKey

    @property
    def authority(self) -> Authority:
        """The development authority of this chain."""
        certificates = (self.intermediate.certificate,)
        return Authority(self.root.certificate, certificates, development=True, path=None)

    def leaf(
        self,
        pass_type: str = PASS_TYPE,
        subject: x509.Name | None = None,
        issuer: issuing.Issuer | None = None,
        key: rsa.RSAPrivateKey | None = None,
        now: datetime = NOW,
    ) -> x509.Certificate:
        """A Pass Type ID certificate; what is given makes it faulty."""
        return issuing.issue_pass_certificate(
            issuer or self.intermediate,
            (key or self.key).public_key(),
            subject or issuing.pass_subject(pass_type, TEAM),
            pass_type,
            now,
        )

    def pem(self, *certificates: x509.Certificate, key: rsa.RSAPrivateKey | None = None) -> bytes:
        """Certificates and a key in one PEM text."""
        text = issuing.certificate_pem(*certificates)
        return text + issuing.key_pem(key or self.key)


@pytest.fixture(scope="session")
def world() -> World:
    root = issuing.new_root(issuing.new_key(), NOW)
    intermediate = issuing.new_intermediate(root, issuing.new_key(), NOW)
    return World(root, intermediate, issuing.new_key(), issuing.new_key())


@pytest.fixture
def put(tmp_path: Path) -> Callable[[str, bytes], Path]:
    """Write a file into the certificates folder of this test."""

    def write(name: str, data: bytes) -> Path:
        path = tmp_path / "apple" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        return path

    return write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The certificates folder of this test."""
    path = tmp_path / "apple"
    path.mkdir(exist_ok=True)
    return path
