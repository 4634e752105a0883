"""Google calls when somebody saves an object or deletes it: POST /google/callback.

Google wants a quick 200 and tries again after anything else. So 200 also answers what has no
effect: a repeat, a late one, an object we do not know. What is not proved to be Google's gets 400,
401 or 403, and 503 only when we have no keys to prove it with.
https://developers.google.com/wallet/generic/use-cases/use-callbacks-for-saves-and-deletions
"""

from http import HTTPStatus

import structlog
from flask import Blueprint, Flask, Response, current_app, request

from passes.errors import FieldFault, NotFound, Unavailable
from passes.services import google_saves
from passes.services.google_saves import Heard
from passes.web.parts import Parts, parts
from passes.web.problems import answer
from webhooks.google_keys import KeysUnavailable, RootKeys
from webhooks.google_signatures import PROTOCOL, Callback, CallbackRefused, verify

blueprint = Blueprint("google_callbacks", __name__, url_prefix="/google")

MAX_BODY_BYTES = 16 << 10
_KEYS = "passmint_google_keys"

_REFUSED = {  # the code of a refusal → status and code of the problem
    "envelope_malformed": (HTTPStatus.BAD_REQUEST, "malformed_body"),
    "protocol_unknown": (HTTPStatus.BAD_REQUEST, "malformed_body"),
    "key_malformed": (HTTPStatus.BAD_REQUEST, "malformed_body"),
    "message_malformed": (HTTPStatus.BAD_REQUEST, "malformed_body"),
    "issuer_foreign": (HTTPStatus.FORBIDDEN, "callback_refused"),
    "message_expired": (HTTPStatus.UNAUTHORIZED, "callback_refused"),
    "key_expired": (HTTPStatus.UNAUTHORIZED, "callback_refused"),
    "key_unsigned": (HTTPStatus.UNAUTHORIZED, "callback_refused"),
    "message_unsigned": (HTTPStatus.UNAUTHORIZED, "callback_refused"),
}

log = structlog.get_logger()


@blueprint.before_request
def _limit_body() -> None:
    request.max_content_length = MAX_BODY_BYTES


@blueprint.post("/callback")
def callback() -> Response:
    """Somebody saved one of our objects to their wallet, or deleted it there."""
    here = parts()
    issuer_id = here.settings.google_issuer_id
    if issuer_id is None:
        raise NotFound("No Google issuer is configured here: set PASSMINT_GOOGLE_ISSUER_ID.")
    keys: RootKeys = current_app.extensions[_KEYS]
    try:
        told = verify(request.get_data(), issuer_id, keys.current, here.now())
    except CallbackRefused as refused:
        return _refusal(refused)
    except KeysUnavailable as error:
        raise Unavailable(str(error), code="google_unavailable") from error
    heard = _heard(here, told, issuer_id)
    tell = log.warning if heard is Heard.UNKNOWN else log.info
    tell("google callback", told=told.event, object_id=told.object_id, heard=heard.name.lower())
    return Response("{}", content_type="application/json")


def install(app: Flask, keys: RootKeys) -> None:
    """Lets Google tell an application what became of its objects."""
    app.extensions[_KEYS] = keys
    app.register_blueprint(blueprint)


def _heard(here: Parts, told: Callback, issuer_id: str) -> Heard:
    with here.database.writing() as session:
        return google_saves.hear(
            session,
            program_id=told.class_id.removeprefix(f"{issuer_id}."),
            pass_id=told.object_id.removeprefix(f"{issuer_id}."),
            nonce=told.nonce,
            expires_at=told.expires_at,
            now=here.now(),
            saved=told.event == "save",
        )


def _refusal(refused: CallbackRefused) -> Response:
    log.warning("google callback refused", why=refused.code)
    status, code = _REFUSED[refused.code]
    detail = str(refused)
    response = answer(status, code, detail, [FieldFault("", refused.code, detail)])
    if status is HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = PROTOCOL  # RFC 9110: a 401 names the scheme
    return response
