"""Issued passes: read by id, downloaded as Apple's package."""

from datetime import datetime

from flask import Response
from pydantic import BaseModel
from sqlalchemy.orm import Session

from certs.google import GoogleIdentity
from passes.services.cards import Card, card_by_id
from passes.services.google_sync import standing
from passes.services.issued import find_pass_row, push_again, void_pass
from passes.services.trail import trail_of
from passes.store.tables import Pass
from passes.web.api.contract import Call, Reply, Routes
from passes.web.rendering import PKPASS, PassLinks, google_ids, links, pkpass_response

routes = Routes("passes")


class StepView(BaseModel):
    """A step of the trail; `at` is None when it has not happened."""

    step: str
    at: datetime | None


class ApplePassView(BaseModel):
    """`version` numbers the last change; phones have `served_version`."""

    pass_type_identifier: str
    serial_number: str
    devices: int
    version: int
    served_version: int | None
    last_fetched_at: datetime | None
    trail: list[StepView]
    complaint: str | None
    diagnosis: str


class GooglePassView(BaseModel):
    """The ids are None while no Google issuer is configured.

    `sync` is none (nobody asked for the card there), pending, synced or failed (see `error`);
    `saved` tells whether somebody holds it.
    """

    class_id: str | None
    object_id: str | None
    sync: str
    error: str | None
    saved: bool


class PassView(BaseModel):
    id: str
    member_id: str
    status: str
    locale: str
    apple: ApplePassView
    google: GooglePassView
    urls: PassLinks
    created_at: datetime


@routes.on("GET", "/passes/<pass_id>", scope="passes:read", answer=PassView)
def show(call: Call) -> Reply:
    """Read one pass, with its way to the phones and what most likely ails it."""
    return _shown(call)


@routes.on("POST", "/passes/<pass_id>/push", scope="members:write", answer=PassView)
def push(call: Call) -> Reply:
    """Ask the pass's phones to fetch it, even though nothing changed."""
    with call.parts.database.writing() as session:
        push_again(session, _row(call, session), call.now)
    return _shown(call)


@routes.on("POST", "/passes/<pass_id>/void", scope="members:write", answer=PassView)
def void(call: Call) -> Reply:
    """Void the pass for good: phones show it as void, tills refuse it."""
    with call.parts.database.writing() as session:
        void_pass(session, _row(call, session), call.now)
    return _shown(call)


@routes.on("GET", "/passes/<pass_id>.pkpass", scope="passes:read", answer=PKPASS)
def package(call: Call) -> Response:
    """Download the signed Apple Wallet package as it stands now."""
    return pkpass_response(call.parts, _card(call))


def _card(call: Call) -> Card:
    with call.parts.database.reading() as session:
        return card_by_id(session, call.parts.looks, call.merchant_id, call.path["pass_id"])


def _shown(call: Call) -> Reply:
    with call.parts.database.reading() as session:
        return Reply(_view(call, session))


def _row(call: Call, session: Session) -> Pass:
    return find_pass_row(session, call.merchant_id, call.path["pass_id"])


def _view(call: Call, session: Session) -> PassView:
    card = card_by_id(session, call.parts.looks, call.merchant_id, call.path["pass_id"])
    trail = trail_of(session, _row(call, session), call.now)
    at_google = standing(session, card.pass_id)
    identity = call.parts.google
    class_id, object_id = (
        google_ids(identity, card) if isinstance(identity, GoogleIdentity) else (None, None)
    )
    return PassView(
        id=card.pass_id,
        member_id=card.member_id,
        status="voided" if card.member.voided else "issued",
        locale=card.locale,
        apple=ApplePassView(
            pass_type_identifier=card.look.pass_type_identifier,
            serial_number=card.serial_number,
            devices=trail.devices,
            version=trail.version,
            served_version=trail.served_version,
            last_fetched_at=trail.last_fetched_at,
            trail=[StepView.model_validate(step, from_attributes=True) for step in trail.steps],
            complaint=trail.complaint,
            diagnosis=trail.diagnosis,
        ),
        google=GooglePassView(
            class_id=class_id,
            object_id=object_id,
            sync=at_google.sync,
            error=at_google.error or at_google.trouble,
            saved=at_google.saved,
        ),
        urls=links(call.parts, card.page_token),
        created_at=card.created_at,
    )
