"""What surrounds every request: its id, its log line, its limits and its security headers."""

import re
import time

import structlog
from flask import Flask, Response, g, request
from werkzeug.middleware.proxy_fix import ProxyFix

from passes.errors import NotFound
from passes.store.ids import new_id
from passes.web import metrics

MAX_BODY_BYTES = 256 << 10  # of JSON and forms; the upload of images raises it for itself

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")
# Pages need no script, load nothing from elsewhere and are never framed.
_CSP = (
    "default-src 'none'; style-src {styles}; img-src 'self' data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}

log = structlog.get_logger()


def install(app: Flask, proxy_hops: int, *, https: bool) -> None:
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    if proxy_hops:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=proxy_hops, x_proto=proxy_hops, x_host=proxy_hops
        )
    app.before_request(_begin)
    app.after_request(_finish)
    if https:
        app.after_request(_insist_on_https)


def _begin() -> None:
    wish = request.headers.get("X-Request-Id", "")
    g.request_id = wish if _REQUEST_ID.match(wish) else new_id("req")
    g.started = time.perf_counter()
    if "\0" in request.path:  # PostgreSQL refuses to look for such a text
        raise NotFound("No address has a NUL character in it.")


def _finish(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Content-Security-Policy", _CSP.format(styles=_styles()))
    response.headers["X-Request-Id"] = g.request_id
    # The route, never the path: the path of a card is its holder's secret.
    route = str(request.url_rule) if request.url_rule else "(none)"
    seconds = time.perf_counter() - g.started
    metrics.observe_request(request.method, route, response.status_code, seconds)
    log.info(
        "request",
        method=request.method,
        route=route,
        status=response.status_code,
        ms=round(seconds * 1000, 1),
        request_id=g.request_id,
        key=g.get("key_id"),
    )
    return response


def _styles() -> str:
    """Our own style sheets, and the page's brand colours by the nonce of this request."""
    nonce = g.get("style_nonce")
    return f"'self' 'nonce-{nonce}'" if nonce else "'self'"


def _insist_on_https(response: Response) -> Response:
    response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    return response
