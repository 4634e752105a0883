"""A shop, a local Google and one worker's rounds between them: the whole way of a card."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import select
from werkzeug.test import TestResponse

from passes.services import google_booking, google_sync
from passes.services.drafts import MemberDraft
from passes.services.enrollment import enrol
from passes.services.fanout import is_work_left, telling, work_one_batch
from passes.store.tables import Delivery, Program, QueuePause, Template
from passes.wallets.google_rules import Kind, faults
from tests.service import Clock, Door, Service
from webhooks.google_desk import Telling
from webhooks.rounds import Counted, Rounds
from webhooks.simulators.google_journal import Entry
from webhooks.simulators.google_patch import without_nulls
from webhooks.simulators.google_registry import Resource
from webhooks.simulators.google_server import USER, Google

DOUBT = timedelta(minutes=10)
_RULES: dict[str, Kind] = {"loyaltyClass": "LoyaltyClass", "loyaltyObject": "LoyaltyObject"}
PREFIX = "/walletobjects/v1/"


@dataclass
class World:
    """A shop, a local Google, and one worker's rounds between them."""

    service: Service
    door: Door
    program: dict[str, Any]
    google: Google
    make_rounds: Callable[..., Rounds[Telling]]
    rounds: Rounds[Telling]
    seen: int = 0

    @property
    def clock(self) -> Clock:
        return self.service.clock

    def member(self, **fields: Any) -> dict[str, Any]:
        return self.service.member(self.door, self.program, **fields)

    def tap(self, member: dict[str, Any]) -> TestResponse:
        """On “Add to Google Wallet”."""
        path = urlsplit(member["pass"]["urls"]["google"]).path
        return self.service.client.get(path)

    def work(self, seconds: int = 3) -> list[Counted]:
        """All rounds that find something to do in the next seconds."""
        told: list[Counted] = []
        for _ in range(seconds):
            for _ in range(10):
                self.fan_out()
                counted = self.rounds.step()
                if counted is None:
                    break
                told.append(counted)
            self.clock.forward(timedelta(seconds=1))
        return told

    def save(self, member: dict[str, Any], user: str = USER) -> None:
        """The holder's whole way, up to the callback."""
        self.tap(member)
        self.work()
        link = self.tap(member).headers["Location"]
        self.google.desk.tap(link.rpartition("/")[2], user)
        self.hear()

    def hear(self) -> None:
        """Google's callbacks arrive."""
        for letter in self.google.postman.letters():
            answer = self.service.client.post("/google/callback", data=letter.body)
            assert answer.status_code == 200, answer.text
        self.google.postman.clear()

    def saved(self, **fields: Any) -> dict[str, Any]:
        """A new member whose card is in a wallet; what Google was told for that is forgotten."""
        member = self.member(**fields)
        self.save(member)
        self.work()
        self.forget()
        return member

    def forget(self) -> None:
        """`told` begins here."""
        self.seen = max((entry.number for entry in self.told()), default=self.seen)

    def stamp(self, member: dict[str, Any], stamps: int = 1) -> dict[str, Any]:
        """At the till; the answer's `push`."""
        answer = self.door.post(
            f"/members/{member['id']}/transactions",
            {"type": "earn", "stamps": stamps},
            headers={"Idempotency-Key": f"key-{next(_keys)}"},
        )
        assert answer.status_code == 201, answer.text
        return dict(answer.get_json()["push"])

    def at_google(self, member: dict[str, Any]) -> dict[str, Any]:
        """What the API tells of the pass."""
        return dict(self.door.get(f"/passes/{member['pass']['id']}").get_json()["google"])

    def object(self, member: dict[str, Any]) -> Resource:
        object_id = self.at_google(member)["object_id"]
        [found] = [one for one in self.google.registry.all() if one.id == object_id]
        return found

    def the_class(self) -> Resource:
        mine = str(self.program["id"])
        [found] = [one for one in self.google.registry.all() if one.id.endswith(mine)]
        return found

    def balance(self, member: dict[str, Any]) -> str:
        """What an Android shows."""
        return str(self.object(member).document["loyaltyPoints"]["balance"]["string"])

    def told(self, method: str = "", path: str = PREFIX) -> list[Entry]:
        """Requests to the API, oldest first."""
        return self.google.journal.entries(method, path, self.seen)

    def rows(self) -> list[Delivery]:
        with self.service.parts.database.reading() as session:
            mine = select(Delivery).where(Delivery.courier == "google")
            return list(session.scalars(mine.order_by(Delivery.id)))

    def rested(self) -> timedelta:
        """How long the queue to Google stands still from now on."""
        with self.service.parts.database.reading() as session:
            pause = session.get_one(QueuePause, (google_sync.GOOGLE, google_sync.GOOGLE))
            return pause.until - self.clock()

    def crowd(self, size: int) -> list[str]:
        """Ids of new passes whose objects somebody holds in their newest state, says the database.

        Google has not heard of them.
        """
        now = self.clock()
        with self.service.parts.database.writing() as session:
            program = session.get_one(Program, self.program["id"])
            cards = [enrol(session, program, MemberDraft(), now).card for _ in range(size)]
            for card in cards:
                card.google_saved = True
                google_booking.book_objects(
                    session, [google_booking.Taken(card.id, card.version, "0/10")], now
                )
        return [card.id for card in cards]

    def trouble(self, member: dict[str, Any]) -> str | None:
        """Why the object has to wait, as the holder's page is told."""
        with self.service.parts.database.reading() as session:
            return google_sync.standing(session, member["pass"]["id"]).trouble

    def are_current(self, pass_ids: Sequence[str]) -> bool:
        with self.service.parts.database.reading() as session:
            return all(google_sync.standing(session, one).is_current for one in pass_ids)

    def sync(self, pass_id: str) -> str:
        with self.service.parts.database.reading() as session:
            return google_sync.standing(session, pass_id).sync

    def restyle(self, **template: Any) -> None:
        """The program has a new look (a colour unless told), and all its cards are to follow."""
        look = template or {"colors": {"background": "#7a1f3d"}}
        answer = self.door.patch(f"/templates/{self.program['template_id']}", look)
        assert answer.status_code == 200, answer.text
        self.fan_out()

    def restyle_and_die(self) -> None:
        """The same, by a process that ends between its commit and the drawing of the pictures."""
        with (
            self.service.parts.database.writing() as session,
            telling(session, [self.program["id"]], self.clock()),
        ):
            session.get_one(Template, self.program["template_id"]).background = "#7a1f3d"
        self.fan_out()

    def fan_out(self) -> None:
        """All changes of many passes, to their end."""
        while self._is_fan_out_left():
            with self.service.parts.database.writing() as session:
                work_one_batch(session, self.clock())

    def _is_fan_out_left(self) -> bool:
        with self.service.parts.database.reading() as session:
            return is_work_left(session)


_keys = itertools.count()


def check_bodies(entries: Sequence[Entry]) -> None:
    """Every class and object that Google was told keeps its schema and our own rules."""
    for entry in entries:
        kind = entry.path.removeprefix(PREFIX).partition("/")[0]
        if entry.method in {"POST", "PATCH"} and isinstance(entry.body, dict):
            assert faults(_RULES[kind], without_nulls(entry.body)) == ()
