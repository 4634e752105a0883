import contextlib
import hashlib
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from branding.errors import ImageRejected
from branding.intake import MAX_BYTES, accept
from tests.branding.pictures import RED, encoded, two_halves


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
    picture = accept(encoded(two_halves(), file_format))
    assert (picture.width, picture.height, picture.source_format) == (600, 400, source)
    assert picture.warnings == ()
    assert picture.sha256 == hashlib.sha256(picture.png).hexdigest()
    with picture.open() as opened:
        assert (opened.format, opened.mode, opened.size) == ("PNG", "RGB", (600, 400))
        assert _near(opened.getpixel((5, 5)), RED)


def test_the_same_bytes_give_the_same_picture() -> None:
    data = encoded(two_halves(), "JPEG")
    assert accept(data) == accept(data)


def test_a_wholly_transparent_picture_is_refused() -> None:
    assert _reason(encoded(Image.new("RGBA", (600, 400), (255, 0, 0, 3)))) == "transparent"


def test_a_small_picture_is_accepted_and_told() -> None:
    assert accept(encoded(two_halves(size=(120, 40)))).warnings == ("low_resolution",)
    assert accept(encoded(two_halves(size=(1, 1)))).width == 1


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"\x89PNG\r\n\x1a\n", "damaged"),
        (b"hello", "unsupported_format"),
        (b"%PDF-1.7 ", "unsupported_format"),
        (encoded(two_halves(), "BMP"), "unsupported_format"),
        (encoded(two_halves(), "TIFF"), "unsupported_format"),
        (b"\x89PNG\r\n\x1a\n" + encoded(two_halves(), "JPEG"), "damaged"),
        (b"\xff\xd8\xff" + encoded(two_halves()), "damaged"),
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
    data = encoded(Image.effect_noise((600, 400), 90), file_format)
    assert _reason(data[: len(data) // 2]) == "damaged"


@pytest.mark.parametrize(
    "bomb",
    [
        _chunk(b"iTXt", b"Comment\0\1\0\0\0" + zlib.compress(bytes(16 << 20), 9)),
        _chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(16 << 20), 9)),
        _chunk(b"iCCP", b"icc\0\0" + zlib.compress(bytes(16 << 20), 9)),
    ],
    ids=["iTXt", "zTXt", "iCCP"],
)
def test_a_bomb_in_a_text_or_profile_does_not_go_off(bomb: bytes) -> None:
    assert _reason(_png(64, 64, bomb)) == "damaged"


def _largest_webp() -> bytes:
    """25 megapixels of the kind that costs most: lossy colours with soft transparency."""
    scene = Image.effect_noise((250, 250), 90).resize((5000, 5000)).convert("RGBA")
    scene.putalpha(Image.radial_gradient("L").resize(scene.size))
    return encoded(scene, "WEBP", quality=5, method=0)


@pytest.mark.parametrize("draw", [lambda: _png(5000, 5000), _largest_webp], ids=["png", "webp"])
def test_the_largest_picture_stays_within_five_seconds_and_300_megabytes(
    draw: Callable[[], bytes],
) -> None:
    # Its own small process: the peak of a child counts what its parent held when it started.
    probe = (
        "import resource, sys\n"
        "from branding.intake import accept\n"
        "accept(sys.stdin.buffer.read())\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)\n"
    )
    data = draw()
    started = time.monotonic()
    run = subprocess.run([sys.executable, "-c", probe], input=data, capture_output=True, check=True)
    assert int(run.stdout) < 300_000_000
    assert time.monotonic() - started < 5


@given(
    st.sampled_from([encoded(two_halves(size=(8, 8)), name) for name in ("PNG", "JPEG", "GIF")]),
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
        assert max(accept(bytes(data)).open().size) <= 1440
