"""Services and tills for tests that only add to them: programs take time to draw."""

from dataclasses import replace
from pathlib import Path

import pytest

from certs.development import DevelopmentFiles
from tests.passes.web.till import Till, open_till
from tests.service import Service, on_sqlite


@pytest.fixture(scope="session")
def standing(
    sqlite_template: Path,
    tmp_path_factory: pytest.TempPathFactory,
    identities: DevelopmentFiles,
    google_account: Path,
) -> Service:
    return on_sqlite(
        sqlite_template, tmp_path_factory.mktemp("standing"), identities, google_account
    )


@pytest.fixture(scope="module")
def shared_till(shared_service: Service) -> Till:
    """Of a program that gives any number of stamps at once, for all tests of a module."""
    return open_till(shared_service, shared_service.merchant(), limits={"max_stamps": 30})


@pytest.fixture
def till(shared_till: Till) -> Till:
    """A new member's card."""
    member = shared_till.service.member(shared_till.door, shared_till.program)
    return replace(shared_till, member=member)
