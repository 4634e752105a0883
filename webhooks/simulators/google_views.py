"""An Android as plain values: what the page's template and the JSON interface show."""

from collections.abc import Sequence

from webhooks.simulators.google_android import NEAR_WORDS, Android
from webhooks.simulators.google_face import face_of
from webhooks.simulators.google_registry import Resource
from webhooks.simulators.shops import Shop
from webhooks.simulators.views import (
    event_json,
    nearby_json,
    notice_json,
    places_json,
    position_json,
)
from webhooks.simulators.whereabouts import Watched

_TRAIL = 40


def android_json(phone: Android, shops: Sequence[Shop] = ()) -> dict[str, object]:
    """Everything to be seen of a phone; cards oldest first, events newest first.

    Places are called by the names of those shops.
    """
    return {
        "id": phone.id,
        "name": phone.name,
        "user": phone.user,
        "version": phone.trail.newest,
        "notifications": phone.notifications,
        "cards": [_card(one, phone.class_of(one)) for one in phone.passes()],
        "position": position_json(phone.position),
        "places": places_json(phone.watched(), phone.position, shops),
        "nearby": _nearby(phone.nearby),
        "lock_screen": [notice_json(one) for one in reversed(list(phone.lock_screen))],
        "trail": [event_json(one) for one in reversed(list(phone.trail.events)[-_TRAIL:])],
    }


def _nearby(place: Watched | None) -> dict[str, object] | None:
    shown = nearby_json(place)
    return shown | {"text": NEAR_WORDS} if shown else None


def _card(resource: Resource, parent: Resource) -> dict[str, object]:
    face = face_of(resource.document, parent.document)
    cells = [cell for row in face.rows for cell in row]
    return {
        "object_id": resource.id,
        "class_id": parent.id,
        "issuer": face.issuer,
        "title": face.title,
        "state": resource.document.get("state", ""),
        "edition": f"{resource.edition}-{parent.edition}",
        "updated_at": resource.updated_at.isoformat(),
        "rows": [[[cell.label, cell.value] for cell in row] for row in face.rows],
        "modules": [[cell.label, cell.value] for cell in face.modules],
        "messages": [
            [one.get("header", ""), one.get("body", "")]
            for one in resource.document.get("messages", ())
        ],
        "code": face.code.message if face.code else None,
        "spoken": ", ".join(f"{cell.label} {cell.value}".strip() for cell in cells),
    }
