"""Uploading pictures through the API: accepted clean, or refused with nothing kept."""

import io

import pytest
from PIL import Image
from sqlalchemy import func, select

from branding.errors import DecoderBusy
from branding.intake import MAX_BYTES
from passes.store.tables import Image as ImageRow
from passes.store.tables import Picture
from tests.passes.web.answers import faults, pointers, problem
from tests.service import PUBLIC_URL, Door, Service, logo_png

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="60" height="40">%s</svg>'
SHAPE = b'<rect width="60" height="40" fill="#17453b"/>'


def encoded(form: str, mode: str = "RGB", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, (120, 80), 90).save(buffer, form, **options)
    return buffer.getvalue()


def stored(service: Service) -> tuple[int, int]:
    """How many pictures and images there are."""
    with service.parts.database.reading() as session:
        return (
            session.scalar(select(func.count()).select_from(Picture)) or 0,
            session.scalar(select(func.count()).select_from(ImageRow)) or 0,
        )


def test_an_upload_becomes_a_clean_png_with_its_colours(service: Service, door: Door) -> None:
    made = door.upload(logo_png("#17453b"))
    assert made.status_code == 201, made.text
    image = made.json
    assert image["purpose"] == "logo"
    assert image["source_format"] == "png"
    assert image["dominant_colors"][0].upper() == "#17453B"
    [variant] = image["variants"]
    assert variant["url"] == f"{PUBLIC_URL}/i/{image['sha256']}.png"
    png = service.client.get(f"/i/{image['sha256']}.png")
    with Image.open(io.BytesIO(png.data)) as picture:
        assert picture.size == (image["width"], image["height"])


@pytest.mark.parametrize(
    ("data", "source_format"),
    [
        (encoded("JPEG", "CMYK"), "jpeg"),
        (encoded("WEBP"), "webp"),
        (encoded("GIF", "P", save_all=True, append_images=[Image.new("P", (120, 80), 3)]), "gif"),
        (SVG % SHAPE, "svg"),
    ],
    ids=["CMYK", "WebP", "animated", "SVG"],
)
def test_many_kinds_of_pictures_are_welcome(door: Door, data: bytes, source_format: str) -> None:
    made = door.upload(data, name="picture")
    assert made.status_code == 201, made.text
    assert made.json["source_format"] == source_format


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a picture",
        logo_png()[:400],
        b"\x89PNG\r\n\x1a\n" + encoded("JPEG"),
        SVG % b'<image width="60" height="40" href="/etc/passwd"/>',
        SVG % b"<script>alert(1)</script>",
        b"\x00" * (MAX_BYTES + 1),
    ],
    ids=["empty", "text", "truncated", "mislabelled", "local file", "script", "too large"],
)
def test_a_picture_that_cannot_be_used_leaves_nothing_behind(
    service: Service, door: Door, data: bytes
) -> None:
    before = stored(service)
    answer = door.upload(data)
    assert problem(answer) == (422, "image_rejected")
    [fault] = answer.json["errors"]
    assert fault["pointer"] == "/file"
    assert fault["detail"] == answer.json["detail"]
    assert fault["code"] not in {"", "image_rejected"}
    assert stored(service) == before


def test_an_upload_far_above_the_limit_is_not_even_read(service: Service, door: Door) -> None:
    before = stored(service)
    answer = door.upload(b"\x00" * (MAX_BYTES + (1 << 20)))
    assert problem(answer) == (413, "payload_too_large")
    assert stored(service) == before


def test_the_same_picture_is_stored_once_for_both_merchants(service: Service, door: Door) -> None:
    first = door.upload(logo_png("#aa3311")).json
    pictures, images = stored(service)
    second = service.merchant("other").upload(logo_png("#aa3311")).json
    assert second["sha256"] == first["sha256"]
    assert second["id"] != first["id"]
    assert stored(service) == (pictures, images + 1)


def test_a_form_without_file_or_with_an_unknown_field_is_refused(door: Door) -> None:
    form = {"purpose": "poster", "colour": "red", "picture": (io.BytesIO(logo_png()), "a.png")}
    answer = door.send("POST", "/images", data=form, content_type="multipart/form-data")
    assert pointers(answer) == {"/purpose", "/colour", "/picture", "/file"}


def test_a_picture_as_json_is_another_content_type(door: Door) -> None:
    assert problem(door.post("/images", {"file": "x"})) == (415, "unsupported_media_type")


def test_a_form_that_ends_early_is_told_what_is_missing(door: Door) -> None:
    answer = door.send(
        "POST", "/images", data=b"--x\r\nContent-Disp", content_type="multipart/form-data"
    )
    assert faults(answer) >= {("/file", "missing"), ("/purpose", "missing")}


def test_when_too_many_pictures_are_read_the_caller_hears_when_to_come_back(
    service: Service,
) -> None:
    with service.app.test_request_context("/v1/images", method="POST"):
        answer = service.app.make_response(service.app.handle_user_exception(DecoderBusy()))
    assert (answer.status_code, answer.json["code"]) == (503, "busy")
    assert answer.headers["Retry-After"] == str(answer.json["retry_after_s"]) == "5"
