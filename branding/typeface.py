"""Text in Open Sans (Latin, Greek, Cyrillic, Hebrew): the one place that measures and draws it.

Characters the typeface does not have (emoji, Chinese) are left out rather than drawn as boxes, and
so are marks that make no single letter with their base (Hebrew points). Lines are put in visual
order here and set by FreeType alone: Pillow's own way would need a system library for Hebrew, and
the same text gives the same pixels on every machine.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Literal

import fontpkg_open_sans
from bidi import get_display
from PIL import ImageDraw, ImageFont

from branding.colour import Colour

_FILE = fontpkg_open_sans.ROOT / "files" / "OpenSans[wdth,wght].ttf"
_FULL_WIDTH = 100

_BRACKETS, _MIRRORED = "()[]{}<>«»‹›≤≥", ")(][}{><»«›‹≥≤"
_MIRROR = str.maketrans(_BRACKETS, _MIRRORED)
_BRACKET = f"[{re.escape(_BRACKETS)}]"
_SHADOW = "\u034f"  # without a glyph; it always follows its character (UAX #9, W1 and N0)

Weight = Literal[300, 400, 600, 700, 800]
Anchor = Literal["ls", "ms", "rs", "lm", "mm", "rm"]  # left, middle, right × baseline, middle


@lru_cache(maxsize=128)
def font(size_px: float, weight: Weight = 400) -> ImageFont.FreeTypeFont:
    """The typeface at one size and weight; fractions of a pixel are fine."""
    face = ImageFont.truetype(_FILE, size_px, layout_engine=ImageFont.Layout.BASIC)
    face.set_variation_by_axes([weight, _FULL_WIDTH])
    return face


def printable(text: str) -> str:
    """The text in one line with only what the typeface can show; may be empty."""
    kept = "".join(_shown_as(char) for char in unicodedata.normalize("NFC", text))
    return " ".join(kept.split())


def fitted(text: str, size_px: float, weight: Weight, max_width_px: float) -> str:
    """The printable text, shortened with "…" until it is at most `max_width_px` wide."""
    whole = printable(text)
    face = font(size_px, weight)
    if face.getlength(whole) <= max_width_px:
        return whole
    fits, too_long = 0, len(whole)
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        if face.getlength(_cut(whole, middle)) <= max_width_px:
            fits = middle
        else:
            too_long = middle
    return _cut(whole, fits) if fits else ""


def width(text: str, size_px: float, weight: Weight = 400) -> float:
    """How many pixels the printable text takes."""
    return font(size_px, weight).getlength(printable(text))


def write(
    pen: ImageDraw.ImageDraw,
    at: tuple[float, float],
    text: str,
    *,
    size_px: float,
    weight: Weight,
    colour: Colour | int,
    anchor: Anchor = "ls",
    rtl: bool = False,
) -> None:
    """Draw one line of printable text; `colour` is a number on a mask.

    `rtl` is the direction of the paragraph, which otherwise follows its first letter; a Hebrew
    word is right to left either way.
    """
    fill = colour if isinstance(colour, int) else colour.rgb
    line = in_visual_order(printable(text), rtl=rtl)
    pen.text(at, line, fill, font(size_px, weight), anchor=anchor)


def write_middle(
    pen: ImageDraw.ImageDraw,
    middle: tuple[float, float],
    text: str,
    *,
    size_px: float,
    weight: Weight,
    colour: Colour | int,
) -> None:
    """Draw the text centred by its ink: capitals and digits have no descenders to make room for."""
    left, top, right, bottom = font(size_px, weight).getbbox(text, anchor="ls")
    at = (middle[0] - (left + right) / 2, middle[1] - (top + bottom) / 2)
    write(pen, at, text, size_px=size_px, weight=weight, colour=colour)


def in_visual_order(line: str, *, rtl: bool) -> str:
    """The characters of a line as they stand from left to right (Unicode Annex #9).

    The library does not mirror brackets, so each one gets a shadow: where the shadow comes out
    first, the bracket stands in a run from right to left.
    """
    shadowed = re.sub(_BRACKET, rf"\g<0>{_SHADOW}", line)
    shown = str(get_display(shadowed, base_dir="R" if rtl else None))
    return re.sub(
        f"({_BRACKET}){_SHADOW}|{_SHADOW}({_BRACKET})",
        lambda found: found[1] or found[2].translate(_MIRROR),
        shown,
    )


def initials(name: str) -> str:
    """One or two capital letters that stand for a name; empty when it has none we can show."""
    words = (word.lstrip("\"'„“”‚‘’«»([{#@&-–—") for word in printable(name).split())
    letters = [word[0].upper() for word in words if word and word[0].isalnum()]
    return "".join(letters[:2])[:2]


def _cut(text: str, length: int) -> str:
    return text[:length].rstrip(" ,;:.-–") + "…"


@lru_cache(maxsize=4096)
def _shown_as(char: str) -> str:
    """The character, else the letter it is made from, else nothing."""
    if char.isspace():
        return char
    choices = (char, unicodedata.normalize("NFD", char)[0])
    return next((choice for choice in choices if _has_glyph(choice)), "")


def _has_glyph(char: str) -> bool:
    """Whether drawing it alone leaves ink: a missing glyph of this typeface leaves none."""
    return not unicodedata.combining(char) and font(20).getmask(char).getbbox() is not None
