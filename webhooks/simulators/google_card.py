"""The picture of a pass in Google Wallet, drawn from nothing but the object and its class.

Laid out as Google does: the logo in a circle beside the issuer, the program's name, the rows of the
card template, the code on a white panel, the hero picture below.
"""

import io
import unicodedata
from collections.abc import Callable
from functools import lru_cache

from PIL import Image, ImageOps

from branding.colour import BLACK, WHITE, Colour, contrast
from branding.piece import encode
from branding.preview import CARD_PT, Sheet, draw_barcode, rounded
from webhooks.simulators.google_face import Cell, Code, GoogleFace

_WIDTH_PX = 660
_SCALE = _WIDTH_PX / CARD_PT
_MARGIN = 20
_LOGO = 44
_HEADER = 72
_TITLE = 44
_ROW = 56
_PANEL_PAD = 16
_PANEL_CORNER = 16
_CORNER = 26
_GAP = 18
_PLAIN = Colour(66, 80, 102)

FindPicture = Callable[[str], bytes | None]
"""The picture behind a URL, None when there is none."""


def card_picture(face: GoogleFace, find: FindPicture) -> bytes:
    """The card as a PNG; costs some 50 ms for each new face."""
    logo, hero = (find(url) if url else None for url in (face.logo, face.hero))
    return _drawn(face, logo, hero)


@lru_cache(maxsize=256)
def _drawn(face: GoogleFace, logo: bytes | None, hero: bytes | None) -> bytes:
    ground = _ground(face.colour, hero or logo)
    ink = max((WHITE, BLACK), key=lambda one: contrast(ground, one))
    panel = _panel(face.code) if face.code else None
    banner = _banner(hero) if hero else None
    top = _HEADER + _TITLE + _ROW * len(face.rows) + _GAP / 2
    below = panel.height + _px(_GAP) if panel else 0
    height = _px(top + _GAP) + below + (banner.height if banner else 0)
    sheet = Sheet(Image.new("RGB", (_WIDTH_PX, height), ground.rgb), _SCALE, _is_rtl(face.title))
    _draw_head(sheet, face, logo, ink)
    for place, row in enumerate(face.rows):
        _draw_row(sheet, row, _HEADER + _TITLE + place * _ROW, ink)
    if panel:
        spot = ((_WIDTH_PX - panel.width) // 2, _px(top))
        sheet.image.paste(panel, spot, rounded(panel.size, _px(_PANEL_CORNER)))
    if banner:
        sheet.image.paste(banner, (0, height - banner.height))
    card = sheet.image.convert("RGBA")
    card.putalpha(rounded(card.size, _px(_CORNER)))
    return encode(card)


def _draw_head(sheet: Sheet, face: GoogleFace, logo: bytes | None, ink: Colour) -> None:
    x = float(_MARGIN)
    if logo:
        edge = _px(_LOGO)
        disc = ImageOps.fit(_opened(logo), (edge, edge))
        cut = Image.new("RGBA", disc.size)
        cut.paste(disc, (0, 0), rounded(disc.size, edge / 2))
        sheet.paste(cut, x, (_HEADER - _LOGO) / 2 + 2)
        x += _LOGO + 12
    room = CARD_PT - _MARGIN - x
    sheet.write((x, _HEADER / 2 + 8), face.issuer, 15, ink, room=room, weight=600)
    wide = CARD_PT - 2 * _MARGIN
    sheet.write((_MARGIN, _HEADER + 26), face.title, 25, ink, room=wide)


def _draw_row(sheet: Sheet, row: tuple[Cell, ...], top: float, ink: Colour) -> None:
    """Up to three cells; the last of several ends at the margin."""
    column = (CARD_PT - 2 * _MARGIN) / len(row)
    for place, cell in enumerate(row):
        last = 0 < place == len(row) - 1
        x = CARD_PT - _MARGIN if last else _MARGIN + place * column
        for text, size, baseline in ((cell.label, 12, 18), (cell.value, 18, 41)):
            sheet.write(
                (x, top + baseline),
                text,
                size,
                ink,
                room=column - 8,
                weight=600 if size == 12 else 400,  # noqa: PLR2004  # labels
                anchor="rs" if last else "ls",
            )


def _panel(code: Code) -> Image.Image:
    """The code on white; kinds that are not drawn here, and TEXT_ONLY, as text."""
    if code.format:
        try:
            return ImageOps.expand(draw_barcode(code, _SCALE), _px(_PANEL_PAD), WHITE.rgb)
        except ValueError:
            pass  # too long for its kind: a phone shows the text alone
    panel = Image.new("RGB", (_px(CARD_PT - 2 * _MARGIN), _px(60)), WHITE.rgb)
    sheet = Sheet(panel, _SCALE, rtl=False)
    middle = panel.width / _SCALE / 2
    sheet.write((middle, 36), code.alt_text, 16, BLACK, room=300, anchor="ms")
    return panel


def _banner(hero: bytes) -> Image.Image:
    """The hero over the whole width, in its own proportions."""
    picture = _opened(hero)
    height = max(1, round(_WIDTH_PX * picture.height / picture.width))
    flat = Image.new("RGB", picture.size, WHITE.rgb)
    flat.paste(picture, (0, 0), picture)
    return flat.resize((_WIDTH_PX, height), Image.Resampling.LANCZOS)


def _ground(colour: str, picture: bytes | None) -> Colour:
    """The class's colour, else the mean of the hero or the logo; Google takes the dominant one."""
    digits = colour.removeprefix("#")
    if digits:
        whole = digits if len(digits) == 6 else "".join(2 * one for one in digits)  # noqa: PLR2004
        return Colour(*bytes.fromhex(whole))
    if picture is None:
        return _PLAIN
    mean = _opened(picture).convert("RGB").resize((1, 1), Image.Resampling.BOX)
    return Colour(*mean.tobytes())


def _opened(picture: bytes) -> Image.Image:
    return Image.open(io.BytesIO(picture)).convert("RGBA")


def _px(points: float) -> int:
    return round(points * _SCALE)


def _is_rtl(text: str) -> bool:
    """By its first letter with a direction."""
    directions = (unicodedata.bidirectional(char) for char in text)
    return next((one for one in directions if one in {"L", "R", "AL"}), "L") != "L"
