"""What a browser shows after a tap on a save link: a page for people, JSON for programs."""

from http import HTTPStatus

from jinja2 import Environment, PackageLoader

from webhooks.simulators.google_http import Reply, Request, json_reply
from webhooks.simulators.google_registry import Resource
from webhooks.simulators.google_save import Saved, SaveDesk, SaveRefused
from webhooks.simulators.google_texts import points_of, title_of

_PAGES = Environment(loader=PackageLoader("webhooks.simulators"), autoescape=True, trim_blocks=True)
_HEADERS = {
    "Content-Type": "text/html; charset=UTF-8",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
}


def result_page(desk: SaveDesk, request: Request, token: str, user: str) -> Reply:
    """Save for this user and say how it went."""
    wants_json = "application/json" in request.headers.get("accept", "")
    try:
        saved = desk.tap(token, user)
    except SaveRefused as error:
        if wants_json:
            return json_reply({"error": str(error)}, HTTPStatus.UNPROCESSABLE_ENTITY)
        return _page(HTTPStatus.OK, user, problem=str(error))  # as Google: the status is no help
    if wants_json:
        return json_reply(saved_json(saved))
    cards = [_card(desk, one, saved) for one in saved.objects]
    return _page(HTTPStatus.OK, user, cards=cards)


def saved_json(saved: Saved) -> dict[str, object]:
    """What a tap did, as plain values."""
    return {"objects": [one.id for one in saved.objects], "already": sorted(saved.already)}


def _card(desk: SaveDesk, resource: Resource, saved: Saved) -> dict[str, object]:
    parent = desk.registry.class_of(resource).document
    return {
        "title": title_of(parent),
        "issuer": parent.get("issuerName", ""),
        "points": points_of(resource.document),
        "colour": parent.get("hexBackgroundColor", "#1a73e8"),
        "already": resource.id in saved.already,
    }


def _page(status: int, user: str, **shown: object) -> Reply:
    html = _PAGES.get_template("google_saved.html").render(user=user, **shown)
    return Reply(status, html.encode(), _HEADERS)
