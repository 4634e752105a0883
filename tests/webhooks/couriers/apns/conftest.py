"""A local APNs, and the courier to it with two certificates."""

from collections.abc import Iterator

import pytest

from certs import development
from certs.apple import Keyring, load_identities
from certs.authority import load_authority
from tests.webhooks.couriers.apns.pushes import COFFEE, NOW, courier_to
from webhooks.couriers.apns import Apns
from webhooks.simulators.apns import Apns as LocalApns
from webhooks.simulators.apns import running_apns

HASTY_S = 1.0


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> development.DevelopmentFiles:
    folder = tmp_path_factory.mktemp("certs")
    development.mint(folder, NOW, COFFEE)
    return development.mint(folder, NOW)


@pytest.fixture(scope="module")
def keyring(files: development.DevelopmentFiles) -> Keyring:
    return load_identities(files.certificates, load_authority(files.authority), None, NOW)


@pytest.fixture(scope="module")
def running(
    files: development.DevelopmentFiles, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalApns]:
    with running_apns(files.authority, tmp_path_factory.mktemp("apns") / "ca.pem") as apns:
        yield apns


@pytest.fixture
def apns(running: LocalApns) -> LocalApns:
    """The local APNs, well behaved and with an empty journal."""
    running.reset()
    return running


@pytest.fixture
def courier(apns: LocalApns, keyring: Keyring) -> Iterator[Apns]:
    with courier_to(apns, keyring) as courier:
        yield courier


@pytest.fixture
def hasty(apns: LocalApns, keyring: Keyring) -> Iterator[Apns]:
    """A courier that does not wait long for an answer."""
    with courier_to(apns, keyring, timeout_s=HASTY_S) as courier:
        yield courier
