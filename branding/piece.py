"""A finished PNG with the facts that containers ask for, each computed once."""

import hashlib
import io
import zlib
from dataclasses import dataclass, field

from PIL import Image

_LEVEL = 6  # of zlib: level 9 costs three times the time and saves a tenth


@dataclass(frozen=True, slots=True)
class Piece:
    """One PNG: `sha1` (hex) for Apple's manifest, `crc32` for the zip, `sha256` for its URL."""

    name: str
    png: bytes = field(repr=False)
    sha1: str
    crc32: int
    sha256: str
    width: int
    height: int

    @classmethod
    def of(cls, name: str, image: Image.Image) -> "Piece":
        """The image encoded in its own mode: palette, RGB or RGBA."""
        png = encode(image)
        return cls(
            name=name,
            png=png,
            sha1=hashlib.sha1(png, usedforsecurity=False).hexdigest(),
            crc32=zlib.crc32(png),
            sha256=hashlib.sha256(png).hexdigest(),
            width=image.width,
            height=image.height,
        )


def encode(image: Image.Image) -> bytes:
    """The same bytes for the same pixels, without metadata."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=_LEVEL)
    return buffer.getvalue()
