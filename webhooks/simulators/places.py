"""The places of an Apple pass: what a phone watches of them, and what is wrong with the rest.

Source: Wallet Passes, Pass and Pass.Locations; Showing a Pass on the Lock Screen. Radii are “on the
order of” a hundred metres, and a thousand for boarding passes and event tickets: the figures here
are our reading of it.
"""

import math
from collections.abc import Iterator, Mapping
from typing import TypeGuard

from webhooks.simulators.findings import Finding, blemish
from webhooks.simulators.whereabouts import Position, Watched, is_number, position_of

_MOST = 10  # a pass can have only ten relevant locations
_SMALL_M, _LARGE_M = 100.0, 1_000.0
_FAR_SEEN = frozenset({"boardingPass", "eventTicket"})

Document = Mapping[str, object]


def watched_places(document: Document) -> list[Watched]:
    """The places a phone watches for a pass: the first ten; one that is none is skipped."""
    card, title = str(document.get("serialNumber", "")), str(document.get("description", ""))
    radius_m = relevant_radius_m(document)
    found = ((one, _position(one)) for one in _listed(document)[:_MOST])
    return [
        Watched(card, title, _relevant_text(one), position, radius_m)
        for one, position in found
        if position
    ]


def relevant_radius_m(document: Document) -> float:
    """How near is near: the style's radius or `maxDistance`, whichever is smaller.

    Nothing under a hundred metres was seen to have an effect.
    """
    radius_m = _LARGE_M if _FAR_SEEN & document.keys() else _SMALL_M
    wanted = document.get("maxDistance")
    return max(_SMALL_M, min(radius_m, wanted)) if _is_distance(wanted) else radius_m


def place_findings(document: Document) -> Iterator[Finding]:
    """All that is wrong with the places of a pass; a phone adds it all the same."""
    if not isinstance(document.get("locations", []), list):
        yield Finding("locations_invalid", "locations", "It must be a list.")
    places = _listed(document)
    if len(places) > _MOST:
        detail = f"A phone watches ten; {len(places) - _MOST} more are ignored."
        yield blemish("too_many_locations", "locations", detail)
    for number, one in enumerate(places):
        yield from _place(one, f"locations/{number}")
    if "maxDistance" in document:
        yield from _max_distance(document["maxDistance"])


def _place(place: object, where: str) -> Iterator[Finding]:
    if _position(place) is None:
        detail = "It needs a latitude and a longitude on Earth; the phone skips it."
        yield blemish("location_invalid", where, detail)
    elif isinstance(place, dict) and "relevantText" in place and not _relevant_text(place):
        yield blemish("relevant_text_invalid", where, "What is said of a place is text.")


def _max_distance(value: object) -> Iterator[Finding]:
    if not _is_distance(value):
        yield blemish("max_distance_invalid", "maxDistance", "It is a number of metres above 0.")
    elif value < _SMALL_M:
        detail = "Less than a hundred metres has no effect."
        yield blemish("max_distance_without_effect", "maxDistance", detail)


def _listed(document: Document) -> list[object]:
    places = document.get("locations")
    return places if isinstance(places, list) else []


def _position(place: object) -> Position | None:
    if not isinstance(place, dict):
        return None
    return position_of(place.get("latitude"), place.get("longitude"))


def _relevant_text(place: object) -> str:
    text = place.get("relevantText") if isinstance(place, dict) else None
    return text.strip() if isinstance(text, str) else ""


def _is_distance(value: object) -> TypeGuard[float]:
    return is_number(value) and 0 < value < math.inf
