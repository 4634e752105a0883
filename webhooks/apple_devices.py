"""Apple's web service for passes: phones register, ask what is new, fetch, unregister, complain.

The whole protocol in one file, handlers in Apple's order, under `webServiceURL` = …/apple.
https://developer.apple.com/documentation/walletpasses/adding-a-web-service-to-update-passes
Where Apple leaves a choice: an unknown serial number is answered like a wrong token (401), an
unknown pass type 404; phones take only 200 and 201 for a registration's success, 200 and 204 for
the list's.
"""

import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

import structlog
from flask import Blueprint, Flask, Response, request
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from werkzeug.datastructures import Headers

from passes.errors import Unavailable
from passes.services import phone_logs, phones
from passes.services.cards import card_by_serial
from passes.services.phones import Registered
from passes.services.serving import mark_served
from passes.wallets.apple import PassInvalid
from passes.web.parts import Parts, parts
from passes.web.rendering import PKPASS, pkpass
from passes.web.throttle import throttle

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

log_trouble = structlog.get_logger()

blueprint = Blueprint("apple_devices", __name__, url_prefix="/apple/v1")

log_blueprint = Blueprint("apple_log", __name__, url_prefix="/apple/v1")

MAX_BODY_BYTES = 8 << 10
_MAX_NAME = 255  # of a device or a push token
_LOGS_PER_ADDRESS = "60 per minute"

_REGISTRATION = "/devices/<device>/registrations/<pass_type>/<serial_number>"


@blueprint.before_request
@log_blueprint.before_request
def _limit_body() -> None:
    request.max_content_length = MAX_BODY_BYTES
    request.get_data()  # now: a body that trickles in must not hold a transaction open


@blueprint.post(_REGISTRATION)
def register(device: str, pass_type: str, serial_number: str) -> Response:
    """A phone wants to hear of a pass: 201 the first time, 200 with a new token or again."""
    here = parts()
    found = _found(here, pass_type, serial_number)
    if found is None:
        return _refusal(here, pass_type)
    push_token = _push_token()
    if push_token is None or len(device) > _MAX_NAME:
        return _empty(HTTPStatus.BAD_REQUEST)
    with here.database.writing() as session:
        added = phones.register(session, found, device, pass_type, push_token, here.now())
    return _empty(HTTPStatus.CREATED if added else HTTPStatus.OK)


@blueprint.get("/devices/<device>/registrations/<pass_type>")
def list_updated(device: str, pass_type: str) -> Response:
    """What is new for a phone since its tag. Apple asks for no authentication here."""
    here = parts()
    tag = request.args.get("passesUpdatedSince")
    with here.database.asking() as connection:
        news = phones.news(connection, device, pass_type, tag)
    if news is None:
        return _empty(HTTPStatus.NO_CONTENT)
    _note(here, lambda session: phones.mark_listed(session, device, pass_type, here.now()))
    document = {"serialNumbers": news.serial_numbers, "lastUpdated": news.tag}
    response = Response(json.dumps(document), content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get("/passes/<pass_type>/<serial_number>")
def latest(pass_type: str, serial_number: str) -> Response:
    """The pass as it is now; 304 only for exactly the second the phone has."""
    here = parts()
    found = _found(here, pass_type, serial_number)
    if found is None:
        return _refusal(here, pass_type)
    if _phone_has(found):
        return _dated(_NotModified(status=HTTPStatus.NOT_MODIFIED), found, here.now())
    with here.database.reading() as session:
        card = card_by_serial(session, here.looks, pass_type, serial_number)
    try:
        package = pkpass(here, card)
    except PassInvalid as error:  # a phone gives up at 4xx, and comes again after a 503
        log_trouble.error("pass cannot be rendered", pass_id=card.pass_id)  # noqa: TRY400  # names
        raise Unavailable("This pass cannot be rendered now.", code="template_invalid") from error
    response = _dated(Response(package, content_type=PKPASS), found, here.now())
    response.headers["Cache-Control"] = "private, no-cache"
    if request.method == "GET":
        _note(
            here,
            lambda session: mark_served(
                session, found.id, found.version, here.now(), to_a_phone=True
            ),
        )
    return response


@blueprint.delete(_REGISTRATION)
def unregister(device: str, pass_type: str, serial_number: str) -> Response:
    """The phone removed the pass, or updates were switched off; 200 also when it never came."""
    here = parts()
    found = _found(here, pass_type, serial_number)
    if found is None:
        return _refusal(here, pass_type)
    with here.database.writing() as session:
        phones.unregister(session, found, device, pass_type, here.now())
    return _empty(HTTPStatus.OK)


@log_blueprint.post("/log")
def log() -> Response:
    """What phones complain of. An empty body is no fault: a phone would only try again."""
    here = parts()
    lines = _log_lines()
    if lines is None:
        return _empty(HTTPStatus.BAD_REQUEST)
    with here.database.writing() as session:
        phone_logs.keep_logs(session, lines, here.now())
    return _empty(HTTPStatus.OK)


def install(app: Flask) -> None:
    """Lets an application speak with phones. The one open door that writes is throttled."""
    throttle(app, log_blueprint, _LOGS_PER_ADDRESS, ["POST"])
    app.register_blueprint(blueprint)
    app.register_blueprint(log_blueprint)


class _NotModified(Response):
    """A 304 that keeps its Last-Modified, which werkzeug would take off; phones remember it."""

    def get_wsgi_headers(self, environ: "WSGIEnvironment") -> Headers:
        headers = super().get_wsgi_headers(environ)
        headers["Last-Modified"] = self.headers["Last-Modified"]
        return headers


def _found(here: Parts, pass_type: str, serial_number: str) -> Registered | None:
    """The pass that the request names and proves to have."""
    with here.database.asking() as connection:
        return _authorized(phones.find_pass(connection, pass_type, serial_number))


def _note(here: Parts, write: Callable[[Session], None]) -> None:
    """A step of the trail: an answer that is ready does not fail with a database that is busy."""
    try:
        with here.database.writing() as session:
            write(session)
    except SQLAlchemyError:
        log_trouble.warning("trail not written")


def _authorized(found: Registered | None) -> Registered | None:
    """The pass, when the request proves to come from a phone that has it."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    known = found.token if found else ""
    same = hmac.compare_digest(token.strip().encode(), known.encode())
    return found if found and same and scheme.lower() == "applepass" else None


def _refusal(here: Parts, pass_type: str) -> Response:
    """404 for a pass type we never had, else 401: which serial numbers exist is not told."""
    with here.database.reading() as session:
        known = phones.is_our_pass_type(session, pass_type)
    if pass_type in here.keyring.identities or known:
        return _empty(HTTPStatus.UNAUTHORIZED)
    return _empty(HTTPStatus.NOT_FOUND)


def _phone_has(found: Registered) -> bool:
    """Whether If-Modified-Since names exactly the second of the last change.

    An older one is out of date; a later one comes from a restored backup and is healed by a 200.
    """
    text = request.headers.get("If-Modified-Since")
    if text is None:
        return False
    try:
        return int(parsedate_to_datetime(text).timestamp()) == found.modified_s
    except (ValueError, OverflowError):
        return False


def _dated(response: Response, found: Registered, now: datetime) -> Response:
    """With Last-Modified, never in the future (RFC 9110, 8.8.2.1)."""
    moment = datetime.fromtimestamp(min(found.modified_s, int(now.timestamp())), UTC)
    response.headers["Last-Modified"] = format_datetime(moment, usegmt=True)
    return response


def _push_token() -> str | None:
    """The token in the body; None for anything else. Other wallets' extra keys are ignored."""
    try:
        document = json.loads(request.get_data())
    except (ValueError, RecursionError):
        return None
    token = document.get("pushToken") if isinstance(document, dict) else None
    if not isinstance(token, str) or not 0 < len(token) <= _MAX_NAME:
        return None
    return token if token.isascii() and token.isalnum() else None


def _log_lines() -> list[str] | None:
    data = request.get_data()
    if not data:
        return []
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return None
    lines = document.get("logs", []) if isinstance(document, dict) else None
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        return None
    return lines


def _empty(status: HTTPStatus) -> Response:
    if status in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}:
        return Response(status=status)
    return Response("{}", status, content_type="application/json")
