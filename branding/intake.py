"""Untrusted image bytes in, a clean picture out. The only door for uploads."""

import hashlib
import io
import re
from dataclasses import dataclass

from PIL import Image

from branding import sandbox
from branding.errors import ImageRejected

MAX_BYTES = 5 << 20
LOW_RESOLUTION_PX = 480  # Apple's logo is 160 × 50 pt, at @3x 480 px wide

_SIGNATURES = {
    "png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "jpeg": re.compile(rb"\xff\xd8\xff"),
    "webp": re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
    "gif": re.compile(rb"GIF8[79]a"),
    # An XML document: its root is found by the parser, which stands in the sandbox.
    "svg": re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:\?xml|!--|!DOCTYPE\s+svg|(?:\w+:)?svg)[\s>-]"),
}
_DECODERS = {"svg": "branding.svg", "webp": "branding.webp"}


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that can be trusted: an RGB or RGBA PNG in sRGB, trimmed, without metadata.

    The longest side has at most 1440 pixels. `sha256` is that of `png`; `source_format` is png,
    jpeg, webp, gif or svg; `warnings` are the codes animated_first_frame_used, trimmed,
    colour_profile_ignored and low_resolution.
    """

    png: bytes
    width: int
    height: int
    sha256: str
    source_format: str
    warnings: tuple[str, ...]

    def open(self) -> Image.Image:
        """The decoded picture, mode RGB or RGBA; a new one for each call."""
        picture = Image.open(io.BytesIO(self.png), formats=("PNG",))
        picture.load()
        return picture


def accept(data: bytes) -> Picture:
    """The clean picture made of an uploaded file; the same bytes always give the same picture.

    The format is told by the bytes alone. Raises ImageRejected, at the latest after about four
    seconds: decoding runs in a child process (roughly 0.1 s to start) with limits.
    """
    source_format = _format_of(data)
    png, warnings = sandbox.run(_DECODERS.get(source_format, "branding.raster"), data)
    width, height = _size_of(png)
    if max(width, height) < LOW_RESOLUTION_PX:
        warnings = (*warnings, "low_resolution")
    return Picture(png, width, height, hashlib.sha256(png).hexdigest(), source_format, warnings)


def _format_of(data: bytes) -> str:
    if not data:
        raise ImageRejected("empty", "the file is empty; choose a PNG, JPEG, WebP, GIF or SVG")
    if len(data) > MAX_BYTES:
        raise ImageRejected(
            "too_large_bytes",
            f"the file has {len(data) / (1 << 20):.1f} MB; at most 5 MB are accepted, "
            "so scale it down or export it as SVG",
        )
    found = (name for name, signature in _SIGNATURES.items() if signature.match(data))
    source_format = next(found, None)
    if source_format is None:
        raise ImageRejected(
            "unsupported_format",
            "the file is not a PNG, JPEG, WebP, GIF or SVG picture; export it as one of these",
        )
    return source_format


def _size_of(png: bytes) -> tuple[int, int]:
    # The IHDR chunk comes first in every PNG (W3C PNG, section 5.6).
    return int.from_bytes(png[16:20]), int.from_bytes(png[20:24])
