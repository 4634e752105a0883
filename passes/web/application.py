"""The Flask application, put together from its parts."""

from flask import Blueprint, Flask

from passes.web import card, docs, envelope, join, operations, pages, pictures, problems, throttle
from passes.web.api import ENDPOINTS
from passes.web.api.contract import mount
from passes.web.parts import Parts, attach


def create_app(parts: Parts) -> Flask:
    """An application that serves the API and the public pages."""
    app = Flask("passes.web")
    app.json.sort_keys = False  # type: ignore[attr-defined]  # documents keep their order
    pages.install(app)
    attach(app, parts)
    problems.install(app)
    https = parts.settings.public_url.startswith("https:")
    envelope.install(app, parts.settings.proxy_hops, https=https)
    api = Blueprint("api", __name__, url_prefix="/v1")
    for endpoint in ENDPOINTS:
        mount(api, endpoint)
    app.register_blueprint(api)
    for room in (join, card, pictures, docs, operations):
        app.register_blueprint(room.blueprint)
    throttle.install(app)
    throttle.throttle(app, join.blueprint, join.JOINS_PER_ADDRESS, ["POST"])
    return app
