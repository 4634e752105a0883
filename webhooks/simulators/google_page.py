"""The Androids on the page with the phones, and the same as JSON for tests and curl.

    GET  /androids                      all Androids
    GET  /androids/{id}                 one of them
    GET  /androids/{id}/card.png        ?object_id=
    POST /androids                      {name, user}: the owner's e-mail address
    POST /androids/{id}/add             {url}
    POST /androids/{id}/remove          {object_id}
    POST /androids/{id}/stamp           {object_id}
    POST /androids/{id}/walk            {place}, {shop}, {latitude, longitude} or {away: true}
    POST /androids/{id}/switch          {name: notifications, on: true or false}

`object_id` may be left out: the newest card.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import cast

from flask import Blueprint, Flask, Response, abort, current_app, jsonify, request
from flask.typing import ResponseReturnValue

from webhooks.simulators.google_android import Android
from webhooks.simulators.google_card import card_picture
from webhooks.simulators.google_face import face_of
from webhooks.simulators.google_pictures import PictureError
from webhooks.simulators.google_registry import Resource
from webhooks.simulators.google_server import USER, Google
from webhooks.simulators.google_views import android_json
from webhooks.simulators.locator import locator
from webhooks.simulators.page_forms import (
    destination,
    given,
    phone_reply,
    png_reply,
    stamped,
    switched_on,
)
from webhooks.simulators.shops import Shop
from webhooks.simulators.till import Till

_ROOM = "passmint-androids"
_NAME_PARTS = re.compile(r"[a-z0-9]+")

androids = Blueprint("androids", __name__, url_prefix="/androids")


@dataclass(frozen=True, slots=True)
class _Room:
    google: Google
    till: Till | None

    def shops(self) -> Sequence[Shop]:
        return self.till.shops.all() if self.till else ()


def install(app: Flask, google: Google, till: Till | None) -> None:
    """Add the Androids of a local Google to the page; without a till nothing is stamped."""
    app.extensions[_ROOM] = _Room(google, till)
    app.register_blueprint(androids)


def shown(google: Google, shops: Sequence[Shop]) -> list[dict[str, object]]:
    """All Androids for the page's template."""
    return [
        android_json(phone, shops) | {"locator": locator(phone.watched(), phone.position)}
        for phone in google.androids.all()
    ]


@androids.before_app_request
def look() -> None:
    """Whoever asks sees the phones as they are by now."""
    _room().google.androids.look()


@androids.get("")
def index() -> Response:
    room = _room()
    phones = [android_json(one, room.shops()) for one in room.google.androids.all()]
    return jsonify({"androids": phones})


@androids.post("")
def buy() -> ResponseReturnValue:
    name = given("name") or "Android"
    phone = _room().google.androids.buy(name, given("user") or _user_called(given("name")))
    return _reply(phone, HTTPStatus.CREATED)


@androids.get("/<phone_id>")
def one(phone_id: str) -> Response:
    return jsonify(android_json(_phone(phone_id), _room().shops()))


@androids.post("/<phone_id>/add")
def add(phone_id: str) -> ResponseReturnValue:
    phone = _phone(phone_id)
    problem = _room().google.androids.open(phone, given("url"))
    status = HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK
    return _reply(phone, status, problem=problem)


@androids.post("/<phone_id>/remove")
def remove(phone_id: str) -> ResponseReturnValue:
    phone = _phone(phone_id)
    phone.remove(_card(phone, given("object_id")).id)
    return _reply(phone)


@androids.post("/<phone_id>/walk")
def walk(phone_id: str) -> ResponseReturnValue:
    phone = _phone(phone_id)
    phone.walk(destination(phone.watched(), _room().shops()))
    return _reply(phone)


@androids.post("/<phone_id>/switch")
def switch(phone_id: str) -> ResponseReturnValue:
    phone = _phone(phone_id)
    if given("name") != "notifications":
        abort(HTTPStatus.UNPROCESSABLE_ENTITY, "There is notifications.")
    phone.set_notifications(switched_on())
    return _reply(phone)


@androids.post("/<phone_id>/stamp")
def stamp(phone_id: str) -> ResponseReturnValue:
    phone, room = _phone(phone_id), _room()
    card = _card(phone, given("object_id"))
    code = face_of(card.document, phone.class_of(card).document).code
    if room.till is None or code is None:
        abort(HTTPStatus.NOT_FOUND, "There is no till (--api-key-file), or no code on the card.")
    said, status = stamped(room.till, code.message, phone.position)
    phone.say("till", said)
    return _reply(phone, status, said=said)


@androids.get("/<phone_id>/card.png")
def card_png(phone_id: str) -> Response:
    phone = _phone(phone_id)
    card = _card(phone, request.args.get("object_id", ""))
    return png_reply(card_picture(face_of(card.document, phone.class_of(card).document), _picture))


def _picture(url: str) -> bytes | None:
    """What Google fetched from this URL; a card is drawn without a picture it cannot get."""
    try:
        return _room().google.pictures.fetch(url)
    except PictureError:
        return None


def _room() -> _Room:
    return cast("_Room", current_app.extensions[_ROOM])


def _phone(phone_id: str) -> Android:
    phone = _room().google.androids.phone(phone_id)
    if phone is None:
        abort(HTTPStatus.NOT_FOUND, "There is no such Android.")
    return phone


def _card(phone: Android, object_id: str) -> Resource:
    """The card with this id, or the newest one."""
    wanted = [one for one in phone.passes() if object_id in {"", one.id}]
    if not wanted:
        abort(HTTPStatus.NOT_FOUND, "There is no such card on this phone.")
    return wanted[-1]


def _user_called(name: str) -> str:
    """An owner for a new phone: one by that name, or the simulator's usual user."""
    parts = _NAME_PARTS.findall(name.lower())
    return f"{'.'.join(parts)}@example.com" if parts else USER


def _reply(
    phone: Android, status: HTTPStatus = HTTPStatus.OK, **more: object
) -> ResponseReturnValue:
    return phone_reply(phone.id, android_json(phone, _room().shops()) | more, status)
