"""The picture of an installed card, drawn from nothing but its pass file."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from branding.brand import Art, Brand
from branding.colour import BLACK, WHITE, Colour
from branding.preview import draw_card
from webhooks.simulators.pkpass import Package
from webhooks.simulators.strict import fields_of

_WIDTH_PX = 660
_RGB = re.compile(r"rgb\(\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*\)")
_FORMATS = {
    "PKBarcodeFormatQR": "qr",
    "PKBarcodeFormatAztec": "aztec",
    "PKBarcodeFormatPDF417": "pdf417",
    "PKBarcodeFormatCode128": "code128",
}


@dataclass(frozen=True, slots=True)
class _Field:
    label: str
    value: str


@dataclass(frozen=True, slots=True)
class _Barcode:
    format: str
    message: str
    alt_text: str


@dataclass(frozen=True, slots=True)
class _Face:
    """The front of a pass.json. The stamps are in the strip picture, not drawn again."""

    rtl: bool
    organization_name: str
    header: tuple[_Field, ...]
    primary: tuple[_Field, ...]
    secondary: tuple[_Field, ...]
    auxiliary: tuple[_Field, ...]
    barcode: _Barcode | None
    stamp_card: None = None


@lru_cache(maxsize=256)
def card_picture(package: Package) -> bytes:
    """The card's front as a PNG; costs some 50 ms for each new version."""
    brand = Brand(
        name=package.organization_name,
        background=_colour(package, "backgroundColor", WHITE),
        foreground=_colour(package, "foregroundColor", BLACK),
        label=_colour(package, "labelColor", BLACK),
        logo=_art(package.picture("logo")),
        strip=_art(package.picture("strip")),
    )
    return draw_card(_face(package), brand, _WIDTH_PX)


def _face(package: Package) -> _Face:
    return _Face(
        rtl=_reads_from_the_right(package.description),
        organization_name=str(package.document.get("logoText", "")),
        header=_fields(package, "headerFields"),
        primary=_fields(package, "primaryFields"),
        secondary=_fields(package, "secondaryFields"),
        auxiliary=_fields(package, "auxiliaryFields"),
        barcode=_barcode(package.document),
    )


def _fields(package: Package, area: str) -> tuple[_Field, ...]:
    return tuple(
        _Field(str(one.get("label", "")), str(one.get("value", "")))
        for one in fields_of(package.document, area)
    )


def _barcode(document: Mapping[str, object]) -> _Barcode | None:
    """The first one that every phone can draw, as phones choose."""
    codes = document.get("barcodes")
    for code in codes if isinstance(codes, list) else ():
        if isinstance(code, dict) and code.get("format") in _FORMATS:
            format_ = _FORMATS[code["format"]]
            return _Barcode(format_, str(code.get("message")), str(code.get("altText", "")))
    return None


def _colour(package: Package, key: str, otherwise: Colour) -> Colour:
    match = _RGB.fullmatch(str(package.document.get(key)))
    return Colour(*(min(255, int(one)) for one in match.groups())) if match else otherwise


def _art(png: bytes | None) -> Art | None:
    return Art.of(png) if png else None


def _reads_from_the_right(text: str) -> bool:
    """By its first letter with a direction, as Wallet lays a card out."""
    directions = (unicodedata.bidirectional(char) for char in text)
    return next((one for one in directions if one in {"L", "R", "AL"}), "L") != "L"
