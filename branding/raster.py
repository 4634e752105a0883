"""Decode one untrusted PNG, JPEG or GIF into a clean PNG.

Runs as `python -m branding.raster` inside the sandbox; the web process never imports it.
"""

import io
import warnings

from PIL import Image, ImageCms, ImageOps

from branding import sandbox
from branding.errors import ImageRejected

FORMATS = ("PNG", "JPEG", "GIF")
ANIMATED = "animated_first_frame_used"
MAX_PIXELS = 25_000_000
MAX_SIDE_PX = 1440  # the largest artwork, Apple's strip @3x, is 1125 px wide; some is cropped
FAINT = 8  # alpha up to this (of 255) is dust that no eye sees and that must not stop a trim

_SRGB = ImageCms.createProfile("sRGB")
# The image modes that a colour profile of each kind can describe.
_MODES = {"RGB": ("RGB", "L"), "GRAY": ("L",), "CMYK": ("CMYK",)}


def decode(data: bytes) -> tuple[bytes, list[str]]:
    """The first picture in `data` as a clean PNG, with warnings.

    Raises ImageRejected, or whatever Pillow raises for a damaged file.
    """
    picture = _open(data)
    notes = []
    if picture.format != "MPO" and getattr(picture, "is_animated", False):  # MPO: JPEG + thumbnail
        notes.append(ANIMATED)
    profile = picture.info.get("icc_profile")
    _load(picture)
    return clean(picture, notes, profile)


def clean(
    picture: Image.Image, notes: list[str], profile: bytes | None = None
) -> tuple[bytes, list[str]]:
    """Trim, scale down and bring to sRGB; the result is an RGB or RGBA PNG without metadata.

    Uses up `picture`. Scaling comes before the colours, so that only one large copy is needed.
    """
    width, height = picture.size
    picture = _trimmed(_plain(picture))
    if picture.size != (width, height):
        notes.append("trimmed")
    picture.thumbnail((MAX_SIDE_PX, MAX_SIDE_PX), Image.Resampling.LANCZOS, reducing_gap=None)
    result, usable = _to_srgb(picture, profile)
    if not usable:
        notes.append("colour_profile_ignored")
    return _png(result), notes


def too_many_pixels() -> ImageRejected:
    """What a picture of more than MAX_PIXELS is refused with."""
    return ImageRejected(
        "too_many_pixels",
        "the picture has more than 25 megapixels; scale it down to at most 5000 × 5000",
    )


def visible_box(picture: Image.Image) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what can be seen. Raises ImageRejected for nothing at all."""
    if "A" not in picture.getbands():
        return (0, 0, *picture.size)
    seen = picture.getchannel("A").point(lambda alpha: 255 if alpha > FAINT else 0)
    box = seen.getbbox()
    if box is None:
        raise ImageRejected(
            "transparent",
            "the picture is wholly transparent; upload one that shows something",
        )
    return box


def _open(data: bytes) -> Image.Image:
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return Image.open(io.BytesIO(data), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise too_many_pixels() from None


def _load(picture: Image.Image) -> None:
    shrink = max(1.0, max(picture.size) / MAX_SIDE_PX)
    width, height = (int(side / shrink) for side in picture.size)
    picture.draft(None, (width, height))  # a large JPEG is decoded at 1/2, 1/4 or 1/8
    picture.load()
    ImageOps.exif_transpose(picture, in_place=True)


def _plain(picture: Image.Image) -> Image.Image:
    """The same picture in one of the modes L, LA, RGB, RGBA, CMYK."""
    if picture.mode == "I;16":  # 16 bits of grey, little endian; convert("L") would clip them
        return Image.frombytes("L", picture.size, picture.tobytes()[1::2])
    if picture.mode == "1":
        return picture.convert("L")
    if picture.has_transparency_data:
        return picture if picture.mode in {"LA", "RGBA"} else picture.convert("RGBA")
    return picture if picture.mode in {"L", "RGB", "CMYK"} else picture.convert("RGB")


def _trimmed(picture: Image.Image) -> Image.Image:
    box = visible_box(picture)
    return picture if box == (0, 0, *picture.size) else picture.crop(box)


def _to_srgb(picture: Image.Image, profile: bytes | None) -> tuple[Image.Image, bool]:
    """An RGB or RGBA picture, and whether the profile (if any) could be used."""
    alpha = picture.getchannel("A") if "A" in picture.getbands() else None
    ink = picture.convert(picture.mode.removesuffix("A")) if alpha else picture
    converted = _through(profile, ink) if profile else None
    result = converted or ink.convert("RGB")
    if alpha and alpha.getextrema() != (255, 255):
        result.putalpha(alpha)
    return result, profile is None or converted is not None


def _through(profile: bytes, ink: Image.Image) -> Image.Image | None:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        kind = source.profile.xcolor_space.strip()
        if ink.mode not in _MODES.get(kind, ()):
            return None
        inked = ink.convert("RGB") if kind == "RGB" else ink
        return ImageCms.profileToProfile(
            inked,
            source,
            _SRGB,
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError):
        return None


def _png(picture: Image.Image) -> bytes:
    picture.info.clear()
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


if __name__ == "__main__":
    sandbox.serve(decode)
