"""Issued passes: read by id, downloaded as Apple's package."""

from datetime import datetime

from flask import Response
from pydantic import BaseModel

from certs.google import GoogleIdentity
from passes.services.cards import Card, card_by_id
from passes.web.api.contract import Call, Reply, Routes
from passes.web.rendering import PKPASS, PassLinks, google_ids, links, pkpass_response

routes = Routes("passes")


class ApplePassView(BaseModel):
    pass_type_identifier: str
    serial_number: str


class GooglePassView(BaseModel):
    """The ids are None while no Google issuer is configured."""

    class_id: str | None
    object_id: str | None


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
    """Read one pass."""
    return Reply(_view(call, _card(call)))


@routes.on("GET", "/passes/<pass_id>.pkpass", scope="passes:read", answer=PKPASS)
def package(call: Call) -> Response:
    """Download the signed Apple Wallet package as it stands now."""
    return pkpass_response(call.parts, _card(call))


def _card(call: Call) -> Card:
    with call.parts.database.reading() as session:
        return card_by_id(session, call.parts.looks, call.merchant_id, call.path["pass_id"])


def _view(call: Call, card: Card) -> PassView:
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
            pass_type_identifier=card.look.pass_type_identifier, serial_number=card.serial_number
        ),
        google=GooglePassView(class_id=class_id, object_id=object_id),
        urls=links(call.parts, card.page_token),
        created_at=card.created_at,
    )
