"""One service on SQLite for the tests of pages that only add to it: programs take time to draw."""

import shutil
from pathlib import Path

import pytest

from certs.development import DevelopmentFiles
from passes.store.database import Database
from passes.web.application import create_app
from tests.conftest import OPERATOR_KEY, Clock, Door, Service, assemble


@pytest.fixture(scope="session")
def standing(
    sqlite_template: Path,
    tmp_path_factory: pytest.TempPathFactory,
    identities: DevelopmentFiles,
    google_account: Path,
) -> Service:
    """A service that outlives a test, with another merchant's program in it as noise."""
    path = shutil.copy(sqlite_template, tmp_path_factory.mktemp("standing") / "passmint.db")
    parts = assemble(Database(f"sqlite:///{path}"), Clock(), identities, google_account)
    app = create_app(parts)
    client = app.test_client()
    return Service(app, parts, client, Door(client, OPERATOR_KEY))
