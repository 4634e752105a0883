"""Identities and roots for virtual phones; a local Google and a merchant's server it calls."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from certs import development
from certs.apple import AppleIdentity, load_identities
from certs.authority import load_authority
from tests.webhooks.simulators.cards import now
from tests.webhooks.simulators.google_room import Room, Shop, opened_room, opened_shop


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


@pytest.fixture
def room(google_account: Path) -> Iterator[Room]:
    with opened_room(google_account) as room:
        yield room


@pytest.fixture
def shop() -> Iterator[Shop]:
    with opened_shop() as shop:
        yield shop
