"""Services and tills for tests that only add to them: programs take time to draw."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from certs.development import DevelopmentFiles
from passes.store.database import Database
from passes.web.application import create_app
from tests.conftest import OPERATOR_KEY, Clock, Door, Service, assemble
from tests.passes.web.till import Till, open_till


@pytest.fixture(scope="session")
def standing(
    sqlite_template: Path,
    tmp_path_factory: pytest.TempPathFactory,
    identities: DevelopmentFiles,
    google_account: Path,
) -> Service:
    """A service on SQLite that outlives a test, with another merchant's program in it as noise."""
    path = shutil.copy(sqlite_template, tmp_path_factory.mktemp("standing") / "passmint.db")
    parts = assemble(Database(f"sqlite:///{path}"), Clock(), identities, google_account)
    app = create_app(parts)
    client = app.test_client()
    return Service(app, parts, client, Door(client, OPERATOR_KEY))


@pytest.fixture(scope="module")
def shared_till(shared_service: Service) -> Till:
    """Of a program that gives any number of stamps at once, for all tests of a module."""
    return open_till(shared_service, shared_service.merchant(), limits={"max_stamps": 30})


@pytest.fixture
def till(shared_till: Till) -> Till:
    """A new member's card."""
    member = shared_till.service.member(shared_till.door, shared_till.program)
    return replace(shared_till, member=member)
