"""Taps on save links: who gets what, and what never changes by a link."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
import requests

from certs.development import mint_google
from certs.google import load_google_identity
from tests.webhooks.simulators.google_room import (
    CLASS,
    ISSUER,
    OBJECT,
    Room,
    class_document,
    object_document,
    points,
)

ANNA, BELA = "anna@example.com", "bela@example.com"
FAT = {"loyaltyClasses": [class_document()], "loyaltyObjects": [object_document()]}
ONE_USER = {"multipleDevicesAndHoldersAllowedStatus": "ONE_USER_ALL_DEVICES"}


def why(answer: requests.Response) -> str:
    assert answer.status_code == 422, answer.text
    return str(answer.json()["error"])


def holders(room: Room) -> list[str]:
    [shown] = room.state()["objects"]
    return list(shown["holders"])


def test_a_skinny_link_saves_what_is_there(room: Room) -> None:
    room.stock()
    assert room.tap(ANNA).json() == {"objects": [OBJECT], "already": []}
    assert room.tap(ANNA).json() == {"objects": [OBJECT], "already": [OBJECT]}
    assert holders(room) == [ANNA]
    assert room.done("GET", f"loyaltyObject/{OBJECT}")["hasUsers"] is True


def test_a_fat_link_makes_class_and_object_once_and_never_updates_them(room: Room) -> None:
    room.order("knobs", refuse_long_links=False)
    assert room.tap(ANNA, FAT).ok
    changed = object_document(**points("9/10"))
    assert room.tap(ANNA, FAT | {"loyaltyObjects": [changed]}).ok
    [shown] = room.state()["objects"]
    assert shown["document"]["loyaltyPoints"]["balance"] == {"string": "3/10"}
    assert room.state("kept") == [{"id": OBJECT, "keys": ["loyaltyPoints"]}]


def test_a_link_to_nothing_saves_nothing(room: Room) -> None:
    assert "not found" in why(room.tap(ANNA))
    room.done("POST", "loyaltyClass", class_document())
    assert "not found" in why(room.tap(ANNA))
    assert "no object" in why(room.tap(ANNA, {"loyaltyClasses": [{"id": CLASS}]}))


def test_resources_in_a_link_keep_the_same_rules_as_in_the_api(room: Room) -> None:
    broken = FAT | {"loyaltyObjects": [object_document(heroImage={})]}
    assert "heroImage" in why(room.tap(ANNA, broken))
    assert room.state()["objects"] == []


@pytest.mark.parametrize(
    ("claims", "word"),
    [
        ({"iss": "x@example.com"}, "iss"),
        ({"aud": "apple"}, "aud"),
        ({"aud": ["google"]}, "aud"),
        ({"typ": "JWT"}, "typ"),
        ({"iat": "1790000000"}, "iat"),
        ({"iat": 99_999_999_999}, "iat"),
        ({"exp": 1}, "exp"),
        ({"origins": "https://cards.example"}, "origins"),
        ({"payload": []}, "payload"),
        ({"payload": {"loyaltyPasses": []}}, "loyaltyPasses"),
        ({"payload": {"loyaltyObjects": {}}}, "loyaltyObjects"),
        ({"payload": {"flightObjects": []}}, "flightObjects"),
        ({"payload": {"loyaltyObjects": [{"id": "1234.anna"}]}}, "Permission"),
        ({"payload": {"offerObjects": [{"id": OBJECT}]}}, "not found"),
    ],
)
def test_each_claim_counts(room: Room, claims: dict[str, Any], word: str) -> None:
    room.stock()
    assert word in why(room.tap(ANNA, **claims))
    assert holders(room) == []


def test_a_link_signed_by_somebody_else_is_refused(room: Room, tmp_path: Path) -> None:
    room.stock()
    stranger = load_google_identity(mint_google(tmp_path), ISSUER)
    assert "signature" in why(Room(room.google, room.api, stranger, room.clock).tap(ANNA))


def test_a_link_that_browsers_may_cut_is_refused_unless_told_otherwise(room: Room) -> None:
    room.stock()
    long = {"origins": ["https://cards.example/" + "x" * 1200]}
    assert "characters" in why(room.tap(ANNA, **long))
    room.order("knobs", refuse_long_links=False)
    assert room.tap(ANNA, **long).ok


def test_a_pass_for_one_user_is_nobody_elses_until_it_is_given_up(room: Room) -> None:
    room.stock(**ONE_USER)
    assert room.tap(ANNA).ok
    assert "another user" in why(room.tap(BELA))
    assert room.order("remove", object_id=OBJECT, user=ANNA) is True
    assert room.order("remove", object_id=OBJECT, user=ANNA) is False
    assert room.tap(BELA).ok
    assert holders(room) == [BELA]


def test_without_that_rule_everybody_with_the_link_can_save(room: Room) -> None:
    room.stock()
    assert room.tap(ANNA).ok
    assert room.tap(BELA).ok
    assert holders(room) == [ANNA, BELA]


def test_in_demo_mode_only_testers_save(room: Room) -> None:
    room.stock()
    room.order("knobs", demo=True, testers=[BELA])
    assert "demo mode" in why(room.tap(ANNA))
    assert room.tap(BELA).ok


def test_a_class_that_was_refused_cannot_be_saved(room: Room) -> None:
    room.stock()
    room.order("review", class_id=CLASS, status="REJECTED")
    assert "not approved" in why(room.tap(ANNA))


def test_a_pass_can_be_for_one_address(room: Room) -> None:
    room.stock()
    address = hashlib.sha256(b"annaexample@examplecom").hexdigest()
    only = {"saveRestrictions": {"restrictToEmailSha256": address}}
    room.done("PATCH", f"loyaltyObject/{OBJECT}", only)
    assert "another e-mail" in why(room.tap(BELA))
    assert room.tap("Anna.Example@example.com").ok


def test_people_see_a_page_whether_it_went_well_or_not(room: Room) -> None:
    room.stock(programName="<Coffee> & cake")
    page = requests.get(room.link(), timeout=5)
    assert "In the wallet of you@example.com" in page.text
    assert "&lt;Coffee&gt; &amp; cake" in page.text
    assert "stays as it is" in requests.get(room.link(), timeout=5).text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    wrong = requests.get(room.link(aud="<b>"), timeout=5)
    assert wrong.status_code == 200
    assert "Something went wrong" in wrong.text
