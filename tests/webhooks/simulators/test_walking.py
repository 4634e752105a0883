"""Phones that walk: what their lock screens show near the places of their cards."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from cryptography import x509
from flask.testing import FlaskClient

from certs.apple import AppleIdentity
from tests.webhooks.simulators.cards import card, now, rewritten, with_places
from tests.webhooks.simulators.google_room import CLASS, OBJECT, Room, opened_room
from tests.webhooks.simulators.web_service import CARD_LINK, WebService
from webhooks.simulators.fleet import Fleet
from webhooks.simulators.google_android import Android
from webhooks.simulators.iphone import IPhone
from webhooks.simulators.page import Desk, create_page
from webhooks.simulators.till import Till
from webhooks.simulators.web import HttpWeb, WebAnswer

ASTORIA = {"latitude": 47.4945, "longitude": 19.0601, "relevantText": "2 stamps to your coffee"}
OKTOGON = {"latitude": 47.5055, "longitude": 19.0635, "relevantText": "Welcome to Oktogon"}
AT_ASTORIA = {"latitude": 47.4948, "longitude": 19.0601}  # 33 m from it
BETWEEN = {"latitude": 47.5, "longitude": 19.0618}  # more than 600 m from both


class Walk:
    """An iPhone on the page, whose card has two places."""

    def __init__(self, identity: AppleIdentity, roots: tuple[x509.Certificate, ...]) -> None:
        self.identity = identity
        self.service = WebService(self.card(ASTORIA, OKTOGON))
        self.fleet = Fleet(lambda: self.service, roots, lambda: now() + timedelta(seconds=1))
        self.phone: IPhone = self.fleet.buy("Anna")
        self.client: FlaskClient = create_page(Desk(self.fleet, None, Event())).test_client()
        assert self.phone.add_link(CARD_LINK) == ()
        self.phone.run_due()

    def card(self, *places: dict[str, Any], **changes: Any) -> bytes:
        return with_places(card(self.identity), self.identity, *places, **changes)

    def to(self, **where: Any) -> Any:
        answer = self.client.post(f"/phones/{self.phone.id}/walk", json=where)
        assert answer.status_code == 200, answer.text
        return answer.json

    def updated(self, pkpass: bytes) -> Any:
        self.service.change(pkpass)
        self.phone.refresh()
        self.phone.run_due()
        return self.seen()

    def seen(self) -> Any:
        return self.client.get(f"/phones/{self.phone.id}").json

    def kinds(self) -> list[str]:
        return [event.kind for event in self.phone.wallet.trail.events]


@pytest.fixture
def walk(identity: AppleIdentity, roots: tuple[x509.Certificate, ...]) -> Walk:
    return Walk(identity, roots)


def test_near_a_shop_the_lock_screen_shows_its_words_until_the_phone_leaves(walk: Walk) -> None:
    assert walk.seen()["nearby"] is None
    near = walk.to(**AT_ASTORIA)["nearby"]
    assert (near["card"], near["text"]) == ("CARD-1", "2 stamps to your coffee")
    assert walk.to(**BETWEEN)["nearby"] is None
    assert walk.kinds()[-4:] == ["walk", "near", "walk", "away"]


def test_a_place_is_reached_by_its_number_in_the_list(walk: Walk) -> None:
    seen = walk.to(place=2)
    assert seen["nearby"]["text"] == "Welcome to Oktogon"
    assert seen["position"] == {"latitude": 47.5055, "longitude": 19.0635}
    first, second = seen["places"]
    assert (first["number"], first["distance"], first["inside"]) == (1, "1.2 km", False)
    assert (second["number"], second["distance_m"], second["inside"]) == (2, 0, True)
    assert walk.to(away=True)["position"] is None
    assert walk.seen()["nearby"] is None


def test_of_several_cards_the_nearest_place_wins(walk: Walk) -> None:
    other = {"latitude": 47.4949, "longitude": 19.0601, "relevantText": "Over here"}
    second = card(walk.identity, serial="CARD-2")
    assert walk.to(**AT_ASTORIA)["nearby"]["card"] == "CARD-1"
    walk.phone.add(with_places(second, walk.identity, other))
    seen = walk.seen()
    assert (seen["nearby"]["card"], seen["nearby"]["text"]) == ("CARD-2", "Over here")
    assert [place["card"] for place in seen["places"]] == ["CARD-1", "CARD-1", "CARD-2"]
    walk.client.post(f"/phones/{walk.phone.id}/remove", json={"serial": "CARD-2"})
    assert walk.seen()["nearby"]["card"] == "CARD-1"


def test_an_update_changes_what_is_said_and_where(walk: Walk) -> None:
    walk.to(**AT_ASTORIA)
    said = walk.updated(walk.card(ASTORIA | {"relevantText": "1 stamp to your coffee"}))
    assert said["nearby"]["text"] == "1 stamp to your coffee"
    assert walk.updated(walk.card(OKTOGON))["nearby"] is None
    assert walk.updated(walk.card(ASTORIA, voided=True))["nearby"] is None


def test_the_eleventh_place_is_not_watched_and_the_update_that_brings_it_is_told(
    walk: Walk,
) -> None:
    far = [OKTOGON | {"latitude": 10 + number} for number in range(10)]
    seen = walk.updated(walk.card(*far, ASTORIA))
    assert len(seen["places"]) == 10
    assert walk.to(**AT_ASTORIA)["nearby"] is None
    notes = [event["text"] for event in walk.seen()["trail"] if event["kind"] == "note"]
    assert notes == ["too_many_locations(locations): A phone watches ten; 1 more are ignored."]
    walk.updated(walk.card(*far, OKTOGON))
    assert walk.kinds().count("note") == 1  # nothing that was not wrong before


def test_event_tickets_are_seen_from_afar_unless_max_distance_says_less(walk: Walk) -> None:
    def ticket(**changes: Any) -> bytes:
        def change(document: dict[str, Any]) -> None:
            document["eventTicket"] = document.pop("storeCard")
            document.update({"locations": [ASTORIA]} | changes)

        return rewritten(card(walk.identity), walk.identity, change)

    walk.to(**BETWEEN)
    assert walk.updated(ticket())["nearby"]["text"] == "2 stamps to your coffee"
    assert walk.updated(ticket(maxDistance=300))["nearby"] is None


def test_offline_phones_know_where_they_are(walk: Walk) -> None:
    walk.phone.set_offline(True)
    assert walk.to(**AT_ASTORIA)["nearby"]


@pytest.mark.parametrize(
    "where",
    [
        {},
        {"place": 3},
        {"place": 0},
        {"place": "Astoria"},
        {"latitude": 47.5},
        {"latitude": 91, "longitude": 0},
        {"latitude": "nan", "longitude": 0},
        {"latitude": "north", "longitude": "east"},
    ],
)
def test_nowhere_is_no_place_to_walk_to(walk: Walk, where: dict[str, Any]) -> None:
    answer = walk.client.post(f"/phones/{walk.phone.id}/walk", json=where)
    assert answer.status_code == 422
    assert walk.seen()["position"] is None


def test_the_page_has_a_button_and_a_mark_for_every_place_and_shows_what_is_near(
    walk: Walk,
) -> None:
    page = walk.client.get("/").text
    assert page.count(">Walk</button>") == page.count('class="mark') == 2
    assert 'name="away"' not in page
    form = {"place": "1"}
    answer = walk.client.post(
        f"/phones/{walk.phone.id}/walk", data=form, headers={"Accept": "text/html"}
    )
    assert (answer.status_code, answer.location) == (303, f"/#{walk.phone.id}")
    page = walk.client.get("/").text
    assert 'class="notice near"' in page
    assert 'class="mark inside"' in page
    assert 'name="away"' in page
    walk.updated(walk.card())
    assert "No places to watch" in walk.client.get("/").text


class Service:
    """A merchant's service with one shop, a card and a transaction."""

    def __init__(self) -> None:
        self.stamped: list[dict[str, Any]] = []

    def send(
        self, method: str, url: str, _: Mapping[str, str], body: bytes | None = None
    ) -> WebAnswer:
        if method == "GET" and "/v1/locations" in url:
            named = {"id": "loc_1", "name": "Oktogon & Co", "address": "Andrássy út 50"}
            shop = OKTOGON | named | {"active": True}
            return WebAnswer(200, {}, json.dumps({"data": [shop], "next_cursor": None}).encode())
        if "/v1/scans" in url:
            return WebAnswer(200, {}, b'{"member": {"id": "mem_1"}}')
        self.stamped.append(json.loads(body or b""))
        return WebAnswer(201, {}, b'{"transaction": {"balance_after": 4}}')


def test_a_phone_walks_to_any_shop_of_the_merchant_and_is_stamped_there(
    walk: Walk, tmp_path: Path
) -> None:
    service, key = Service(), tmp_path / "key"
    key.write_text("wk_x")
    till = Till("http://service", [key], lambda: service, now)
    walk.client = create_page(Desk(walk.fleet, till, Event())).test_client()
    page = walk.client.get("/").text
    assert page.count('<option value="Oktogon &amp; Co">Andrássy út 50</option>') == 1
    assert 'list="shops"' in page
    assert [place["shop"] for place in walk.seen()["places"]] == ["", "Oktogon & Co"]
    assert walk.to(shop="Oktogon & Co")["nearby"]["text"] == "Welcome to Oktogon"
    assert walk.to(shop="loc_1")["position"]["latitude"] == 47.5055
    answer = walk.client.post(f"/phones/{walk.phone.id}/walk", json={"shop": "Nowhere"})
    assert answer.status_code == 422
    walk.client.post(f"/phones/{walk.phone.id}/stamp")
    assert service.stamped == [{"type": "earn", "stamps": 1, "location_id": "loc_1"}]


# Androids ----------------------------------------------------------------------------------------

SHOP = {"latitude": 47.4945, "longitude": 19.0601}
OTHER = {"latitude": 47.5055, "longitude": 19.0635}


@dataclass
class Stroll:
    """An Android on the page, whose only pass has a place."""

    room: Room
    phone: Android
    client: FlaskClient

    def to(self, **where: Any) -> Any:
        answer = self.client.post(f"/androids/{self.phone.id}/walk", json=where)
        assert answer.status_code == 200, answer.text
        return answer.json

    def seen(self, **later: float) -> Any:
        self.room.clock.forward(**later)
        return self.client.get(f"/androids/{self.phone.id}").json

    def places(self, kind: str, *places: dict[str, float]) -> None:
        name = CLASS if kind == "loyaltyClass" else OBJECT
        document: dict[str, Any] = {"merchantLocations": list(places)}
        if kind == "loyaltyClass":
            document["reviewStatus"] = "UNDER_REVIEW"
        self.room.done("PATCH", f"{kind}/{name}", document)


@pytest.fixture
def stroll(google_account: Path) -> Iterator[Stroll]:
    with opened_room(google_account) as room:
        room.stock()
        client = create_page(Desk(Fleet(HttpWeb, (), room.clock), None, Event(), room.google))
        phone = room.google.androids.buy("Anna", "anna@example.com")
        found = Stroll(room, phone, client.test_client())
        found.places("loyaltyObject", SHOP)
        room.tap("anna@example.com")
        yield found


def test_an_android_tells_of_a_place_after_a_while_until_it_leaves(stroll: Stroll) -> None:
    assert stroll.to(place=1)["nearby"] is None
    assert stroll.seen(seconds=9)["nearby"] is None
    near = stroll.seen(seconds=1)["nearby"]
    assert (near["card"], near["title"]) == (OBJECT, "Coffee card")
    assert stroll.to(away=True)["nearby"] is None
    kinds = [event.kind for event in stroll.phone.trail.events]
    assert kinds[-5:] == ["walk", "arrived", "near", "walk", "away"]


def test_who_only_passes_by_is_not_told(stroll: Stroll) -> None:
    stroll.to(place=1)
    stroll.room.clock.forward(seconds=5)
    stroll.to(**OTHER)
    stroll.room.clock.forward(seconds=5)
    stroll.to(place=1)
    assert stroll.seen(seconds=9)["nearby"] is None
    stroll.room.order("knobs", dwell_s=9)
    assert stroll.seen()["nearby"]


def test_the_places_of_class_and_object_add_up_and_a_pass_that_ended_has_none(
    stroll: Stroll,
) -> None:
    stroll.places("loyaltyClass", OTHER)
    both = [(one["latitude"], one["longitude"]) for one in stroll.seen()["places"]]
    assert both == [(47.4945, 19.0601), (47.5055, 19.0635)]
    stroll.to(place=2)
    assert stroll.seen(seconds=10)["nearby"]
    stroll.places("loyaltyClass")
    assert stroll.seen()["nearby"] is None
    stroll.room.done("PATCH", f"loyaltyObject/{OBJECT}", {"state": "INACTIVE"})
    assert stroll.seen()["places"] == []


def test_the_fifth_notice_of_a_day_and_those_of_a_silenced_phone_are_kept_back(
    stroll: Stroll,
) -> None:
    shown = []
    for _ in range(5):
        stroll.to(place=1)
        shown.append(stroll.seen(seconds=10)["nearby"] is not None)
        stroll.to(away=True)
    assert shown == [True] * 4 + [False]
    stroll.to(place=1)
    stroll.client.post(f"/androids/{stroll.phone.id}/switch", json={"name": "notifications"})
    stroll.to(away=True)
    stroll.room.clock.forward(hours=25)
    stroll.to(place=1)
    assert stroll.seen(seconds=10)["nearby"] is None
    assert [event.kind for event in stroll.phone.trail.events][-1] == "silent"


def test_waiting_near_a_place_is_a_change_of_the_page(stroll: Stroll) -> None:
    stroll.to(place=1)
    before = stroll.room.google.androids.version()
    stroll.room.clock.forward(seconds=10)
    assert stroll.room.google.androids.version() > before
    assert 'class="notice near"' in stroll.client.get("/").text


def test_more_places_than_google_takes_are_refused_as_google_refuses(stroll: Stroll) -> None:
    for place in ([SHOP] * 11, [SHOP | {"latitude": 90.5}], [{"latitude": 1}]):
        error = stroll.room.refused(
            400, "PATCH", f"loyaltyObject/{OBJECT}", {"merchantLocations": place}
        )
        assert error["status"] == "INVALID_ARGUMENT"
        assert error["message"].startswith("Request contains an invalid argument.")
        assert error["errors"][0]["reason"] == "invalidResource"
    stroll.room.refused(
        400,
        "PATCH",
        f"loyaltyObject/{OBJECT}",
        {"merchantLocations": [SHOP | {"radius": 50}]},
    )
    assert len(stroll.seen()["places"]) == 1
