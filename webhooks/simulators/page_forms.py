"""What the page's actions have in common: values of forms and JSON in, pictures and replies out."""

from collections.abc import Sequence
from http import HTTPStatus

from flask import Response, abort, jsonify, redirect, request
from flask.typing import ResponseReturnValue

from webhooks.simulators.service_api import ServiceError
from webhooks.simulators.shops import Shop
from webhooks.simulators.till import Till
from webhooks.simulators.whereabouts import Position, Watched, position_of


def given(key: str) -> str:
    """A value of the form or the JSON body, as text; empty when it is not there."""
    if not request.is_json:
        return request.form.get(key, "").strip()
    document = request.get_json()
    value = document.get(key, "") if isinstance(document, dict) else ""
    return str(value).strip()


def switched_on() -> bool:
    """The position `on` of a switch."""
    return given("on").lower() == "true"


def destination(places: Sequence[Watched], shops: Sequence[Shop]) -> Position | None:
    """Where to walk; None for away.

    `place` is the number of a watched place, `shop` the id or the name of a shop; else latitude
    and longitude are given.
    """
    if given("away").lower() == "true":
        return None
    if number := given("place"):
        found = {str(place): one.position for place, one in enumerate(places, 1)}.get(number)
    elif wanted := given("shop"):
        found = next((one.position for one in shops if wanted in {one.id, one.name}), None)
    else:
        found = position_of(_number("latitude"), _number("longitude"))
    if found is None:
        words = "There is no such place: name one by place, by shop, or by latitude and longitude."
        abort(HTTPStatus.UNPROCESSABLE_ENTITY, words)
    return found


def stamped(till: Till, code: str, position: Position | None) -> tuple[str, HTTPStatus]:
    """What the till says when the card with this code is stamped there."""
    try:
        return till.stamp(code, position), HTTPStatus.OK
    except ServiceError as error:
        return str(error), HTTPStatus.BAD_GATEWAY


def _number(key: str) -> float | None:
    try:
        return float(given(key))
    except ValueError:
        return None


def png_reply(picture: bytes) -> Response:
    """For ever under an address that names the edition (?v=), else for this moment."""
    response = Response(picture, mimetype="image/png")
    if "v" in request.args:
        response.headers["Cache-Control"] = "private, max-age=86400, immutable"
    return response


def phone_reply(
    phone_id: str, document: dict[str, object], status: HTTPStatus = HTTPStatus.OK
) -> ResponseReturnValue:
    """The phone as JSON, or the page again after a form."""
    if request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html":
        return redirect(f"/#{phone_id}", HTTPStatus.SEE_OTHER)
    return jsonify(document), status
