"""Decode one untrusted WebP into a clean PNG with libvips.

Runs as `python -m branding.webp` inside the sandbox; the web process never imports it. Pillow would
hold three whole copies of a large picture, libvips lets the decoder shrink it row by row.
"""

from typing import Any

import pyvips
from PIL import Image, ImageOps

from branding import sandbox
from branding.raster import ANIMATED, MAX_PIXELS, MAX_SIDE_PX, clean, too_many_pixels

_MODES = {3: "RGB", 4: "RGBA"}


def decode(data: bytes) -> tuple[bytes, list[str]]:
    """The first picture in `data` as a clean PNG, with warnings.

    Raises ImageRejected, or whatever libvips raises for a damaged file.
    """
    pyvips.cache_set_max(0)  # it would keep the whole picture beside the small one
    told = _facts(data)
    if told["width"] * told["height"] > MAX_PIXELS:
        raise too_many_pixels()
    scale = min(1.0, MAX_SIDE_PX / max(told["width"], told["height"]))
    picture = _pixels(pyvips.Image.webpload_buffer(data, scale=scale))
    if "exif-data" in told:
        picture.info["exif"] = told["exif-data"]
        ImageOps.exif_transpose(picture, in_place=True)
    notes = [ANIMATED] if told.get("n-pages", 1) > 1 else []
    return clean(picture, notes, told.get("icc-profile-data"))


def _facts(data: bytes) -> dict[str, Any]:
    whole = pyvips.Image.webpload_buffer(data)
    return {name: whole.get(name) for name in whole.get_fields()}


def _pixels(picture: pyvips.Image) -> Image.Image:
    mode, size = _MODES[picture.bands], (picture.width, picture.height)
    return Image.frombuffer(mode, size, picture.write_to_memory(), "raw", mode, 0, 1)


if __name__ == "__main__":
    sandbox.serve(decode)
