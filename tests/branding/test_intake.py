import contextlib
import hashlib
import io
import struct
import subprocess
import sys
import time
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, PngImagePlugin

from branding import sandbox
from branding.errors import ImageRejected
from branding.intake import MAX_BYTES, accept

RED = (200, 30, 40)
BAND = (0, 0, 600, 200)  # the upper half of the test picture


def _picture(mode: str = "RGB", size: tuple[int, int] = (600, 400)) -> Image.Image:
    """Red above, blue below: orientation and colours can be told."""
    picture = Image.new("RGB", size, (30, 40, 200))
    picture.paste(RED, (0, 0, size[0], size[1] // 2))
    return picture.convert(mode)


def _bytes(picture: Image.Image, file_format: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, file_format, **options)
    return out.getvalue()


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _png(width: int, height: int, *extra: bytes, rows: int | None = None) -> bytes:
    """An RGBA PNG written by hand; fewer `rows` than `height` make a header that lies."""
    row = b"\0" + b"\x50\x90\x30\xa0" * width
    squeeze = zlib.compressobj(9)
    body = b"".join(squeeze.compress(row) for _ in range(height if rows is None else rows))
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    chunks = (_chunk(b"IHDR", header), *extra, _chunk(b"IDAT", body + squeeze.flush()))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + _chunk(b"IEND", b"")


def _reason(data: bytes) -> str:
    with pytest.raises(ImageRejected) as caught:
        accept(data)
    assert caught.value.code == "image_rejected"
    assert len(str(caught.value)) > 40  # a sentence with a cure
    return caught.value.reason


def _near(colour: object, wanted: tuple[int, ...], by: int = 6) -> bool:
    assert isinstance(colour, tuple)
    return all(abs(a - b) <= by for a, b in zip(colour, wanted, strict=True))


@pytest.mark.parametrize(
    ("file_format", "source"), [("PNG", "png"), ("JPEG", "jpeg"), ("WEBP", "webp"), ("GIF", "gif")]
)
def test_each_format_is_told_by_its_bytes_and_becomes_a_png(file_format: str, source: str) -> None:
    picture = accept(_bytes(_picture(), file_format))
    assert (picture.width, picture.height, picture.source_format) == (600, 400, source)
    assert picture.warnings == ()
    assert picture.sha256 == hashlib.sha256(picture.png).hexdigest()
    with picture.open() as opened:
        assert (opened.format, opened.mode, opened.size) == ("PNG", "RGB", (600, 400))
        assert _near(opened.getpixel((5, 5)), RED)


def test_the_same_bytes_give_the_same_picture() -> None:
    data = _bytes(_picture(), "JPEG")
    assert accept(data) == accept(data)


def test_metadata_stays_outside() -> None:
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Author", "a name that must not be published")
    exif = Image.Exif()
    exif[0x010E] = "a place that must not be published"
    data = _bytes(_picture(), pnginfo=notes, exif=exif, dpi=(300, 300))
    picture = accept(data)
    assert b"must not be published" in data
    assert picture.open().info == {}
    assert {picture.png[12:16], picture.png[37:41]} == {b"IHDR", b"IDAT"}


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
def test_a_photo_taken_on_its_side_is_turned_upright(file_format: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera lay on its side: show turned by 90° clockwise
    picture = accept(_bytes(_picture(), file_format, exif=exif))
    assert (picture.width, picture.height) == (400, 600)
    assert _near(picture.open().getpixel((395, 300)), RED)


@pytest.mark.parametrize("mode", ["P", "L", "1", "LA", "RGBA", "I;16"])
def test_every_way_to_store_a_pixel_is_understood(mode: str) -> None:
    if mode == "I;16":
        stored = Image.new("I;16", (600, 400), 0x8000)
        stored.paste(0xFFFF, BAND)
        dark = (128, 128, 128)
    else:
        stored = Image.new("L", (600, 400), 0)
        stored.paste(255, BAND)
        stored, dark = stored.convert(mode), (0, 0, 0)
    opened = accept(_bytes(stored)).open()
    assert opened.mode == "RGB"
    assert _near(opened.getpixel((5, 5)), (255, 255, 255), by=1)
    assert _near(opened.getpixel((5, 395)), dark, by=1)


def test_print_colours_are_not_shown_inverted() -> None:
    picture = accept(_bytes(_picture("CMYK"), "JPEG"))  # Pillow writes Adobe's inverted CMYK
    assert _near(picture.open().getpixel((5, 5)), RED)


def test_colours_go_through_the_embedded_profile() -> None:
    swapped = _swapped_srgb()
    picture = accept(_bytes(Image.new("RGB", (600, 400), RED), icc_profile=swapped))
    assert picture.warnings == ()
    assert _near(picture.open().getpixel((5, 5)), (RED[1], RED[0], RED[2]), by=8)


def _swapped_srgb() -> bytes:
    """An sRGB profile whose red and green primaries have changed places."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile.replace(b"rXYZ", b"tmpX").replace(b"gXYZ", b"rXYZ").replace(b"tmpX", b"gXYZ")


@pytest.mark.parametrize("profile", [b"", b"no profile", _swapped_srgb()[:200]])
def test_a_broken_profile_is_ignored_and_told(profile: bytes) -> None:
    picture = accept(_bytes(_picture(), "JPEG", icc_profile=profile))
    assert _near(picture.open().getpixel((5, 5)), RED)
    assert picture.warnings == (("colour_profile_ignored",) if profile else ())


def test_a_print_profile_in_a_screen_picture_is_ignored_and_told() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = accept(_bytes(_picture("CMYK"), "JPEG", icc_profile=srgb))
    assert picture.warnings == ("colour_profile_ignored",)


def test_transparent_borders_are_trimmed() -> None:
    canvas = Image.new("RGBA", (900, 900), (0, 0, 0, 0))
    canvas.paste((*RED, 255), (100, 200, 700, 500))
    canvas.putpixel((0, 0), (0, 0, 0, 4))  # dust
    picture = accept(_bytes(canvas))
    assert (picture.width, picture.height, picture.warnings) == (600, 300, ("trimmed",))
    assert picture.open().mode == "RGB"  # nothing transparent is left


@pytest.mark.parametrize("file_format", ["PNG", "WEBP", "GIF"])
def test_transparency_inside_is_kept(file_format: str) -> None:
    canvas = Image.new("RGBA", (600, 400), (*RED, 255))
    canvas.paste((0, 0, 0, 0), (200, 100, 400, 300))
    opened = accept(_bytes(canvas, file_format)).open()
    assert opened.mode == "RGBA"
    assert opened.getchannel("A").getpixel((300, 200)) == 0
    assert opened.getchannel("A").getpixel((5, 5)) == 255


def test_a_wholly_transparent_picture_is_refused() -> None:
    assert _reason(_bytes(Image.new("RGBA", (600, 400), (255, 0, 0, 3)))) == "transparent"


@pytest.mark.parametrize("file_format", ["PNG", "JPEG"])
def test_a_large_picture_is_scaled_down(file_format: str) -> None:
    picture = accept(_bytes(_picture(size=(4000, 1000)), file_format))
    assert (picture.width, picture.height) == (2048, 512)


def test_scaling_does_not_draw_the_colour_of_transparent_pixels_in() -> None:
    canvas = Image.new("RGBA", (4096, 512), (0, 255, 0, 0))
    canvas.paste((*RED, 255), (0, 0, 4096, 301))
    canvas.paste((*RED, 255), (0, 511, 4096, 512))
    opened = accept(_bytes(canvas)).open()
    edge = opened.getpixel((1000, 150))
    assert isinstance(edge, tuple)
    assert 0 < edge[3] < 255
    assert _near(edge[:3], RED)


def test_a_small_picture_is_accepted_and_told() -> None:
    assert accept(_bytes(_picture(size=(120, 40)))).warnings == ("low_resolution",)
    assert accept(_bytes(_picture(size=(1, 1)))).width == 1


@pytest.mark.parametrize("file_format", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_frame_is_taken(file_format: str) -> None:
    frames = [Image.new("RGB", (600, 400), (0, 0, n * 80)) for n in range(3)]
    first = Image.new("RGB", (600, 400), RED)
    data = _bytes(first, file_format, save_all=True, append_images=frames)
    picture = accept(data)
    assert picture.warnings == ("animated_first_frame_used",)
    assert _near(picture.open().getpixel((5, 5)), RED)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"\x89PNG\r\n\x1a\n", "damaged"),
        (b"hello", "unsupported_format"),
        (b"%PDF-1.7 ", "unsupported_format"),
        (_bytes(_picture(), "BMP"), "unsupported_format"),
        (_bytes(_picture(), "TIFF"), "unsupported_format"),
        (b"\x89PNG\r\n\x1a\n" + _bytes(_picture(), "JPEG"), "damaged"),
        (b"\xff\xd8\xff" + _bytes(_picture()), "damaged"),
        (b"\x89PNG\r\n\x1a\n" + bytes(MAX_BYTES), "too_large_bytes"),
        (_png(30_000, 30_000, rows=1), "too_many_pixels"),
        (_png(10_000, 5_000, rows=1), "too_many_pixels"),
        (_png(10_000, 2_501, rows=1), "too_many_pixels"),
        (_png(0, 400), "damaged"),
    ],
)
def test_what_is_no_usable_picture_is_refused(data: bytes, reason: str) -> None:
    assert _reason(data) == reason


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_file_cut_short_is_refused(file_format: str) -> None:
    data = _bytes(Image.effect_noise((600, 400), 90), file_format)
    assert _reason(data[: len(data) // 2]) == "damaged"


@pytest.mark.parametrize(
    "bomb",
    [
        _chunk(b"iTXt", b"Comment\0\1\0\0\0" + zlib.compress(bytes(200 << 20), 9)),
        _chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(200 << 20), 9)),
        _chunk(b"iCCP", b"icc\0\0" + zlib.compress(bytes(200 << 20), 9)),
    ],
    ids=["iTXt", "zTXt", "iCCP"],
)
def test_a_bomb_in_a_text_or_profile_does_not_go_off(bomb: bytes) -> None:
    assert _reason(_png(64, 64, bomb)) == "damaged"


def test_the_largest_picture_stays_within_five_seconds_and_300_megabytes() -> None:
    # Its own small process: the peak of a child counts what its parent held when it started.
    probe = (
        "import resource, sys\n"
        "from branding.intake import accept\n"
        "accept(sys.stdin.buffer.read())\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)\n"
    )
    data = _png(5000, 5000)
    started = time.monotonic()
    run = subprocess.run([sys.executable, "-c", probe], input=data, capture_output=True, check=True)
    assert int(run.stdout) < 300_000_000
    assert time.monotonic() - started < 5


def test_the_decoder_inherits_no_secrets() -> None:
    assert set(sandbox._environment()) == {"PYTHONPATH", "MALLOC_ARENA_MAX", "VIPS_CONCURRENCY"}


def test_a_decoder_that_cannot_start_is_our_fault_and_not_the_pictures() -> None:
    with pytest.raises(RuntimeError, match=r"branding\.nowhere"):
        sandbox.run("branding.nowhere", b"")


@given(
    st.sampled_from([_bytes(_picture(size=(8, 8)), name) for name in ("PNG", "JPEG", "GIF")]),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=4),
    st.binary(max_size=8),
)
@settings(max_examples=15, deadline=None)
def test_any_bytes_are_accepted_or_rejected(
    valid: bytes, changes: list[tuple[int, int]], tail: bytes
) -> None:
    data = bytearray(valid + tail)
    for place, value in changes:
        data[place % len(data)] = value
    with contextlib.suppress(ImageRejected):
        assert max(accept(bytes(data)).open().size) <= 2048
