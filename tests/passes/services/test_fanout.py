"""Who hears of a new look: phones, Google's class, and Google's objects only if they show it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from passes.services import google_booking, google_sync
from passes.services.changes import announce, begin_fan_out
from passes.services.fanout import put_last, work_one_batch
from passes.services.google_sync import CLASS, OBJECT
from passes.services.phones import register
from passes.store import outbox
from passes.store.tables import Delivery, FanOut, Pass, Program
from tests.service import Door, Service, logo_png

Document = dict[str, Any]


@dataclass(frozen=True)
class Shop:
    """A program whose class is at Google, and one card that somebody holds there."""

    service: Service
    door: Door
    program: Document
    member: Document

    def change(self, what: str, patch: Document) -> None:
        """As the merchant does, with nothing else under way."""
        with self.service.parts.database.writing() as session:
            session.execute(delete(FanOut))
            session.execute(delete(Delivery))
        merchants = self.door.get("/merchants").get_json()["data"]
        path = {
            "merchant": f"/merchants/{merchants[0]['id']}",
            "program": f"/programs/{self.program['id']}",
            "template": f"/templates/{self.program['template_id']}",
        }[what]
        answer = self.door.patch(path, patch)
        assert answer.status_code == 200, answer.text

    def begun(self) -> FanOut | None:
        with self.service.parts.database.reading() as session:
            return session.get(FanOut, self.program["id"])

    def work(self) -> None:
        """The worker's fan-outs to their end."""
        while True:
            with self.service.parts.database.writing() as session:
                if work_one_batch(session, self.service.parts.now()) is None:
                    return

    def told(self) -> set[str]:
        """Who of Google's waits to be told."""
        with self.service.parts.database.reading() as session:
            mine = select(Delivery.target).where(Delivery.courier == google_sync.GOOGLE)
            return set(session.scalars(mine))

    def pushes(self) -> int:
        """How many phones wait to be told."""
        return len(self.phones_told())

    def phones_told(self) -> set[str]:
        """Which phones wait to be told."""
        with self.service.parts.database.reading() as session:
            mine = select(Delivery.target).where(Delivery.courier == outbox.APNS)
            return set(session.scalars(mine))

    def enrol(self, phone: str) -> None:
        """Somebody else has a card on a phone."""
        member, now = self.service.member(self.door, self.program), self.service.parts.now()
        with self.service.parts.database.writing() as session:
            card = session.get_one(Pass, member["pass"]["id"])
            register(session, card, phone, card.pass_type_identifier, phone.encode().hex(), now)

    def card(self) -> Pass:
        with self.service.parts.database.reading() as session:
            return session.get_one(Pass, self.member["pass"]["id"])

    def arrive(self) -> None:
        """Google has the card's object as it is now."""
        card, now = self.card(), self.service.parts.now()
        with self.service.parts.database.writing() as session:
            google_booking.book_objects(
                session, [google_booking.Taken(card.id, card.version, "0/10")], now
            )

    def is_current(self) -> bool:
        with self.service.parts.database.reading() as session:
            return google_sync.standing(session, self.member["pass"]["id"]).is_current

    @property
    def the_class(self) -> str:
        return CLASS + str(self.program["id"])

    @property
    def the_object(self) -> str:
        return OBJECT + str(self.member["pass"]["id"])


def open_shop(service: Service, slug: str) -> Shop:
    door = service.merchant(slug)
    program = service.program(door, logo=False)
    shop = Shop(service, door, program, service.member(door, program))
    with service.parts.database.writing() as session:
        session.execute(update(Program).values(google_sync=google_sync.SYNCED))
        session.execute(update(Pass).values(google_saved=True))
        card = session.get_one(Pass, shop.member["pass"]["id"])
        register(session, card, "iPhone", card.pass_type_identifier, "aa", service.parts.now())
    shop.arrive()
    return shop


@pytest.fixture(scope="module")
def shared_shop(shared_service: Service) -> Shop:
    return open_shop(shared_service, "fans")


@pytest.fixture
def shop(service: Service) -> Shop:
    return open_shop(service, "fan")


PLAIN = {"strip": {"mode": "none"}, "colors": None, "fields": None, "google_overrides": {}}
NAMED = {"fields": {"back": [{"key": "by", "label": "By", "value": "{{merchant_name}}"}]}}


@pytest.mark.parametrize(
    ("template", "what", "patch"),
    [
        (PLAIN, "merchant", {"name": "Fern"}),
        (PLAIN, "program", {"name": "Cup card"}),
        (PLAIN, "template", {"colors": {"background": "#7a1f3d"}}),
        (PLAIN, "template", {"strip": {"style": "heart"}}),
        (PLAIN | {"strip": {"mode": "stamps"}}, "merchant", {"name": "Bean"}),
    ],
)
def test_what_the_class_shows_is_told_once(
    shared_shop: Shop, template: Document, what: str, patch: Document
) -> None:
    shared_shop.change("template", template)
    shared_shop.change(what, patch)
    assert shared_shop.told() == {shared_shop.the_class}
    before = shared_shop.card()
    shared_shop.work()
    assert shared_shop.told() == {shared_shop.the_class}
    assert shared_shop.card().version > before.version  # phones are told of every look
    assert shared_shop.is_current()


@pytest.mark.parametrize(
    ("template", "what", "patch"),
    [
        (PLAIN, "merchant", {"contact": {"website": "https://fern.example/new"}}),
        (PLAIN, "program", {"terms": "One card each."}),
        (PLAIN, "program", {"unit_label": "Cups"}),
        (PLAIN, "program", {"milestones": [{"at": 5, "title": "Cookie"}]}),
        (PLAIN, "template", {"barcode": {"format": "aztec"}}),
        (PLAIN | NAMED, "merchant", {"name": "Named"}),
        (PLAIN | {"strip": {"mode": "stamps"}}, "template", {"strip": {"style": "star"}}),
        # The picture of the stamps lies on the card's colour.
        (
            PLAIN | {"strip": {"mode": "stamps"}},
            "template",
            {"colors": {"background": "#123456"}},
        ),
    ],
)
def test_what_objects_show_is_told_to_each_that_is_held(
    shared_shop: Shop, template: Document, what: str, patch: Document
) -> None:
    shared_shop.change("template", template)
    shared_shop.change(what, patch)
    shared_shop.work()
    assert {shared_shop.the_class, shared_shop.the_object} <= shared_shop.told()
    assert not shared_shop.is_current()
    shared_shop.arrive()
    assert shared_shop.is_current()


def test_what_only_googles_objects_show_moves_no_phone(shared_shop: Shop) -> None:
    shared_shop.change("template", PLAIN)
    shared_shop.work()
    shared_shop.arrive()
    before = shared_shop.card()
    grouped = {"google_overrides": {"object": {"groupingInfo": {"sortIndex": 1}}}}
    shared_shop.change("template", grouped)
    shared_shop.work()
    assert shared_shop.told() == {shared_shop.the_class, shared_shop.the_object}
    assert shared_shop.pushes() == 0
    after = shared_shop.card()
    assert (after.version, after.modified_s) == (before.version, before.modified_s)
    assert not shared_shop.is_current()
    shared_shop.arrive()
    assert shared_shop.is_current()


def test_what_only_iphones_show_does_not_tell_google(shared_shop: Shop) -> None:
    shared_shop.change("template", PLAIN)
    shared_shop.work()
    shared_shop.arrive()
    before = shared_shop.card()
    shared_shop.change("template", {"apple_overrides": {"sharingProhibited": True}})
    shared_shop.work()
    assert shared_shop.told() == set()
    assert shared_shop.pushes() == 1
    assert shared_shop.card().version > before.version
    assert shared_shop.is_current()


@pytest.mark.parametrize(
    ("what", "patch"),
    [
        ("template", {"google_overrides": {"class": {"countryCode": "HU"}}}),
        ("merchant", {"locale": "hu"}),
    ],
)
def test_what_only_googles_class_shows_moves_no_card(
    shared_shop: Shop, what: str, patch: Document
) -> None:
    shared_shop.change("template", PLAIN)
    shared_shop.change(what, patch)
    assert shared_shop.told() == {shared_shop.the_class}
    assert shared_shop.begun() is None


@pytest.mark.parametrize("what", ["template", "merchant"])
def test_what_nobody_shows_tells_nobody(shared_shop: Shop, what: str) -> None:
    patch = {"template": {"name": "Autumn"}, "merchant": {"currency": "HUF"}}[what]
    shared_shop.change(what, patch)
    assert shared_shop.told() == set()
    assert shared_shop.begun() is None


def test_a_logo_that_serves_as_the_stamp_is_on_every_object(shop: Shop) -> None:
    logo = shop.door.upload(logo_png()).get_json()["id"]
    shop.change("template", {"logo_id": logo})
    shop.work()
    assert shop.told() == {shop.the_class, shop.the_object}
    stamp = shop.door.upload(logo_png("#aa2211"), "stamp_on").get_json()["id"]
    shop.change("template", {"strip": {"stamp_on_id": stamp}})
    other = shop.door.upload(logo_png("#2211aa")).get_json()["id"]
    shop.change("template", {"logo_id": other, "colors": {"background": "#102030"}})
    shop.change("template", {"logo_id": logo})
    shop.work()
    assert shop.told() == {shop.the_class}


def test_a_fan_out_that_objects_wait_for_is_not_forgotten_for_one_they_do_not(shop: Shop) -> None:
    with shop.service.parts.database.writing() as session:
        for objects in (False, True, False):
            begin_fan_out(session, shop.program["id"], shop.service.parts.now(), objects=objects)
    begun = shop.begun()
    assert begun
    assert begun.tells_objects
    shop.work()
    assert shop.told() == {shop.the_object}


def test_a_look_that_changes_all_the_time_reaches_every_phone(shop: Shop) -> None:
    for number in range(4):
        shop.enrol(f"iPhone {number}")
    told: list[set[str]] = []
    for _ in range(5):
        with shop.service.parts.database.writing() as session:
            session.execute(delete(Delivery))
            begin_fan_out(session, shop.program["id"], shop.service.parts.now())
            work_one_batch(session, shop.service.parts.now(), size=1)
        told.append(shop.phones_told())
    assert len(set.union(*told)) == len(told)
    shop.work()
    assert shop.pushes() == len(told)  # the last change is told to all of them
    assert shop.begun() is None


def test_fan_outs_take_turns_however_often_one_is_renewed(shop: Shop) -> None:
    other = begin_two(shop)
    told: list[str] = []
    for _ in range(3):
        shop.service.clock.forward(timedelta(seconds=1))
        with shop.service.parts.database.writing() as session:
            begin_fan_out(session, shop.program["id"], shop.service.parts.now())
            batch = work_one_batch(session, shop.service.parts.now(), size=1)
        assert batch
        told.append(batch.program_id)
    assert told == [shop.program["id"], other, shop.program["id"]]


def test_a_fan_out_that_was_in_trouble_comes_last(shop: Shop) -> None:
    other = begin_two(shop)
    with shop.service.parts.database.writing() as session:
        put_last(session, shop.service.parts.now())
        batch = work_one_batch(session, shop.service.parts.now())
    assert batch
    assert batch.program_id == other


def begin_two(shop: Shop) -> str:
    """The shop's fan-out, then that of another program, whose id this is."""
    other = str(shop.service.program(shop.door, logo=False)["id"])
    shop.service.member(shop.door, {"id": other})
    for program_id in (shop.program["id"], other):
        with shop.service.parts.database.writing() as session:
            begin_fan_out(session, program_id, shop.service.parts.now())
        shop.service.clock.forward(timedelta(seconds=1))
    return other


def test_objects_that_depended_on_their_class_go_on_when_it_arrives(shop: Shop) -> None:
    refused, waiting, current = (shop.service.member(shop.door, shop.program) for _ in range(3))
    now = shop.service.parts.now()
    with shop.service.parts.database.writing() as session:
        for member in (refused, waiting):
            google_sync.want_object(session, member["pass"]["id"], now)
        google_booking.book_failure(session, OBJECT + refused["pass"]["id"], "no")
        later = update(Delivery).values(due_at=now + timedelta(hours=1))
        session.execute(later.where(Delivery.target == OBJECT + waiting["pass"]["id"]))
        given_up = update(Delivery).values(state=outbox.GAVE_UP)
        session.execute(given_up.where(Delivery.target == OBJECT + refused["pass"]["id"]))
        google_booking.book_class(session, shop.program["id"], now)
    before = shop.card()
    while shop.begun():
        with shop.service.parts.database.writing() as session:
            work_one_batch(session, now, size=1)
    with shop.service.parts.database.reading() as session:
        due = outbox.AT_ONCE
        rows = session.execute(select(Delivery.target, Delivery.state, Delivery.due_at)).all()
        syncs = [
            google_sync.standing(session, one["pass"]["id"]).sync for one in (refused, current)
        ]
    on_their_way = {OBJECT + one["pass"]["id"] for one in (refused, waiting)}
    assert set(rows) == {(target, outbox.WAITING, due) for target in on_their_way}
    assert syncs == [google_sync.PENDING, google_sync.NONE]
    assert shop.card().version == before.version


def test_a_class_that_nothing_depends_on_begins_no_work(shop: Shop) -> None:
    with shop.service.parts.database.writing() as session:
        google_booking.book_class(session, shop.program["id"], shop.service.parts.now())
    assert shop.begun() is None


def test_a_stamp_and_a_new_colour_in_one_breath_leave_the_object_behind(shop: Shop) -> None:
    """Whichever comes last in the transaction."""
    mine = [shop.member["pass"]["id"]]
    pass_type, now = shop.program["pass_type_identifier"], shop.service.parts.now()
    with shop.service.parts.database.writing() as session:
        announce(session, pass_type, mine, outbox.AT_THE_TILL, now)
        announce(session, pass_type, mine, outbox.FAN_OUT, now, objects=False)
    assert not shop.is_current()


def test_a_colour_while_a_stamp_is_being_told_makes_nobody_wait(shop: Shop) -> None:
    """The stamp's PATCH carries the version of before the colour."""
    mine = [shop.member["pass"]["id"]]
    pass_type, now = shop.program["pass_type_identifier"], shop.service.parts.now()
    with shop.service.parts.database.writing() as session:
        announce(session, pass_type, mine, outbox.AT_THE_TILL, now)
    told = shop.card()
    with shop.service.parts.database.writing() as session:
        announce(session, pass_type, mine, outbox.FAN_OUT, now, objects=False)
    with shop.service.parts.database.writing() as session:
        google_booking.book_objects(
            session, [google_booking.Taken(told.id, told.version, "1/10")], now
        )
    assert shop.is_current()
