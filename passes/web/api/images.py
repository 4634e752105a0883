"""Uploading pictures: untrusted bytes in, a clean picture with its colours out."""

from datetime import datetime
from http import HTTPStatus

from flask import request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from branding.intake import MAX_BYTES, accept
from branding.palette import dominant_colours
from passes.errors import FieldFault, Invalid
from passes.services.drafts import ImagePurpose
from passes.services.images import add_image
from passes.store.tables import Image
from passes.web.api.contract import Call, Reply, Routes
from passes.web.problems import UnsupportedMediaType, faults_of

routes = Routes("images")

_FORM_OVERHEAD = 64 << 10


class VariantView(BaseModel):
    url: str
    width: int
    height: int


class ImageView(BaseModel):
    id: str
    purpose: str
    sha256: str
    width: int
    height: int
    source_format: str
    dominant_colors: list[str]
    variants: list[VariantView]
    warnings: list[str]
    created_at: datetime


class ImageForm(BaseModel):
    """A multipart form with one file."""

    model_config = ConfigDict(extra="forbid")

    file: bytes = Field(description="PNG, JPEG, WebP, GIF or SVG; at most 5 MB and 25 megapixels.")
    purpose: ImagePurpose


class _Purpose(BaseModel):
    model_config = ConfigDict(extra="forbid")

    purpose: ImagePurpose


@routes.on(
    "POST",
    "/images",
    scope="programs:write",
    upload=ImageForm,
    answer=ImageView,
    status=HTTPStatus.CREATED,
)
def create(call: Call) -> Reply:
    """Upload a picture. It is decoded, cleaned and stored as PNG; colours are proposed from it."""
    purpose, data = _form()
    merchant_id = call.merchant_id
    picture = accept(data)
    colours = [colour.hex for colour in dominant_colours(picture)]
    with call.parts.database.writing() as session:
        image = add_image(session, merchant_id, purpose, picture, colours, call.now)
    return Reply(_view(call, image), HTTPStatus.CREATED)


def _form() -> tuple[ImagePurpose, bytes]:
    request.max_content_length = MAX_BYTES + _FORM_OVERHEAD
    if request.mimetype != "multipart/form-data":
        raise UnsupportedMediaType("multipart/form-data")
    files = request.files.to_dict()
    upload = files.pop("file", None)
    try:
        purpose = _Purpose.model_validate(request.form.to_dict() | files).purpose
        faults = []
    except ValidationError as error:
        faults = faults_of(error)
    if upload is None:
        faults.append(FieldFault("/file", "missing", "add the file to the form"))
    if faults or upload is None:
        raise Invalid(faults)
    return purpose, upload.read()


def _view(call: Call, image: Image) -> ImageView:
    url = f"{call.parts.settings.public_url}/i/{image.sha256}.png"
    return ImageView(
        id=image.id,
        purpose=image.purpose,
        sha256=image.sha256,
        width=image.width,
        height=image.height,
        source_format=image.source_format,
        dominant_colors=image.dominant_colors,
        variants=[VariantView(url=url, width=image.width, height=image.height)],
        warnings=image.warnings,
        created_at=image.created_at,
    )
