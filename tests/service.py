"""The whole service under test, with a clock that is moved and the API behind doors."""

import io
import itertools
import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from PIL import Image, ImageDraw
from sqlalchemy import delete, update
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from branding.cache import PieceCache
from certs import development
from certs.apple import Keyring, load_identities
from certs.authority import Authority, load_authority
from certs.google import GoogleIdentity, load_google_identity
from passes.services import counter, google_sync, phones
from passes.services.relocation_steps import Batch
from passes.services.till import present
from passes.settings import Settings
from passes.store.database import Database
from passes.store.tables import Delivery, Member, Pass, Program
from passes.web.application import create_app
from passes.web.parts import Parts
from webhooks import apple_devices
from webhooks.relocating import Mover

PUBLIC_URL = "https://cards.example"
OPERATOR_KEY = "wk_operator-of-the-tests"

_numbers = itertools.count()  # of programs


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

    @property
    def clock(self) -> Clock:
        assert isinstance(self.parts.now, Clock)
        return self.parts.now

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


def serve(parts: Parts) -> Service:
    app = create_app(parts)
    apple_devices.install(app)
    client = app.test_client()
    return Service(app, parts, client, Door(client, OPERATOR_KEY))


def on_sqlite(
    template: Path,
    folder: Path,
    identities: development.DevelopmentFiles,
    google_account: Path,
) -> Service:
    """A service on a copy of the template that outlives a test; the other merchant is in it."""
    path = shutil.copy(template, folder / "passmint.db")
    return serve(assemble(Database(f"sqlite:///{path}"), Clock(), identities, google_account))


def logo_png(colour: str = "#17453b", size: int = 600) -> bytes:
    """A round logo on transparent ground."""
    image = Image.new("RGBA", (size, size))
    ImageDraw.Draw(image).ellipse((10, 10, size - 10, size - 10), fill=colour)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
