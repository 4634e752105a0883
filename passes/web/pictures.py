"""Pictures by content: anybody may keep them for ever, because the address is the hash."""

from flask import Blueprint, Response, request

from passes.errors import NotFound
from passes.services.images import picture_bytes
from passes.web.parts import parts

blueprint = Blueprint("pictures", __name__)

_FOR_EVER = "public, max-age=31536000, immutable"


@blueprint.get("/i/<sha256>.png")
def show(sha256: str) -> Response:
    """The PNG with this SHA-256."""
    with parts().database.reading() as session:
        png = picture_bytes(session, sha256)
    if png is None:
        raise NotFound("There is no such picture.")
    response = Response(png, content_type="image/png")
    response.headers["Cache-Control"] = _FOR_EVER
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"  # wallets embed them
    response.set_etag(sha256)
    response.make_conditional(request)
    return response
