"""A till: one member's card, and all that can be done with it through the API."""

from dataclasses import dataclass
from itertools import count
from typing import Any

from sqlalchemy import select
from werkzeug.test import TestResponse

from passes.store.database import Database
from passes.store.tables import Event, IdempotentRequest, Pass, Transaction
from tests.service import Clock, Door, Service

REPLAYED = "Idempotency-Replayed"


NUMBERS = count()


@dataclass(frozen=True)
class Till:
    """A merchant's door, a program and one member's card."""

    service: Service
    door: Door
    program: dict[str, Any]
    member: dict[str, Any]

    @property
    def database(self) -> Database:
        return self.service.parts.database

    @property
    def clock(self) -> Clock:
        return self.service.clock

    @property
    def card(self) -> Pass:
        with self.database.reading() as session:
            return session.get_one(Pass, self.member["pass"]["id"])

    def earn(self, stamps: int = 1, key: str | None = None, **options: Any) -> TestResponse:
        """As a shared_till system does; each time with another key unless told otherwise."""
        return self.act(
            f"/members/{self.member['id']}/transactions",
            {"type": "earn", "stamps": stamps},
            key,
            **options,
        )

    def scan(self, key: str | None = None, **fields: Any) -> TestResponse:
        """As a till does."""
        draft = {"code": self.card.code, "intent": "stamp"} | fields
        return self.act("/scans", draft, key)

    def act(
        self, path: str, draft: object, key: str | None = None, door: Door | None = None
    ) -> TestResponse:
        """`key` is one of this card's own keys."""
        headers = {"Idempotency-Key": f"{self.member['id']}-{key or next(NUMBERS)}"}
        return (door or self.door).post(path, draft, headers=headers)

    def another_door(self) -> Door:
        """The same key on a connection of its own, for another thread."""
        return Door(self.service.app.test_client(), self.door.key)

    @property
    def lines(self) -> list[Transaction]:
        with self.database.reading() as session:
            mine = select(Transaction).where(Transaction.member_id == self.member["id"])
            return list(session.scalars(mine.order_by(Transaction.balance_after)))

    @property
    def events(self) -> list[str]:
        """The kinds of events of this member, in their order."""
        with self.database.reading() as session:
            mine = Event.merchant_id == self.card.merchant_id
            rows = session.scalars(select(Event).where(mine).order_by(Event.created_at))
            return [row.type for row in rows if row.data.get("member_id") == self.member["id"]]

    @property
    def kept_answers(self) -> int:
        with self.database.reading() as session:
            mine = IdempotentRequest.key.startswith(self.member["id"])
            return len(session.scalars(select(IdempotentRequest).where(mine)).all())


def open_till(service: Service, door: Door, **fields: Any) -> Till:
    program = service.program(door, logo=False, **fields)
    return Till(service, door, program, service.member(door, program))
