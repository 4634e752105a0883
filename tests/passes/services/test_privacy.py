"""A member is erased: who they were is nowhere any more, and what is left works on."""

import io
import itertools
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from zipfile import ZipFile

import pytest
from sqlalchemy import func, inspect, select, text, update
from werkzeug.test import TestResponse

from passes.services import google_booking, google_sync
from passes.store.tables import Consent, Delivery, Event, Pass, Transaction
from tests.passes.web.answers import problem
from tests.service import PUBLIC_URL, Door, Service
from tests.together import together

Document = dict[str, Any]

_numbers = itertools.count(1)


@dataclass
class Holder:
    """A member with consents, whose card is in an iPhone; no two have a trace in common."""

    service: Service
    door: Door
    program: Document
    member: Document
    code: str
    traces: list[str]

    def left_in(self, document: str) -> list[str]:
        """What of the person stands in it."""
        return [trace for trace in self.traces if trace in document]

    def stamp(self, key: str) -> TestResponse:
        path = f"/members/{self.member['id']}/transactions"
        return self.door.post(
            path, {"type": "earn"}, headers={"Idempotency-Key": f"{key}-{self.member['id']}"}
        )

    def scan(self, key: str, code: str | None = None, intent: str = "stamp") -> TestResponse:
        draft = {"code": code or self.code, "intent": intent, "override_cooldown": True}
        return self.door.post(
            "/scans", draft, headers={"Idempotency-Key": f"{key}-{self.member['id']}"}
        )

    def erase(self) -> TestResponse:
        return self.door.post(f"/members/{self.member['id']}/erase")

    def read(self) -> Document:
        return dict(self.door.get(f"/members/{self.member['id']}").get_json())

    def card(self) -> Pass:
        with self.service.parts.database.reading() as session:
            return session.get_one(Pass, self.member["pass"]["id"])

    def phone(self, method: str, path: str, **options: Any) -> TestResponse:
        headers = {"Authorization": f"ApplePass {self.card().authentication_token}"}
        return self.service.client.open(
            f"/apple/v1{path}", method=method, headers=headers, **options
        )

    @property
    def registration(self) -> str:
        return f"/devices/{self.member['id']}/registrations/{self.pass_path}"

    @property
    def pass_path(self) -> str:
        card = self.member["pass"]
        return f"{self.program['pass_type_identifier']}/{card['serial_number']}"

    def page(self, name: str) -> TestResponse:
        path = str(self.member["pass"]["urls"][name]).removeprefix(PUBLIC_URL)
        return self.service.client.get(path, headers={"Accept": "text/html"})

    def targets(self) -> set[str]:
        with self.service.parts.database.reading() as session:
            return set(session.scalars(select(Delivery.target)))

    def count(self, table: type[Any]) -> int:
        with self.service.parts.database.reading() as session:
            mine = select(func.count()).where(table.member_id == self.member["id"])
            return session.scalar(mine) or 0


@pytest.fixture(scope="module")
def shop(shared_service: Service) -> tuple[Door, Document]:
    """A program whose cards greet their holders by name."""
    door = shared_service.merchant("discreet")
    program = shared_service.program(door, logo=False, limits={"cooldown_s": 0})
    greeting = {"key": "hi", "label": "", "value": "Hello {{first_name}} {{last_name}}"}
    fields = {"fields": {"auxiliary": [greeting]}}
    assert door.patch(f"/templates/{program['template_id']}", fields).status_code == 200
    return door, program


@pytest.fixture
def holder(shared_service: Service, shop: tuple[Door, Document]) -> Holder:
    door, program = shop
    number = next(_numbers)
    person = {
        "first_name": f"Žofie-{number}-a",
        "last_name": f"Kovářová-{number}-b",
        "email": f"zofie-{number}-c@example.com",
        "phone": f"+420 777 {100_000 + number}",
        "birthday": (date(1900, 1, 1) + timedelta(days=number)).isoformat(),
    }
    external_id = f"crm-{number}-d"
    consents = [{"purpose": "marketing_email", "granted": True, "text": "Letters"}]
    member = shared_service.member(
        door, program, person=person, external_id=external_id, locale="cs", consents=consents
    )
    with shared_service.parts.database.reading() as session:
        code = session.get_one(Pass, member["pass"]["id"]).code
    traces = [*person.values(), external_id]
    holder = Holder(shared_service, door, program, member, code, traces)
    token = {"pushToken": f"ab{number:02}"}
    assert holder.phone("POST", holder.registration, json=token).status_code == 201
    return holder


def dump(holder: Holder) -> str:
    """Every value of every table, as text."""
    engine = holder.service.parts.database.engine
    with engine.connect() as connection:
        return "\n".join(
            str(tuple(row))
            for table in inspect(engine).get_table_names()
            for row in connection.execute(text(f"SELECT * FROM {table}"))  # noqa: S608
        )


def shown(package: bytes) -> str:
    """All texts of a .pkpass."""
    with ZipFile(io.BytesIO(package)) as archive:
        names = [name for name in archive.namelist() if not name.endswith(".png")]
        return "\n".join(archive.read(name).decode("utf-8", "ignore") for name in names)


def test_the_database_knows_nothing_of_the_person_any_more(
    holder: Holder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert holder.stamp("one").status_code == 201
    assert holder.scan("two").status_code == 200
    before = dump(holder)
    assert holder.left_in(before) == holder.traces
    assert holder.code in before
    assert holder.erase().status_code == 200
    after = dump(holder)
    assert holder.left_in(after) == []
    assert holder.code not in after
    assert holder.left_in(capsys.readouterr().out) == []  # nor did any log line


def test_what_google_said_of_the_card_goes_too(holder: Holder) -> None:
    words = f"Invalid accountName {holder.traces[0]}"
    target, now = google_sync.OBJECT + holder.card().id, holder.service.parts.now()
    with holder.service.parts.database.writing() as session:
        google_sync.want_object(session, holder.card().id, now)
        google_booking.book_failure(session, target, words)
        mine = update(Delivery).where(Delivery.target == target)
        session.execute(mine.values(last_error=words))
    holder.erase()
    assert holder.card().google_error is None
    assert holder.left_in(dump(holder)) == []


def test_what_was_counted_stays_without_a_name(holder: Holder) -> None:
    holder.stamp("one")
    holder.erase()
    read = holder.read()
    assert read["balances"] == {"stamps": 1}
    assert read["person"] == {
        "first_name": "",
        "last_name": "",
        "email": None,
        "phone": None,
        "birthday": None,
    }
    assert (read["external_id"], read["locale"]) == (None, None)
    assert read["erased_at"]
    assert (holder.count(Transaction), holder.count(Consent)) == (1, 1)


def test_it_is_told_once_without_a_name(holder: Holder) -> None:
    for _ in range(2):
        answer = holder.erase()
        assert answer.status_code == 200
        assert answer.get_json() == holder.read()
    with holder.service.parts.database.reading() as session:
        events = session.execute(select(Event.type, Event.data).order_by(Event.type)).all()
    card = {"pass_id": holder.card().id}
    who = {"member_id": holder.member["id"], "program_id": holder.program["id"]}
    told = [(kind, data) for kind, data in events if data.get("pass_id") == card["pass_id"]]
    assert [one for one in told if one[0] != "pass.installed"] == [
        ("member.erased", card | who),
        ("pass.voided", card),
    ]


def test_who_was_changed_meanwhile_is_not_erased_unseen(holder: Holder) -> None:
    path = f"/members/{holder.member['id']}"
    read = holder.door.get(path).headers["ETag"]
    holder.door.patch(path, {"person": {"first_name": "Eva"}})
    late = holder.door.post(f"{path}/erase", headers={"If-Match": read})
    assert problem(late) == (412, "precondition_failed")
    assert holder.read()["erased_at"] is None
    newest = holder.door.get(path).headers["ETag"]
    assert holder.door.post(f"{path}/erase", headers={"If-Match": newest}).status_code == 200


def test_two_who_erase_at_once_erase_once(holder: Holder) -> None:
    code = holder.code
    together(holder.erase, holder.erase)
    assert holder.card().code != code
    assert holder.card().code_epoch == 1


def test_phones_that_hold_the_card_get_a_void_one_without_a_name(holder: Holder) -> None:
    fetched = holder.phone("GET", f"/passes/{holder.pass_path}")
    assert holder.traces[0] in shown(fetched.data)
    since = fetched.headers["Last-Modified"]
    devices = holder.registration.rpartition("/")[0]
    tag = holder.phone("GET", devices).get_json()["lastUpdated"]
    holder.service.clock.forward(timedelta(minutes=1))
    holder.erase()
    listed = holder.phone("GET", f"{devices}?passesUpdatedSince={tag}").get_json()
    assert listed["serialNumbers"] == [holder.member["pass"]["serial_number"]]
    latest = holder.phone("GET", f"/passes/{holder.pass_path}")
    assert (latest.status_code, latest.headers["Last-Modified"] != since) == (200, True)
    document = shown(latest.data)
    assert holder.left_in(document) == []
    assert holder.code not in document
    assert '"voided": true' in document or '"voided":true' in document
    answer = holder.phone("POST", holder.registration, json={"pushToken": "cd34"})
    assert answer.status_code == 200
    assert holder.phone("DELETE", holder.registration).status_code == 200
    assert holder.phone("GET", devices).status_code == 204


def test_an_open_push_and_googles_object_are_on_their_way(holder: Holder) -> None:
    card, now = holder.card(), holder.service.parts.now()
    with holder.service.parts.database.writing() as session:
        google_booking.book_objects(
            session, [google_booking.Taken(card.id, card.version, "0/10")], now
        )
    before = holder.targets()
    holder.erase()
    [phone] = [one for one in holder.targets() - before if one.startswith("dev_")]
    assert holder.targets() - before == {phone, f"object:{card.id}"}


@pytest.mark.parametrize("name", ["landing", "apple", "google"])
def test_the_cards_pages_tell_only_that_it_is_gone(holder: Holder, name: str) -> None:
    assert holder.page(name).status_code == 200
    holder.erase()
    answer = holder.page(name)
    assert answer.status_code == 410
    assert "This card no longer exists" in answer.text
    assert holder.left_in(answer.text) == []
    assert holder.program["name"] not in answer.text


@pytest.mark.parametrize("intent", ["lookup", "stamp"])
def test_neither_the_old_code_nor_the_new_one_is_known_at_the_till(
    holder: Holder, intent: str
) -> None:
    holder.erase()
    for code in (holder.code, holder.card().code):
        answer = holder.scan(f"scan-{code}", code, intent)
        assert problem(answer) == (404, "code_unknown")


def test_nobody_stamps_or_renames_who_was_erased(holder: Holder) -> None:
    holder.erase()
    assert problem(holder.stamp("late")) == (409, "pass_voided")
    rename = holder.door.patch(f"/members/{holder.member['id']}", {"person": {"first_name": "Eva"}})
    assert problem(rename) == (409, "member_erased")
    assert holder.left_in(dump(holder)) == []


def test_a_repeated_stamp_is_answered_without_the_name(holder: Holder) -> None:
    first = holder.stamp("one")
    assert holder.left_in(first.text)
    holder.erase()
    again = holder.stamp("one")
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (201, "true")
    assert again.get_json()["transaction"] == first.get_json()["transaction"]
    assert holder.left_in(again.text) == []
    assert holder.count(Transaction) == 1


def test_who_joins_again_is_somebody_new(holder: Holder) -> None:
    holder.erase()
    again = holder.service.member(holder.door, holder.program, external_id=holder.traces[-1])
    assert again["id"] != holder.member["id"]
    assert again["balances"] == {"stamps": 0}


def test_a_card_that_was_void_before_loses_its_name_too(holder: Holder) -> None:
    holder.door.post(f"/passes/{holder.card().id}/void")
    version = holder.card().version
    holder.erase()
    assert holder.card().version > version
    assert holder.left_in(shown(holder.phone("GET", f"/passes/{holder.pass_path}").data)) == []


def test_another_merchants_member_cannot_be_erased(holder: Holder) -> None:
    stranger = holder.service.merchant(f"curious-{holder.code.lower()}")
    answer = stranger.post(f"/members/{holder.member['id']}/erase")
    assert problem(answer) == (404, "not_found")
    assert holder.read()["erased_at"] is None
