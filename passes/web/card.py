"""The card in the browser, and the doors from it into the wallets."""

from dataclasses import replace
from http import HTTPStatus

from flask import Blueprint, Response, request

from branding.brand import Brand
from certs.errors import SigningUnavailable
from certs.google import GoogleIdentity
from passes.loyalty.face import FaceField, PassFace
from passes.loyalty.wording import choose_locale
from passes.services import google_sync
from passes.services.cards import Card, card_by_token
from passes.services.look_pictures import HERO
from passes.services.serving import mark_served, settle_locale
from passes.web.artwork import pictures_of
from passes.web.devices import device_of
from passes.web.pages import PageBrand, accepted_locale, onward, page, wished_locale
from passes.web.parts import Parts, parts
from passes.web.rendering import google_link, links, pkpass_response

blueprint = Blueprint("card", __name__)

_SOON_S, _SLOW_S = 1, 10  # until the waiting page asks again


@blueprint.get("/p/<token>")
def show(token: str) -> Response:
    """The card as it stands now, with the wallet that fits the visitor's device first."""
    here = parts()
    card = _card(here, token)
    locale = choose_locale(wished_locale(), _locale(card))
    face = replace(card, locale=locale).face()
    pictures = pictures_of(here, card.look)
    response = page(
        "card.html",
        locale,
        card=card,
        face=face,
        brand=PageBrand.of(card.look, pictures),
        hero=pictures.get((HERO, face.stamp_card.filled if face.stamp_card else 0)),
        has_hero=_has_picture(face, card.look.brand),
        fields=_fields(face),
        device=device_of(request.headers.get("User-Agent", "")),
        usable=_usable_wallets(here, card),
        links=links(here, card.page_token),
    )
    response.headers["X-Robots-Tag"] = "noindex"
    return response


@blueprint.get("/p/<token>.pkpass")
def package(token: str) -> Response:
    """The card for Apple Wallet."""
    here = parts()
    card = _card(here, token)
    card = replace(card, locale=_locale(card))
    response = pkpass_response(here, card)
    if request.method == "GET":
        with here.database.writing() as session:
            if not card.is_locale_settled:
                settle_locale(session, card.pass_id, card.locale)
            mark_served(session, card.pass_id, card.version, here.now(), to_a_phone=False)
    return response


@blueprint.get("/p/<token>/google")
def save(token: str) -> Response:
    """On to Google Wallet with the card's save link, once the card's object is there.

    Ids can never be deleted at Google, so the object is made at the first tap. Until it is there,
    a page waits that asks again by itself.
    """
    here = parts()
    card = _card(here, token)
    link = google_link(here, card)
    with here.database.reading() as session:
        there = google_sync.standing(session, card.pass_id)
    if there.is_current:
        return onward(link, HTTPStatus.FOUND)
    if there.sync != google_sync.FAILED and request.method == "GET":
        with here.database.writing() as session:
            google_sync.want_object(session, card.pass_id, here.now())
    return _moment(here, card, there)


def _moment(here: Parts, card: Card, there: google_sync.Standing) -> Response:
    """The page of somebody who waits; the card stays usable whatever Google does."""
    failed = there.sync == google_sync.FAILED
    wait_s = _SLOW_S if there.trouble else _SOON_S
    response = page(
        "moment.html",
        choose_locale(wished_locale(), _locale(card)),
        HTTPStatus.SERVICE_UNAVAILABLE if failed else HTTPStatus.OK,
        brand=PageBrand.of(card.look, pictures_of(here, card.look)),
        card=card,
        failed=failed,
        slow=there.trouble is not None,
        links=links(here, card.page_token),
    )
    if not failed:
        response.headers["Refresh"] = str(wait_s)
    return response


def _locale(card: Card) -> str:
    """The card's language, or the visitor's while the card's is not settled."""
    return card.locale if card.is_locale_settled else (accepted_locale() or card.locale)


def _card(here: Parts, token: str) -> Card:
    with here.database.reading() as session:
        return card_by_token(session, here.looks, token)


def _has_picture(face: PassFace, brand: Brand) -> bool:
    """Without stamps and without an own picture the hero would be a plain rectangle."""
    return bool(face.stamp_card or brand.hero or brand.strip)


def _fields(face: PassFace) -> list[FaceField]:
    """What the front shows besides balance and progress, which the page tells in a sentence."""
    front = (*face.header, *face.primary, *face.secondary, *face.auxiliary)
    told = (face.balance, face.reward)
    return [field for field in front if field not in told and field.value]


def _usable_wallets(here: Parts, card: Card) -> set[str]:
    """`apple` and `google`, as far as this card can be signed for them now."""
    usable = {"google"} if isinstance(here.google, GoogleIdentity) else set()
    try:
        here.keyring.identity(card.look.pass_type_identifier, here.now())
    except SigningUnavailable:
        return usable
    return usable | {"apple"}
