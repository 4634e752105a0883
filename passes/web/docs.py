"""The API's documentation: the OpenAPI document, and a page made of it without any script."""

from functools import cache
from typing import Any

from flask import Blueprint, Response, json, render_template

from passes.errors import CODES
from passes.web.api import ENDPOINTS
from passes.web.api.openapi import document
from passes.web.parts import parts

blueprint = Blueprint("docs", __name__)


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """The OpenAPI 3.1 document of this service."""
    return Response(
        json.dumps(_document(parts().settings.public_url)), content_type="application/json"
    )


@blueprint.get("/docs")
def page() -> str:
    """The same for human readers."""
    described = _document(parts().settings.public_url)
    return render_template("docs.html", openapi=described, codes=CODES)


@cache
def _document(public_url: str) -> dict[str, Any]:
    return document(ENDPOINTS, public_url)
