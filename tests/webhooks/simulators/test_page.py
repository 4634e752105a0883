"""The page with the phones and its JSON, without a network."""

import io
from datetime import timedelta
from threading import Event
from typing import Any

import pytest
from cryptography import x509
from flask.testing import FlaskClient
from PIL import Image

from certs.apple import AppleIdentity
from tests.webhooks.simulators.cards import card, now
from tests.webhooks.simulators.web_service import CARD_LINK, WebService
from webhooks.simulators.fleet import Fleet
from webhooks.simulators.iphone import IPhone
from webhooks.simulators.page import Desk, create_page


class Room:
    """A page, its only phone, and the web service of its card."""

    def __init__(self, identity: AppleIdentity, roots: tuple[x509.Certificate, ...]) -> None:
        self.identity = identity
        self.service = WebService(card(identity, 3))
        self.fleet = Fleet(lambda: self.service, roots, lambda: now() + timedelta(seconds=1))
        self.phone: IPhone = self.fleet.buy("Anna’s iPhone")
        self.ended = Event()
        self.client: FlaskClient = create_page(Desk(self.fleet, None, self.ended)).test_client()

    def post(self, action: str, **document: Any) -> Any:
        return self.client.post(f"/phones/{self.phone.id}/{action}", json=document)

    def seen(self) -> Any:
        return self.client.get(f"/phones/{self.phone.id}").json

    def added(self) -> None:
        assert self.post("add", url=CARD_LINK).json["findings"] == []
        self.phone.run_due()


@pytest.fixture
def room(identity: AppleIdentity, roots: tuple[x509.Certificate, ...]) -> Room:
    return Room(identity, roots)


def test_a_card_added_by_link_can_be_seen_with_all_the_phone_knows(room: Room) -> None:
    room.added()
    [shown] = room.client.get("/phones").json["phones"]  # type: ignore[index]
    [one] = shown["cards"]
    assert (one["fields"]["stamps"], one["registered"], one["voided"]) == ("3/10", True, False)
    [service] = shown["services"]
    assert room.service.registrations == {service["device"]: service["push_token"]}
    assert [event["kind"] for event in shown["trail"]][::-1] == [
        "added",
        "registered",
        "list",
        "fetch",
    ]


def test_a_push_changes_the_card_its_picture_and_the_lock_screen(room: Room) -> None:
    room.added()
    before = room.client.get(f"/phones/{room.phone.id}/card.png").data
    room.service.change(card(room.identity, 4))
    [token] = room.service.registrations.values()
    assert room.fleet.deliver(token, room.identity.pass_type_identifier) is None
    room.phone.run_due()
    assert room.seen()["lock_screen"][0]["text"] == "Your card now shows 4/10"
    after = room.client.get(f"/phones/{room.phone.id}/card.png").data
    assert after != before
    assert Image.open(io.BytesIO(after)).width == 660


def test_the_page_shows_card_notice_and_trail_and_loads_nothing_foreign(room: Room) -> None:
    room.added()
    page = room.client.get("/")
    assert "Coffee card by Fern &amp; Bean: Stamps 3/10" in page.text
    assert "Registered for updates" in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert 'http-equiv="refresh"' in page.text  # for browsers without script
    assert "Stamp</button>" not in page.text  # there is no till


def test_a_link_that_is_refused_says_why_in_words(room: Room) -> None:
    refused = room.post("add", url="ftp://x")
    assert refused.status_code == 422
    assert refused.json["findings"] == [
        "unreachable(ftp://x): A link starts with https:// or http://"
    ]


def test_a_form_of_a_browser_leads_back_to_the_page(room: Room) -> None:
    answer = room.client.post(
        f"/phones/{room.phone.id}/add", data={"url": CARD_LINK}, headers={"Accept": "text/html"}
    )
    assert (answer.status_code, answer.location) == (303, f"/#{room.phone.id}")


def test_switches_and_removal_reach_the_phone(room: Room) -> None:
    room.added()
    for name in ("rationing", "offline"):
        assert room.post("switch", name=name, on=True).json[name] is True
        assert room.post("switch", name=name, on=False).json[name] is False
    room.post("remove")
    room.phone.run_due()
    assert room.service.registrations == {}
    assert room.seen()["cards"] == []


def test_what_does_not_exist_is_told_so(room: Room) -> None:
    assert room.client.get("/phones/none").status_code == 404
    assert room.post("remove").status_code == 404
    assert room.post("stamp").status_code == 404
    assert room.post("switch", name="volume", on=True).status_code == 422
    assert room.client.get(f"/phones/{room.phone.id}/card.png?serial=x").status_code == 404


def test_other_sites_cannot_press_the_buttons(room: Room) -> None:
    url = f"/phones/{room.phone.id}/refresh"
    assert room.client.post(url, headers={"Origin": "https://evil.example"}).status_code == 403
    assert room.client.post(url, headers={"Origin": "null"}).status_code == 403
    assert room.client.post(url, headers={"Origin": "http://localhost"}).status_code == 200
    # Under no-referrer a browser would send its own forms with Origin: null.
    assert room.client.get("/").headers["Referrer-Policy"] == "same-origin"
    assert room.client.get("/", headers={"Host": "evil.example"}).status_code == 400


def test_the_live_line_speaks_when_something_changes_and_ends_with_the_simulator(
    room: Room,
) -> None:
    lines = room.client.get("/live", buffered=False).iter_encoded()
    first = next(lines)
    room.post("refresh")
    assert next(lines) != first
    room.ended.set()
    assert list(lines) == []


def test_a_token_of_another_type_or_of_a_phone_without_cards_is_refused(room: Room) -> None:
    room.added()
    [token] = room.service.registrations.values()
    wrong = room.fleet.deliver(token, "pass.other")
    assert wrong
    assert wrong.reason == "DeviceTokenNotForTopic"
    room.post("remove")
    gone = room.fleet.deliver(token, room.identity.pass_type_identifier)
    assert gone
    assert (gone.status, gone.reason) == (410, "Unregistered")
    assert room.fleet.deliver("00", "pass.other") is None
