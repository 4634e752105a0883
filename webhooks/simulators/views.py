"""A phone as plain values: what the page's template and the JSON interface show."""

from collections.abc import Sequence

from webhooks.simulators.iphone import IPhone
from webhooks.simulators.shops import Shop, name_of
from webhooks.simulators.strict import AREAS, fields_of
from webhooks.simulators.trail import Event
from webhooks.simulators.wallet import Card, Notice, WebService
from webhooks.simulators.whereabouts import Position, Watched, distance_m, told_distance

_TRAIL = 40


def phone_json(phone: IPhone, shops: Sequence[Shop] = ()) -> dict[str, object]:
    """Everything to be seen of a phone; cards oldest first, events newest first.

    Places are called by the names of those shops.
    """
    wallet = phone.wallet
    return {
        "id": phone.id,
        "name": phone.name,
        "version": wallet.trail.newest,
        "automatic": phone.automatic,
        "rationing": phone.rationing,
        "offline": phone.offline,
        "cards": [_card(one) for one in list(wallet.cards.values())],
        "services": [_service(one) for one in list(wallet.services.values())],
        "position": position_json(wallet.position),
        "places": places_json(wallet.watched(), wallet.position, shops),
        "nearby": nearby_json(wallet.nearby),
        "lock_screen": [notice_json(one) for one in reversed(list(wallet.lock_screen))],
        "trail": [event_json(one) for one in reversed(list(wallet.trail.events)[-_TRAIL:])],
    }


def _card(card: Card) -> dict[str, object]:
    package = card.package
    fields = [field for area in AREAS for field in fields_of(package.document, area)]
    front = [field for area in AREAS[:-1] for field in fields_of(package.document, area)]
    return {
        "serial_number": package.serial_number,
        "pass_type_identifier": package.pass_type,
        "organization_name": package.organization_name,
        "description": package.description,
        "edition": package.edition,
        "voided": package.voided,
        "registered": card.registered,
        "last_modified": card.last_modified,
        "updated_at": card.updated_at.isoformat() if card.updated_at else None,
        "fields": {str(one.get("key")): one.get("value") for one in fields},
        "spoken": ", ".join(f"{one.get('label', '')} {one.get('value')}".strip() for one in front),
    }


def _service(service: WebService) -> dict[str, object]:
    return {
        "url": service.url,
        "pass_type_identifier": service.pass_type,
        "device": service.device,
        "push_token": service.push_token,
        "tag": service.tag,
        "automatic": service.automatic,
        "ration_level": service.ration.level,
    }


def position_json(position: Position | None) -> dict[str, float] | None:
    """Where a phone is."""
    if position is None:
        return None
    return {"latitude": position.latitude, "longitude": position.longitude}


def places_json(
    places: Sequence[Watched], position: Position | None, shops: Sequence[Shop]
) -> list[dict[str, object]]:
    """The places a phone watches, numbered from 1; distances are from where it is."""
    return [
        _place(one, position) | {"number": number, "shop": name_of(shops, one.position)}
        for number, one in enumerate(places, 1)
    ]


def _place(place: Watched, position: Position | None) -> dict[str, object]:
    metres = distance_m(place.position, position) if position else None
    return {
        "card": place.card,
        "title": place.title,
        "text": place.text,
        "latitude": place.position.latitude,
        "longitude": place.position.longitude,
        "radius_m": place.radius_m,
        "distance_m": metres,
        "distance": None if metres is None else told_distance(metres),
        "inside": metres is not None and metres <= place.radius_m,
    }


def nearby_json(place: Watched | None) -> dict[str, object] | None:
    """What a lock screen says of the place that is near."""
    if place is None:
        return None
    return {"card": place.card, "title": place.title, "text": place.text}


def notice_json(notice: Notice) -> dict[str, object]:
    """An entry of a lock screen."""
    return {
        "at": notice.at.isoformat(),
        "time": f"{notice.at:%H:%M}",
        "title": notice.title,
        "text": notice.text,
    }


def event_json(event: Event) -> dict[str, object]:
    """A step of a trail."""
    return {
        "number": event.number,
        "at": event.at.isoformat(),
        "time": f"{event.at:%H:%M:%S}",
        "kind": event.kind,
        "text": event.text,
    }
