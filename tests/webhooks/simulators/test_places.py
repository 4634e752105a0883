"""The places of a pass.json as a phone reads them."""

from typing import Any

import pytest

from webhooks.simulators.places import place_findings, relevant_radius_m, watched_places
from webhooks.simulators.whereabouts import Position

SHOP = {"latitude": 47.5, "longitude": 19, "relevantText": "2 stamps to your free coffee"}
CARD = {"serialNumber": "CARD-1", "description": "Coffee card", "storeCard": {}}


def codes(**changes: Any) -> list[tuple[str, str, bool]]:
    found = place_findings(CARD | changes)
    return [(one.code, one.subject, one.fatal) for one in found]


def test_a_place_is_watched_with_its_words_for_its_card() -> None:
    [place] = watched_places(CARD | {"locations": [SHOP]})
    assert (place.card, place.title, place.text) == ("CARD-1", "Coffee card", SHOP["relevantText"])
    assert (place.position, place.radius_m) == (Position(47.5, 19), 100)
    assert codes(locations=[SHOP]) == []


def test_ten_places_are_watched_and_the_rest_is_told() -> None:
    places = [SHOP | {"latitude": number} for number in range(12)]
    watched = watched_places(CARD | {"locations": places})
    assert [one.position.latitude for one in watched] == list(range(10))
    assert codes(locations=places) == [("too_many_locations", "locations", False)]
    [finding] = place_findings(CARD | {"locations": places})
    assert "2 more are ignored" in finding.detail


@pytest.mark.parametrize(
    "place",
    [
        None,
        "47.5, 19",
        {},
        {"latitude": 47.5},
        SHOP | {"latitude": "47.5"},
        SHOP | {"latitude": True},
        SHOP | {"latitude": 90.1},
        SHOP | {"longitude": -180.1},
    ],
)
def test_a_place_that_is_none_is_skipped_and_told(place: object) -> None:
    [kept] = watched_places(CARD | {"locations": [place, SHOP]})
    assert kept.position == Position(47.5, 19)
    assert codes(locations=[place, SHOP]) == [("location_invalid", "locations/0", False)]


@pytest.mark.parametrize("text", ["", "  ", None, 7, ["Hello"]])
def test_words_that_are_no_text_are_told_and_not_shown(text: object) -> None:
    [place] = watched_places(CARD | {"locations": [SHOP | {"relevantText": text}]})
    assert place.text == ""
    told = codes(locations=[SHOP | {"relevantText": text}])
    assert told == [("relevant_text_invalid", "locations/0", False)]


def test_a_place_without_words_is_fine() -> None:
    assert codes(locations=[{"latitude": 0, "longitude": 0}]) == []


def test_places_that_are_no_list_keep_the_pass_out() -> None:
    assert codes(locations={"latitude": 1}) == [("locations_invalid", "locations", True)]
    assert watched_places(CARD | {"locations": {"latitude": 1}}) == []


@pytest.mark.parametrize(
    ("style", "max_distance", "radius_m"),
    [
        ("storeCard", None, 100),
        ("storeCard", 50, 100),  # no effect below a hundred metres
        ("storeCard", 500, 100),  # and it never widens
        ("coupon", None, 100),
        ("generic", None, 100),
        ("eventTicket", None, 1000),
        ("eventTicket", 250.5, 250.5),
        ("boardingPass", 5000, 1000),
        ("boardingPass", 10, 100),
        ("eventTicket", "far", 1000),
        ("eventTicket", -3, 1000),
    ],
)
def test_how_near_is_near_depends_on_style_and_max_distance(
    style: str, max_distance: object, radius_m: float
) -> None:
    document: dict[str, object] = {style: {}}
    if max_distance is not None:
        document["maxDistance"] = max_distance
    assert relevant_radius_m(document) == radius_m


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("500", "max_distance_invalid"),
        (0, "max_distance_invalid"),
        (True, "max_distance_invalid"),
        (float("inf"), "max_distance_invalid"),
        (50, "max_distance_without_effect"),
    ],
)
def test_a_max_distance_that_does_nothing_is_told(value: object, code: str) -> None:
    assert codes(maxDistance=value) == [(code, "maxDistance", False)]
    assert codes(maxDistance=100) == []
