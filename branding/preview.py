"""The picture of a card's front as a phone shows it: for previews, pages and documents.

Drawn after Apple's storeCard: logo and header field, strip, one row of fields, barcode. The
barcode is real and can be scanned.
"""

from collections.abc import Sequence
from typing import Protocol, cast

import zxingcpp
from PIL import Image, ImageDraw, ImageOps

from branding import artwork, stamps, typeface
from branding.brand import Brand, StampCard
from branding.colour import BLACK, WHITE, Colour
from branding.piece import encode
from branding.typeface import Anchor, Weight

CARD_PT = 375  # a card's width; all here is in points of a phone that wide
_MARGIN = 14
_HEADER = 66
_HEADER_FIELDS = 180  # all of them together
_HEADER_GAP = 12
_STRIP = artwork.STRIP_PT[1]
_PRIMARY = 96  # the primary field's band where there is no strip
_ROW = 62
_CORNER = 13
_PANEL_GAP = 20
_CAPTION = 34
_SYMBOL_WIDTH = {"qr": 168, "aztec": 132, "pdf417": 300, "code128": 300}
_CAPTION_WIDTH = 300

_FORMATS = {
    "qr": zxingcpp.BarcodeFormat.QRCode,
    "aztec": zxingcpp.BarcodeFormat.Aztec,
    "pdf417": zxingcpp.BarcodeFormat.PDF417,
    "code128": zxingcpp.BarcodeFormat.Code128,
}
_QUIET_MODULES = {"qr": 0, "aztec": 2, "pdf417": 3, "code128": 3}  # beyond what the library leaves
_MIRRORED: dict[Anchor, Anchor] = {"ls": "rs", "rs": "ls", "ms": "ms"}


class FieldLike(Protocol):
    """A labelled value."""

    @property
    def label(self) -> str: ...
    @property
    def value(self) -> object: ...


class BarcodeLike(Protocol):
    """`format` is qr, aztec, pdf417 or code128; the message is ASCII."""

    @property
    def format(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def alt_text(self) -> str: ...


class CardFace(Protocol):
    """What the front of a card shows, in one language."""

    @property
    def rtl(self) -> bool: ...
    @property
    def organization_name(self) -> str: ...
    @property
    def header(self) -> Sequence[FieldLike]: ...
    @property
    def primary(self) -> Sequence[FieldLike]: ...
    @property
    def secondary(self) -> Sequence[FieldLike]: ...
    @property
    def auxiliary(self) -> Sequence[FieldLike]: ...
    @property
    def barcode(self) -> BarcodeLike | None: ...
    @property
    def stamp_card(self) -> StampCard | None: ...


def draw_card(face: CardFace, brand: Brand, width: int = 750) -> bytes:
    """The front as a PNG `width` pixels wide, transparent outside its rounded corners.

    The height follows the content. ValueError when the barcode's message does not fit its format.
    """
    scale = width / CARD_PT
    symbol = draw_barcode(face.barcode, scale) if face.barcode else None
    band = _band(face, brand, width, scale)
    row = [*face.secondary, *face.auxiliary]
    row_height = _ROW if row else 0
    panel_height = symbol.height / scale + 2 * _PANEL_GAP if symbol else _PANEL_GAP
    height = round((_HEADER + row_height + panel_height) * scale) + band.height
    sheet = Sheet(Image.new("RGB", (width, height), brand.background.rgb), scale, face.rtl)
    _draw_header(sheet, face, brand)
    top = _HEADER + band.height / scale
    sheet.image.paste(band, (0, round(_HEADER * scale)))
    _draw_primary(sheet, face, brand, top - 26)
    _draw_row(sheet, row, brand, top)
    if symbol:
        spot = ((width - symbol.width) // 2, round((top + row_height + _PANEL_GAP) * scale))
        sheet.image.paste(symbol, spot, rounded(symbol.size, 5 * scale))
    card = sheet.image.convert("RGBA")
    card.putalpha(rounded(card.size, _CORNER * scale))
    return encode(card)


class Sheet:
    """A drawing surface in points whose x counts from the side where reading begins."""

    def __init__(self, image: Image.Image, scale: float, rtl: bool) -> None:
        self.image = image
        self.scale = scale
        self.rtl = rtl
        self._pen = ImageDraw.Draw(image)

    def write(
        self,
        at: tuple[float, float],
        text: str,
        size: float,
        colour: Colour,
        *,
        room: float,
        weight: Weight = 400,
        anchor: Anchor = "ls",
    ) -> None:
        """One line, shortened to `room` points; `ls` starts at the point, `rs` ends there."""
        x = CARD_PT - at[0] if self.rtl else at[0]
        size_px = size * self.scale
        typeface.write(
            self._pen,
            (x * self.scale, at[1] * self.scale),
            typeface.fitted(text, size_px, weight, room * self.scale),
            size_px=size_px,
            weight=weight,
            colour=colour,
            anchor=_MIRRORED[anchor] if self.rtl else anchor,
            rtl=self.rtl,
        )

    def width(self, text: str, size: float, weight: Weight = 400) -> float:
        """How many points `write` takes: letters stand on whole pixels, so the scale counts."""
        return typeface.width(text, size * self.scale, weight) / self.scale

    def paste(self, picture: Image.Image, x: float, y: float) -> None:
        """An RGBA picture in its own pixels; x and y in points."""
        left = round(x * self.scale)
        if self.rtl:
            left = self.image.width - left - picture.width
        self.image.paste(picture, (left, round(y * self.scale)), picture)


def _draw_header(sheet: Sheet, face: CardFace, brand: Brand) -> None:
    fields = face.header[:3]
    taken = 0.0
    for field in reversed(fields):
        taken += _draw_header_field(sheet, field, brand, taken, _HEADER_FIELDS / len(fields))
    x = float(_MARGIN)
    logo = artwork.sized_logo(brand, sheet.scale)
    if logo:
        sheet.paste(logo, x, (_HEADER - logo.height / sheet.scale) / 2)
        x += logo.width / sheet.scale + 10
    if not artwork.logo_says_name(brand):
        room = CARD_PT - _MARGIN - taken - x
        at = (x, _HEADER / 2 + 6)
        sheet.write(at, face.organization_name, 17, brand.foreground, room=room, weight=600)


def _draw_header_field(
    sheet: Sheet, field: FieldLike, brand: Brand, taken: float, most: float
) -> float:
    """Draws at the far side, before what is taken; says how many points it took."""
    value = str(field.value)
    needed = max(sheet.width(field.label.upper(), 10.5, 600), sheet.width(value, 20))
    room = min(needed + 1, most - _HEADER_GAP)
    x = CARD_PT - _MARGIN - taken
    sheet.write((x, 24), field.label.upper(), 10.5, brand.label, room=room, weight=600, anchor="rs")
    sheet.write((x, 47), value, 20, brand.foreground, room=room, anchor="rs")
    return room + _HEADER_GAP


def _band(face: CardFace, brand: Brand, width: int, scale: float) -> Image.Image:
    """The strip, or the empty band of the primary field, or nothing."""
    height = round(_STRIP * scale)
    if face.stamp_card:
        return stamps.draw(brand, face.stamp_card, (width, height), brand.strip).convert("RGB")
    if brand.strip:
        return artwork.covered(brand, brand.strip, (width, height))
    plain = round(_PRIMARY * scale) if face.primary else 0
    return Image.new("RGB", (width, plain), brand.background.rgb)


def _draw_primary(sheet: Sheet, face: CardFace, brand: Brand, baseline: float) -> None:
    if not face.primary:
        return
    field = face.primary[0]
    room = CARD_PT - 2 * _MARGIN
    at = (_MARGIN, baseline - 14)
    sheet.write(at, str(field.value), 46, brand.foreground, room=room, weight=300)
    sheet.write((_MARGIN, baseline + 8), field.label, 14, brand.label, room=room, weight=600)


def _draw_row(sheet: Sheet, row: Sequence[FieldLike], brand: Brand, top: float) -> None:
    """At most four fields in equal columns; the last one ends at the margin."""
    fields = row[:4]
    for place, field in enumerate(fields):
        column = (CARD_PT - 2 * _MARGIN) / len(fields)
        last = place == len(fields) - 1 and place > 0
        x = CARD_PT - _MARGIN if last else _MARGIN + place * column
        anchor: Anchor = "rs" if last else "ls"
        room = column - 8
        sheet.write(
            (x, top + 25),
            field.label.upper(),
            10.5,
            brand.label,
            room=room,
            weight=600,
            anchor=anchor,
        )
        sheet.write((x, top + 48), str(field.value), 19, brand.foreground, room=room, anchor=anchor)


def draw_barcode(barcode: BarcodeLike, scale: float) -> Image.Image:
    """The barcode with its quiet zone and its text, on white; ValueError when it does not fit."""
    code = zxingcpp.create_barcode(barcode.message, _FORMATS[barcode.format])
    # It speaks the buffer protocol (Python 3.11 has no type to say so).
    pixels = memoryview(cast("bytes", code.to_image()))
    rows, columns = pixels.shape or (0, 0)
    dots = Image.frombytes("L", (columns, rows), pixels.tobytes())
    target = _SYMBOL_WIDTH[barcode.format] * scale
    factor = max(1, int(target / columns))  # whole pixels keep every module sharp
    dots = dots.resize((columns * factor, rows * factor), Image.Resampling.NEAREST)
    quiet = _QUIET_MODULES[barcode.format] * factor
    return _captioned(ImageOps.expand(dots, quiet, WHITE.red), barcode.alt_text, scale)


def _captioned(dots: Image.Image, text: str, scale: float) -> Image.Image:
    if not typeface.printable(text):
        return dots.convert("RGB")
    size_px = 12.5 * scale
    line = typeface.fitted(text, size_px, 400, _CAPTION_WIDTH * scale)
    width = max(dots.width, round(typeface.width(line, size_px) + 24 * scale))
    below = (ImageOps.invert(dots).getbbox() or (0, 0, 0, dots.height))[3]
    panel = Image.new("RGB", (width, below + round(_CAPTION * scale)), WHITE.rgb)
    panel.paste(dots, ((width - dots.width) // 2, 0))
    typeface.write(
        ImageDraw.Draw(panel),
        (width / 2, panel.height - 9 * scale),
        line,
        size_px=size_px,
        weight=400,
        colour=BLACK,
        anchor="ms",
    )
    return panel


def rounded(size: tuple[int, int], radius: float) -> Image.Image:
    """A mask of a rectangle with soft round corners."""
    corner = round(radius)
    big = Image.new("L", (2 * corner * 4, 2 * corner * 4), 0)
    ImageDraw.Draw(big).ellipse((0, 0, big.width - 1, big.height - 1), fill=255)
    disc = big.reduce(4)
    mask = Image.new("L", size, 255)
    for x in (0, 1):
        for y in (0, 1):
            part = disc.crop((x * corner, y * corner, (x + 1) * corner, (y + 1) * corner))
            mask.paste(part, (x * (size[0] - corner), y * (size[1] - corner)))
    return mask
