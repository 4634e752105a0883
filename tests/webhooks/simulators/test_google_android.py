"""Androids on the page: they save, show, are told, and throw away."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image

from tests.webhooks.simulators.google_room import (
    CLASS,
    OBJECT,
    Room,
    Shop,
    opened_room,
    points,
)
from webhooks.simulators.fleet import Fleet
from webhooks.simulators.google_android import Android
from webhooks.simulators.page import Desk, create_page
from webhooks.simulators.web import HttpWeb

ANNA = "anna@example.com"
NOTIFY = {"notifyPreference": "NOTIFY_ON_UPDATE"}


@dataclass
class Hall:
    """A page with one Android, whose Google has a class and an object."""

    room: Room
    phone: Android
    client: FlaskClient

    def post(self, action: str, **document: Any) -> Any:
        return self.client.post(f"/androids/{self.phone.id}/{action}", json=document)

    def seen(self) -> Any:
        return self.client.get(f"/androids/{self.phone.id}").json

    def told(self) -> list[str]:
        return [one["text"] for one in self.seen()["lock_screen"]]

    def stamp(self, value: str) -> None:
        self.room.done("PATCH", f"loyaltyObject/{OBJECT}", points(value) | NOTIFY)


@pytest.fixture
def hall(google_account: Path) -> Iterator[Hall]:
    with opened_room(google_account) as room:
        room.stock()
        fleet = Fleet(HttpWeb, (), room.clock)
        client = create_page(Desk(fleet, None, Event(), room.google)).test_client()
        yield Hall(room, room.google.androids.buy("Anna’s Android", ANNA), client)


def test_a_card_is_saved_shown_and_removed(hall: Hall) -> None:
    answer = hall.post("add", url=hall.room.link())
    assert (answer.status_code, answer.json["problem"]) == (200, "")
    [card] = hall.seen()["cards"]
    assert (card["object_id"], card["class_id"], card["title"]) == (OBJECT, CLASS, "Coffee card")
    assert (card["rows"], card["code"], card["state"]) == (
        [[["Stamps", "3/10"]]],
        "FB7K3M9QX",
        "ACTIVE",
    )
    assert hall.post("remove", object_id=OBJECT).json["cards"] == []
    kinds = [event["kind"] for event in hall.seen()["trail"]]
    assert kinds == ["removed", "added"]


def test_a_stamp_changes_the_picture_and_is_announced(hall: Hall, shop: Shop) -> None:
    hero = {"heroImage": {"sourceUri": {"uri": shop.picture("/hero.png")}}}
    hall.room.done("PATCH", f"loyaltyObject/{OBJECT}", hero)
    hall.post("add", url=hall.room.link())
    url = f"/androids/{hall.phone.id}/card.png"
    before = hall.client.get(url).data
    hall.stamp("4/10")
    after = hall.client.get(f"{url}?object_id={OBJECT}&v=2")
    assert after.data != before
    assert "immutable" in after.headers["Cache-Control"]
    assert Image.open(io.BytesIO(after.data)).width == 660
    assert hall.told() == ["Stamps 4/10"]


def test_a_phone_whose_notifications_are_off_changes_in_silence(hall: Hall) -> None:
    hall.post("add", url=hall.room.link())
    assert hall.post("switch", name="notifications", on=False).json["notifications"] is False
    hall.stamp("4/10")
    assert hall.told() == []
    assert hall.seen()["cards"][0]["rows"] == [[["Stamps", "4/10"]]]
    assert hall.post("switch", name="volume", on=True).status_code == 422


def test_all_phones_of_a_user_show_the_same_and_those_of_others_do_not(hall: Hall) -> None:
    androids = hall.room.google.androids
    tablet, other = androids.buy("Tablet", ANNA), androids.buy("Bela", "bela@example.com")
    hall.post("add", url=hall.room.link())
    hall.stamp("4/10")
    assert [len(phone.passes()) for phone in (hall.phone, tablet, other)] == [1, 1, 0]
    assert [len(phone.lock_screen) for phone in (hall.phone, tablet, other)] == [1, 1, 0]


def test_a_refused_link_says_what_developers_are_told(hall: Hall) -> None:
    hall.room.order("knobs", demo=True)
    refused = hall.post("add", url=hall.room.link())
    assert refused.status_code == 422
    assert "demo mode" in refused.json["problem"]
    assert hall.post("add", url="ftp://x").json["problem"].startswith("A link starts with")
    assert [event["kind"] for event in hall.seen()["trail"]] == ["refused", "refused"]


def test_saving_again_says_that_a_link_never_updates(hall: Hall) -> None:
    hall.post("add", url=hall.room.link())
    hall.post("add", url=hall.room.link())
    assert hall.seen()["trail"][0]["kind"] == "kept"


def test_new_phones_belong_to_whom_they_are_named_after(hall: Hall) -> None:
    bought = [
        hall.client.post("/androids", json=given).json
        for given in ({}, {"name": "Bela B."}, {"name": "Tablet", "user": ANNA})
    ]
    users = [phone["user"] for phone in bought if phone]
    assert users == ["you@example.com", "bela.b@example.com", ANNA]
    index = hall.client.get("/androids").json
    assert index
    assert len(index["androids"]) == 4


def test_the_page_shows_card_notice_and_trail(hall: Hall) -> None:
    hall.post("add", url=hall.room.link())
    hall.stamp("4/10")
    page = hall.client.get("/").text
    assert "Coffee card: Stamps 4/10" in page
    assert "New Android" in page
    assert f"/androids/{hall.phone.id}/card.png?object_id={OBJECT}" in page
    assert "Stamp</button>" not in page  # there is no till
    form = {"on": "false", "name": "notifications"}
    answer = hall.client.post(
        f"/androids/{hall.phone.id}/switch", data=form, headers={"Accept": "text/html"}
    )
    assert (answer.status_code, answer.location) == (303, f"/#{hall.phone.id}")


def test_what_does_not_exist_is_told_so_and_other_sites_press_no_buttons(hall: Hall) -> None:
    assert hall.client.get("/androids/none").status_code == 404
    assert hall.post("remove").status_code == 404
    hall.post("add", url=hall.room.link())
    assert hall.post("stamp").status_code == 404
    elsewhere = {"Origin": "https://evil.example"}
    remove = f"/androids/{hall.phone.id}/remove"
    assert hall.client.post(remove, headers=elsewhere).status_code == 403
    assert len(hall.phone.passes()) == 1


def test_every_change_of_an_android_is_a_change_of_the_page(hall: Hall) -> None:
    androids = hall.room.google.androids
    seen = [androids.version()]
    for act in (
        lambda: hall.post("add", url=hall.room.link()),
        lambda: hall.stamp("4/10"),
        lambda: hall.post("remove"),
        lambda: androids.buy("Another", ANNA),
    ):
        act()
        seen.append(androids.version())
    assert seen == sorted(set(seen))
