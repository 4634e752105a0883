"""A Google Wallet to be told things, and the courier that tells it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from certs.development import mint_google
from tests.webhooks.couriers.google.double import Double, running_double
from tests.webhooks.couriers.google.notices import class_notice, courier_to, object_notice, told
from webhooks.couriers.google_answers import Synced
from webhooks.couriers.google_rest import GoogleRest


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mint_google(tmp_path_factory.mktemp("google"))


@pytest.fixture
def google(account: Path, tmp_path: Path) -> Iterator[Double]:
    with running_double(account, tmp_path / "key.json") as double:
        yield double
        assert double.offences == []


@pytest.fixture
def courier(google: Double, tmp_path: Path) -> Iterator[GoogleRest]:
    with courier_to(google, tmp_path) as courier:
        yield courier


@pytest.fixture
def stocked(google: Double, courier: GoogleRest) -> Double:
    """A Google that knows the class and the object, with an empty journal."""
    assert set(told(courier, [class_notice()]).values()) == {Synced()}
    assert set(told(courier, [object_notice()]).values()) == {Synced()}
    google.seen.clear()
    return google
