"""Identities and roots for virtual phones."""

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from certs import development
from certs.apple import AppleIdentity, load_identities
from certs.authority import load_authority
from tests.webhooks.simulators.cards import now


@pytest.fixture(scope="session")
def identity(identities: development.DevelopmentFiles) -> AppleIdentity:
    authority = load_authority(identities.authority)
    keyring = load_identities(identities.certificates, authority, None, now())
    return keyring.identities[development.PASS_TYPE_IDENTIFIER]


@pytest.fixture(scope="session")
def roots(identities: development.DevelopmentFiles) -> tuple[x509.Certificate, ...]:
    return (load_authority(identities.authority).root,)


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> AppleIdentity:
    """The same pass type from a root that no phone knows."""
    files = development.mint(tmp_path_factory.mktemp("stranger"), now() - timedelta(minutes=1))
    authority = load_authority(files.authority)
    keyring = load_identities(Path(files.certificates), authority, None, now())
    return keyring.identities[development.PASS_TYPE_IDENTIFIER]
