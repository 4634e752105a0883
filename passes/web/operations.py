"""For whoever runs the service: alive, ready, figures, and what robots may read."""

import hmac
from collections.abc import Sequence
from http import HTTPStatus

from flask import Blueprint, Response, json, request
from sqlalchemy.exc import SQLAlchemyError

from certs.report import CertificateRow, report
from passes.errors import NotFound, Unauthorized
from passes.services.alarms import outbox_alarms
from passes.store import backlog, pauses
from passes.store.schema import StaleSchema, require_current
from passes.web import metrics
from passes.web.parts import Parts, parts

blueprint = Blueprint("operations", __name__)


@blueprint.get("/healthz")
def alive() -> Response:
    """The process answers; nothing else is looked at."""
    return _document({"status": "alive"}, HTTPStatus.OK)


@blueprint.get("/readyz")
def ready() -> Response:
    """Whether this process should get traffic, and what an operator ought to know.

    Not ready without database, current schema, or any usable signing identity. One unusable
    certificate among others is a warning: the rest serves.
    """
    here = parts()
    rows = report(here.keyring, here.authority, here.google, here.now())
    checks = {"database": _database(here), "signing": _signing(rows)}
    ok = all(state == "ok" for state in checks.values())
    document = {
        "status": "ready" if ok else "not ready",
        "checks": checks,
        "warnings": [*_warnings(here, rows), *_alarms(here)],
    }
    return _document(document, HTTPStatus.OK if ok else HTTPStatus.SERVICE_UNAVAILABLE)


@blueprint.get("/metrics")
def figures() -> Response:
    """Figures in Prometheus' text format, for the bearer of the metrics token."""
    here = parts()
    expected = here.settings.metrics_token
    if expected is None:
        raise NotFound("Set PASSMINT_METRICS_TOKEN to have figures here.")
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not hmac.compare_digest(given.encode(), expected.get_secret_value().encode()):
        raise Unauthorized("Send `Authorization: Bearer` with the metrics token.")
    identities = here.keyring.identities.values()
    text = metrics.exposition(identities, here.artwork, _backlog(here), here.now())
    return Response(text, content_type="text/plain; version=0.0.4; charset=utf-8")


@blueprint.get("/robots.txt")
def robots() -> Response:
    """Search engines stay out of cards; pictures may be fetched by whoever embeds them."""
    text = "User-agent: *\nDisallow: /p/\nDisallow: /v1/\n"
    return Response(text, content_type="text/plain")


def _database(here: Parts) -> str:
    try:
        require_current(here.database)
    except StaleSchema as error:
        return str(error)
    except SQLAlchemyError:
        return "The database does not answer: check that it runs and can be reached."
    return "ok"


def _signing(rows: Sequence[CertificateRow]) -> str:
    if any(row.kind in {"apple", "google"} and row.state != "unusable" for row in rows):
        return "ok"
    return "No usable certificate: run `passmint certs check` and follow its cure."


def _warnings(here: Parts, rows: Sequence[CertificateRow]) -> list[str]:
    warnings = [row.message for row in rows if row.message]
    if here.authority.development:
        warnings.append("DEVELOPMENT AUTHORITY: real phones refuse every pass signed here.")
    return warnings


def _alarms(here: Parts) -> list[str]:
    """Of the outbox; a database that does not answer has been told already."""
    try:
        with here.database.reading() as session:
            return list(outbox_alarms(session, here.now()))
    except SQLAlchemyError:
        return []


def _backlog(here: Parts) -> metrics.Backlog | None:
    try:
        with here.database.reading() as session:
            standing = pauses.standing(session, here.now())
            paused = [(pause.courier, pause.queue) for pause in standing]
            return metrics.Backlog(backlog.depths(session), paused)
    except SQLAlchemyError:
        return None


def _document(document: object, status: HTTPStatus) -> Response:
    response = Response(json.dumps(document), status, content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response
