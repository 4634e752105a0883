"""Members' passes, and a wallet that speaks Apple's protocol about them."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from werkzeug.test import TestResponse

from passes.store.tables import Pass
from tests.service import Door, Service

TOKEN = "a1b2c3d4e5f60718"  # a push token


@dataclass(frozen=True)
class Phone:
    """A wallet that speaks Apple's protocol, without any cleverness."""

    service: Service
    pass_type: str
    name: str = "device-1"

    def register(self, card: Pass, push_token: object = TOKEN, **options: Any) -> TestResponse:
        options.setdefault("headers", authorization(card))
        if "data" not in options:
            options["json"] = {"pushToken": push_token}
        return self.send("POST", self.registration(card), **options)

    def unregister(self, card: Pass, **options: Any) -> TestResponse:
        options.setdefault("headers", authorization(card))
        return self.send("DELETE", self.registration(card), **options)

    def list(self, tag: str | None = None) -> TestResponse:
        query = {} if tag is None else {"passesUpdatedSince": tag}
        path = f"/devices/{self.name}/registrations/{self.pass_type}"
        return self.send("GET", path, query_string=query)

    def fetch(self, card: Pass, since: str | None = None, **options: Any) -> TestResponse:
        headers = authorization(card) | ({"If-Modified-Since": since} if since else {})
        options.setdefault("headers", headers)
        method = options.pop("method", "GET")
        return self.send(method, f"/passes/{self.pass_type}/{card.serial_number}", **options)

    def registration(self, card: Pass) -> str:
        return f"/devices/{self.name}/registrations/{self.pass_type}/{card.serial_number}"

    def send(self, method: str, path: str, **options: Any) -> TestResponse:
        return self.service.client.open(f"/apple/v1{path}", method=method, **options)


def authorization(card: Pass) -> dict[str, str]:
    return {"Authorization": f"ApplePass {card.authentication_token}"}


@dataclass(frozen=True)
class Scene:
    """A program with two members' passes, and a phone."""

    service: Service
    door: Door
    members: list[dict[str, Any]]
    phone: Phone

    def card(self, number: int = 0) -> Pass:
        """The pass row as it is now."""
        with self.service.parts.database.reading() as session:
            return session.get_one(Pass, self.members[number]["pass"]["id"])

    def stamp(self, number: int = 0) -> None:
        self.service.stamp(self.members[number], 1)

    def count(self, table: type, *where: Any) -> int:
        with self.service.parts.database.reading() as session:
            return session.scalar(select(func.count()).select_from(table).where(*where)) or 0

    def second_phone(self, name: str = "device-2") -> Phone:
        return Phone(self.service, self.phone.pass_type, name)
