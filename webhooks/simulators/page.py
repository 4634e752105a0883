"""The page that shows the phones live, and the same as JSON for tests and curl.

    GET  /                          the page
    GET  /live                      an event whenever something changed
    GET  /phones                    all phones
    GET  /phones/{id}               one phone
    GET  /phones/{id}/card.png      ?serial=
    GET  /phones/{id}/icon.png      ?serial=
    POST /phones                    {name}
    POST /phones/{id}/add           {url}
    POST /phones/{id}/refresh
    POST /phones/{id}/remove        {serial}
    POST /phones/{id}/stamp         {serial}
    POST /phones/{id}/walk          {place}, {shop}, {latitude, longitude} or {away: true}
    POST /phones/{id}/switch        {name: automatic, rationing or offline; on: true or false}

`serial` may be left out: the newest card. `place` is the number of one that the phone watches,
`shop` the id or the name of any that the till knows of. A browser's forms lead back to the page,
all else is answered in JSON. The Androids beside them are in google_page.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from threading import Event
from typing import cast

from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    current_app,
    jsonify,
    render_template,
    request,
)
from flask.typing import ResponseReturnValue

from webhooks.simulators import google_page as androids
from webhooks.simulators.fleet import Fleet
from webhooks.simulators.google_server import Google
from webhooks.simulators.iphone import IPhone
from webhooks.simulators.locator import locator
from webhooks.simulators.page_forms import (
    destination,
    given,
    phone_reply,
    png_reply,
    stamped,
    switched_on,
)
from webhooks.simulators.picture import card_picture
from webhooks.simulators.shops import Shop
from webhooks.simulators.till import Till
from webhooks.simulators.views import phone_json
from webhooks.simulators.wallet import Card

_LOOK_S = 0.2
_HEARTBEAT = 50  # looks
_MAX_BODY = 64 << 10
_DESK = "passmint-desk"
_POLICY = (
    "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


phones = Blueprint("phones", __name__)


@dataclass(frozen=True, slots=True)
class Desk:
    """What the page shows and does; `ended` ends live lines.

    Without a till nothing is stamped, without a local Google there are no Androids.
    """

    fleet: Fleet
    till: Till | None
    ended: Event
    google: Google | None = None

    def shops(self) -> Sequence[Shop]:
        """All shops the till knows of."""
        return self.till.shops.all() if self.till else ()

    def version(self) -> int:
        """Grows whenever something happened on a phone."""
        elsewhere = self.google.androids.version() if self.google else 0
        return self.fleet.version() + elsewhere


def create_page(desk: Desk) -> Flask:
    """The page of a fleet, as an application of its own."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = _MAX_BODY
    app.config["TRUSTED_HOSTS"] = ["127.0.0.1", "localhost"]
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    app.extensions[_DESK] = desk
    app.register_blueprint(phones)
    if desk.google:
        androids.install(app, desk.google, desk.till)
    return app


@phones.before_app_request
def only_from_this_page() -> None:
    """Other sites open in the same browser must not press our buttons."""
    origin = request.headers.get("Origin")
    if request.method == "POST" and origin not in {None, request.host_url.rstrip("/")}:
        abort(HTTPStatus.FORBIDDEN)


@phones.after_app_request
def protect(response: Response) -> Response:
    """Nothing foreign on the page, nothing of it elsewhere."""
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["Referrer-Policy"] = "same-origin"  # with none, our own forms lose Origin
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers.setdefault("Cache-Control", "no-store")
    return response


@phones.get("/")
def show() -> str:
    desk = _desk()
    shops = desk.shops()
    shown = [
        phone_json(phone, shops)
        | {"locator": locator(phone.wallet.watched(), phone.wallet.position)}
        for phone in desk.fleet.all()
    ]
    return render_template(
        "phones.html",
        phones=shown,
        androids=androids.shown(desk.google, shops) if desk.google else None,
        shops=shops,
        can_stamp=desk.till is not None,
    )


@phones.get("/live")
def live() -> Response:
    return Response(_versions(_desk()), mimetype="text/event-stream")


@phones.get("/phones")
def index() -> Response:
    desk = _desk()
    return jsonify({"phones": [phone_json(phone, desk.shops()) for phone in desk.fleet.all()]})


@phones.post("/phones")
def buy() -> ResponseReturnValue:
    return _reply(_desk().fleet.buy(given("name") or "iPhone"), HTTPStatus.CREATED)


@phones.get("/phones/<phone_id>")
def one(phone_id: str) -> Response:
    return jsonify(phone_json(_phone(phone_id), _desk().shops()))


@phones.post("/phones/<phone_id>/add")
def add(phone_id: str) -> ResponseReturnValue:
    phone = _phone(phone_id)
    findings = phone.add_link(given("url"))
    refused = any(finding.fatal for finding in findings)
    status = HTTPStatus.UNPROCESSABLE_ENTITY if refused else HTTPStatus.OK
    return _reply(phone, status, findings=[str(finding) for finding in findings])


@phones.post("/phones/<phone_id>/refresh")
def refresh(phone_id: str) -> ResponseReturnValue:
    phone = _phone(phone_id)
    phone.refresh()
    return _reply(phone)


@phones.post("/phones/<phone_id>/remove")
def remove(phone_id: str) -> ResponseReturnValue:
    phone = _phone(phone_id)
    phone.remove(_card(phone, given("serial")).key)
    return _reply(phone)


@phones.post("/phones/<phone_id>/walk")
def walk(phone_id: str) -> ResponseReturnValue:
    phone = _phone(phone_id)
    phone.walk(destination(phone.wallet.watched(), _desk().shops()))
    return _reply(phone)


@phones.post("/phones/<phone_id>/switch")
def switch(phone_id: str) -> ResponseReturnValue:
    phone = _phone(phone_id)
    switches = {
        "automatic": phone.set_automatic,
        "rationing": phone.set_rationing,
        "offline": phone.set_offline,
    }
    turn = switches.get(given("name"))
    if turn is None:
        abort(HTTPStatus.UNPROCESSABLE_ENTITY, "There are automatic, rationing and offline.")
    turn(switched_on())
    return _reply(phone)


@phones.post("/phones/<phone_id>/stamp")
def stamp(phone_id: str) -> ResponseReturnValue:
    phone, till = _phone(phone_id), _desk().till
    if till is None:
        abort(HTTPStatus.NOT_FOUND, "There is no till: start with --api-key-file.")
    code = _card(phone, given("serial")).package.code
    said, status = stamped(till, code, phone.wallet.position)
    phone.wallet.say("till", said)
    return _reply(phone, status, said=said)


@phones.get("/phones/<phone_id>/card.png")
def card_png(phone_id: str) -> Response:
    card = _card(_phone(phone_id), request.args.get("serial", ""))
    return png_reply(card_picture(card.package))


@phones.get("/phones/<phone_id>/icon.png")
def icon_png(phone_id: str) -> Response:
    card = _card(_phone(phone_id), request.args.get("serial", ""))
    return png_reply(card.package.picture("icon") or b"")


def _versions(desk: Desk) -> Iterator[str]:
    """A server-sent event for each change, and a comment now and then to keep the line open."""
    known, looks = -1, 0
    while not desk.ended.is_set():
        version = desk.version()
        if version != known:
            known, looks = version, 0
            yield f"data: {version}\n\n"
        elif looks >= _HEARTBEAT:
            looks = 0
            yield ": still here\n\n"
        looks += 1
        desk.ended.wait(_LOOK_S)


def _desk() -> Desk:
    return cast("Desk", current_app.extensions[_DESK])


def _phone(phone_id: str) -> IPhone:
    phone = _desk().fleet.phone(phone_id)
    if phone is None:
        abort(HTTPStatus.NOT_FOUND, "There is no such phone.")
    return phone


def _card(phone: IPhone, serial: str) -> Card:
    """The card with this serial number, or the newest one."""
    cards = list(phone.wallet.cards.values())
    wanted = [card for card in cards if serial in {"", card.package.serial_number}]
    if not wanted:
        abort(HTTPStatus.NOT_FOUND, "There is no such card on this phone.")
    return wanted[-1]


def _reply(
    phone: IPhone, status: HTTPStatus = HTTPStatus.OK, **more: object
) -> ResponseReturnValue:
    """The phone or the page again; its errands are begun at once."""
    desk = _desk()
    desk.fleet.wake()
    return phone_reply(phone.id, phone_json(phone, desk.shops()) | more, status)
