"""The places of a pass in Google Wallet, as an Android watches them. Pure.

Source: Google Wallet API, MerchantLocation: ten on the class and ten on the object, without words
and without a radius; “a Google-set radius” is all that is told of it. The 150 m here are those of
the old platform, and that the places of class and object add up is our reading.
"""

from collections.abc import Mapping
from typing import Any

from webhooks.simulators.google_registry import Resource
from webhooks.simulators.google_texts import title_of
from webhooks.simulators.whereabouts import Watched, position_of

_RADIUS_M = 150.0  # assumed


def watched_places(resource: Resource, parent: Resource) -> list[Watched]:
    """Those of the object, then those of its class; a pass that is not active has none."""
    if resource.document.get("state") != "ACTIVE":
        return []
    title = title_of(parent.document)
    listed = [*_listed(resource.document), *_listed(parent.document)]
    found = (position_of(one.get("latitude"), one.get("longitude")) for one in listed)
    return [Watched(resource.id, title, "", one, _RADIUS_M) for one in found if one]


def _listed(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    places: list[Mapping[str, Any]] = document.get("merchantLocations", [])
    return places
