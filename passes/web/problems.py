"""Errors as RFC 9457 problem+json: the one table from what went wrong to what the caller reads.

A browser on a public page gets a page in its language instead.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus

import structlog
from flask import Flask, Response, g, json, request
from pydantic import BaseModel, ValidationError
from sqlalchemy import exc
from werkzeug.exceptions import HTTPException, InternalServerError, RequestEntityTooLarge

from branding.errors import DecoderBusy, ImageRejected
from certs.errors import SigningUnavailable
from passes.errors import FieldFault, Invalid, Problem, Unauthorized, pointer
from passes.web.pages import page, visitor_locale

MEDIA_TYPE = "application/problem+json"
_MACHINES = ("/v1/", "/apple/", "/google/")  # who calls there reads problem documents

log = structlog.get_logger()

_RETRY_AFTER_S = 600  # phones come back by themselves; a certificate takes its time to renew
_DATABASE_RETRY_S = 2  # it was busy, or starts again
_NOTHING: Mapping[str, object] = {}
_HTTP_CODES = {
    400: "malformed_body",
    404: "not_found",
    405: "method_not_allowed",
    413: "payload_too_large",
    415: "unsupported_media_type",
    429: "quota_exceeded",
}


class FaultDocument(BaseModel):
    """One fault: a JSON pointer into the request, a machine code, a sentence with the cure."""

    pointer: str
    code: str
    detail: str


class ProblemDocument(BaseModel):
    """RFC 9457 problem details; `code` is from the closed list in the documentation."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    errors: list[FaultDocument] = []
    retry_after_s: int | None = None
    can_override: bool | None = None


class MalformedBody(Problem):
    status = HTTPStatus.BAD_REQUEST
    code = "malformed_body"

    def __init__(self) -> None:
        super().__init__("The body is not one well-formed JSON document in UTF-8.")


class UnsupportedMediaType(Problem):
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    code = "unsupported_media_type"

    def __init__(self, wanted: str) -> None:
        super().__init__(f"Send it with Content-Type: {wanted}.")


def install(app: Flask) -> None:
    app.register_error_handler(Problem, _from_problem)
    app.register_error_handler(ImageRejected, _from_image)
    app.register_error_handler(DecoderBusy, _from_busy_decoders)
    app.register_error_handler(SigningUnavailable, _from_signing)
    app.register_error_handler(exc.OperationalError, _from_database)
    app.register_error_handler(exc.TimeoutError, _from_database)
    app.register_error_handler(HTTPException, _from_http)
    app.register_error_handler(Exception, _from_bug)


def faults_of(error: ValidationError) -> list[FieldFault]:
    """pydantic's findings as faults with JSON pointers; the values themselves are not repeated."""
    return [
        FieldFault(pointer(*found["loc"]), _fault_code(found["type"]), _message(found["msg"]))
        for found in error.errors(include_url=False, include_context=False, include_input=False)
    ]


def answer(
    status: HTTPStatus,
    code: str,
    detail: str,
    faults: Sequence[FieldFault] = (),
    more: Mapping[str, object] = _NOTHING,
) -> Response:
    """One problem document, or its page."""
    if _is_read_by_a_person():
        request_id = g.get("request_id", "")
        locale = visitor_locale()
        return page("problem.html", locale, status, code=code, request_id=request_id)
    document: dict[str, object] = {
        **more,
        "type": f"/docs#{code}",
        "title": status.phrase,
        "status": status.value,
        "detail": detail,
        # The route, not the path: a path may hold the secret of a card.
        "instance": str(request.url_rule or ""),
        "code": code,
        "request_id": g.get("request_id", ""),
    }
    if faults:
        document["errors"] = [
            {"pointer": f.pointer, "code": f.code, "detail": f.detail} for f in faults
        ]
    response = Response(json.dumps(document), status, content_type=MEDIA_TYPE)
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = str(more.get("retry_after_s", _RETRY_AFTER_S))
    return response


def _is_read_by_a_person() -> bool:
    """Browsers prefer HTML by name; curl's `*/*` and a picture's request do not."""
    best = request.accept_mimetypes.best_match([MEDIA_TYPE, "text/html"])
    return best == "text/html" and not request.path.startswith(_MACHINES)


def _from_problem(problem: Problem) -> Response:
    faults = problem.faults if isinstance(problem, Invalid) else ()
    response = answer(problem.status, problem.code, problem.detail, faults, problem.more)
    if isinstance(problem, Unauthorized):
        response.headers["WWW-Authenticate"] = 'Bearer realm="passmint"'
    return response


def _from_image(rejected: ImageRejected) -> Response:
    fault = FieldFault("/file", rejected.reason, str(rejected))
    return answer(HTTPStatus.UNPROCESSABLE_ENTITY, rejected.code, str(rejected), [fault])


def _from_busy_decoders(busy: DecoderBusy) -> Response:
    more = {"retry_after_s": busy.retry_after_s}
    return answer(HTTPStatus.SERVICE_UNAVAILABLE, busy.code, str(busy), more=more)


def _from_signing(unavailable: SigningUnavailable) -> Response:
    return answer(HTTPStatus.SERVICE_UNAVAILABLE, unavailable.code, str(unavailable))


def _from_database(error: exc.SQLAlchemyError) -> Response:
    """Locked by another writer for too long, restarting, or out of connections."""
    cause = getattr(error, "orig", None) or error
    log.error("database trouble", error=type(cause).__name__, frames=_frames(error))
    detail = "The database is busy or restarts: repeat the request in a moment."
    more = {"retry_after_s": _DATABASE_RETRY_S}
    return answer(HTTPStatus.SERVICE_UNAVAILABLE, "database_unavailable", detail, more=more)


def _from_http(error: HTTPException) -> Response:
    if error.response is not None:  # a redirect the router asked for
        return Response(error.get_body(), error.code, error.get_headers())
    status = HTTPStatus(error.code or 500)
    detail = error.description or status.phrase
    if isinstance(error, RequestEntityTooLarge):
        detail = "The request is larger than this address accepts."
    response = answer(status, _HTTP_CODES.get(status, _other(status)), detail)
    for name, value in error.get_headers():
        if name in {"Allow", "Retry-After"}:
            response.headers[name] = value
    return response


def _other(status: HTTPStatus) -> str:
    return "internal_error" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "bad_request"


def _from_bug(error: Exception) -> Response:
    # The text of a foreign exception may quote data: the log gets its type and place only.
    log.error("bug", error=type(error).__name__, frames=_frames(error))
    return _from_http(InternalServerError("This is our fault; the log knows more."))


def _frames(error: Exception) -> list[str]:
    frames = []
    trace = error.__traceback__
    while trace:
        code = trace.tb_frame.f_code
        frames.append(f"{code.co_filename.rsplit('/', 3)[-1]}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return frames[-12:]


def _fault_code(kind: str) -> str:
    return {"extra_forbidden": "unknown_field", "missing": "missing"}.get(kind, kind)


def _message(message: str) -> str:
    return message.removeprefix("Value error, ")
