"""The card in the browser, and the doors from it into the wallets."""

from flask import Blueprint, Response

from passes.services.cards import card_by_token
from passes.web.parts import parts
from passes.web.rendering import pkpass_response

blueprint = Blueprint("card", __name__)


@blueprint.get("/p/<token>.pkpass")
def package(token: str) -> Response:
    """The card for Apple Wallet."""
    here = parts()
    with here.database.reading() as session:
        card = card_by_token(session, here.looks, token)
    return pkpass_response(here, card)
