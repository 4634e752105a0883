"""From a card to what a wallet takes: after the session is closed, before the reply."""

import time

from flask import Response
from pydantic import BaseModel

from branding.artwork import logo_says_name
from certs.errors import CertificateError
from certs.google import GoogleIdentity
from passes.errors import Unavailable
from passes.services.cards import Card
from passes.wallets import apple, google
from passes.web import metrics
from passes.web.parts import Parts

PKPASS = apple.MEDIA_TYPE


class PassLinks(BaseModel):
    """The addresses of one card; each is a secret of its holder."""

    landing: str
    apple: str
    google: str


def links(here: Parts, page_token: str) -> PassLinks:
    landing = f"{here.settings.public_url}/p/{page_token}"
    return PassLinks(landing=landing, apple=f"{landing}.pkpass", google=f"{landing}/google")


def pkpass(here: Parts, card: Card) -> bytes:
    """The signed package of a card; SigningUnavailable when its pass type cannot be signed."""
    identity = here.keyring.identity(card.look.pass_type_identifier, here.now())
    face = card.face()
    pieces = here.apple_artwork(card.look.brand, face.stamp_card)
    facts = apple.PassFacts(
        serial_number=card.serial_number,
        authentication_token=card.authentication_token,
        web_service_url=f"{here.settings.public_url}/apple",
        card_url=links(here, card.page_token).landing,
        logo_says_name=logo_says_name(card.look.brand),
        overrides=card.look.apple_overrides,
    )
    started = time.perf_counter()
    package = apple.build(face, facts, identity, pieces)
    metrics.observe_build(time.perf_counter() - started)
    return package


def pkpass_response(here: Parts, card: Card) -> Response:
    """The package as Safari wants it: its own media type, never kept by a cache."""
    response = Response(pkpass(here, card), content_type=PKPASS)
    response.headers["Content-Disposition"] = f'inline; filename="{card.look.slug}.pkpass"'
    response.headers["Cache-Control"] = "private, no-store"
    return response


def google_link(here: Parts, card: Card) -> str:
    """The short save link of a card; Unavailable while there is no usable Google identity."""
    identity = google_identity(here)
    class_id, object_id = google_ids(identity, card)
    save_url = here.settings.google_save_url
    try:
        return google.save_link(
            identity, class_id, object_id, now=card.created_at, save_url=save_url
        )
    except google.GoogleWalletError as error:
        raise Unavailable(str(error), code="google_unavailable") from error


def google_identity(here: Parts) -> GoogleIdentity:
    match here.google:
        case GoogleIdentity():
            return here.google
        case CertificateError():
            raise Unavailable(str(here.google), code="google_unavailable")
        case None:
            detail = "No Google service account is configured here."
            raise Unavailable(detail, code="google_unavailable")


def google_ids(identity: GoogleIdentity, card: Card) -> tuple[str, str]:
    """The ids of the program's class and of the card's object at Google."""
    return (
        google.resource_id(identity.issuer_id, card.look.version.program_id),
        google.resource_id(identity.issuer_id, card.pass_id),
    )
