"""Colours as values: parse, print, mix and measure contrast. No pictures here (see palette)."""

import re
from dataclasses import dataclass
from typing import Self

MIN_CONTRAST = 4.5  # WCAG 2.2, success criterion 1.4.3 (AA, normal text)

_HEX = re.compile(r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})\Z")


@dataclass(frozen=True, slots=True, order=True)
class Colour:
    """An opaque sRGB colour; each channel an integer in 0…255."""

    red: int
    green: int
    blue: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """The colour written as `#rgb` or `#rrggbb`; ValueError for anything else."""
        if not _HEX.match(text):
            raise ValueError("a colour is written #rrggbb, for example #1f3a2e")
        digits = text[1:] if len(text) == 7 else "".join(c * 2 for c in text[1:])  # noqa: PLR2004
        return cls(*bytes.fromhex(digits))

    @property
    def rgb(self) -> tuple[int, int, int]:
        return (self.red, self.green, self.blue)

    @property
    def hex(self) -> str:
        """`#rrggbb`, lower case: how the API, CSS and Google Wallet write it."""
        return f"#{self.red:02x}{self.green:02x}{self.blue:02x}"

    @property
    def luminance(self) -> float:
        """Relative luminance in 0…1 (WCAG 2.2, definition "relative luminance")."""
        red, green, blue = (_linear(channel / 255) for channel in self.rgb)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    def mix(self, other: "Colour", share: float) -> "Colour":
        """This colour moved towards `other`; share 0 is this one, 1 the other."""
        pairs = zip(self.rgb, other.rgb, strict=True)
        return Colour(*(round(a + (b - a) * share) for a, b in pairs))


WHITE = Colour(255, 255, 255)
BLACK = Colour(0, 0, 0)


def contrast(one: Colour, other: Colour) -> float:
    """The WCAG contrast ratio of two colours: 1 (same) … 21 (black on white)."""
    dark, light = sorted((one.luminance, other.luminance))
    return (light + 0.05) / (dark + 0.05)


def readable_on(background: Colour, wish: Colour, minimum: float = MIN_CONTRAST) -> Colour:
    """The colour nearest to `wish` that can be read on `background` with at least `minimum`.

    `wish` itself when it already can; otherwise it is moved towards black or white, whichever
    contrasts more with the background, in steps of 1/32.
    """
    goal = max((BLACK, WHITE), key=lambda end: contrast(background, end))
    steps = (wish.mix(goal, step / 32) for step in range(33))
    return next((c for c in steps if contrast(background, c) >= minimum), goal)


def _linear(channel: float) -> float:
    # IEC 61966-2-1; WCAG's text still prints 0.03928, which gives the same 8-bit results.
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4  # noqa: PLR2004
