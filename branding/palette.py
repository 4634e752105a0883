"""Three colours for a card: found in the brand's picture, and always readable together."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import dist
from typing import Literal

from PIL import Image

from branding.colour import BLACK, MIN_CONTRAST, WHITE, Colour, contrast, readable_on
from branding.intake import Picture

THUMBNAIL_PX = 64
ALIKE = 48.0  # distance in RGB below which two colours of a picture are joined to one
MIN_SHARE = 0.01  # of the visible area; less is an edge between two colours
QUIET_CHROMA = 64  # spread of the channels (of 255) up to which a colour is good for text
PLAIN_CHROMA = 40  # ... and up to which a very light or dark colour is paper or ink
PALE, DEEP = 0.78, 0.03  # luminance from which a colour is paper, up to which it is ink
APART = 2.5  # contrast from which one colour of a logo shows on another
COMFORT = 7.0  # WCAG 2.2, 1.4.6 (AAA): leaves room for a softer label
SOFTEST = 0.35  # how far a label may stand back from the foreground towards the background

Rgb = tuple[int, int, int]

PAPER = Colour(247, 245, 240)
INK = Colour(28, 28, 30)


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of a card: its ground, its values and the captions above them."""

    background: Colour
    foreground: Colour
    label: Colour


@dataclass(frozen=True, slots=True)
class ContrastFault:
    """A colour that cannot be read on the card's background, and the nearest one that can."""

    pair: Literal["foreground", "label"]
    measured: float
    proposal: Colour


def dominant_colours(picture: Picture | Image.Image, count: int = 6) -> tuple[Colour, ...]:
    """At most `count` colours of a picture, the strongest first; none if it is transparent.

    Strong means large and saturated. Nearly white and nearly black stand last: they are rather
    paper and ink than brand.
    """
    areas = _areas(picture.open() if isinstance(picture, Picture) else picture)
    total = sum(areas.values())
    large = (colour for colour, area in areas.items() if area >= MIN_SHARE * total)
    ranked = sorted(large, key=lambda colour: (_is_plain(colour), -_strength(colour, areas)))
    return tuple(ranked[:count])


def complete(
    background: Colour | None,
    foreground: Colour | None,
    label: Colour | None,
    dominant: Sequence[Colour],
) -> Palette:
    """What the merchant gave, kept; the rest chosen so that it can be read.

    Faults among the given colours stay: `faults` tells them. Given a foreground and a label that
    no background can carry together, the best possible one is taken.
    """
    given = [colour for colour in (foreground, label) if colour]
    ground = background or _background(dominant, given)
    text = foreground or _foreground(ground, dominant)
    return Palette(ground, text, label or _softened(readable_on(ground, text), ground))


def faults(palette: Palette) -> tuple[ContrastFault, ...]:
    """The text colours with less than 4.5 : 1 against the background, each with a cure."""
    pairs: tuple[tuple[Literal["foreground", "label"], Colour], ...] = (
        ("foreground", palette.foreground),
        ("label", palette.label),
    )
    ground = palette.background
    return tuple(
        ContrastFault(pair, contrast(colour, ground), readable_on(ground, colour))
        for pair, colour in pairs
        if contrast(colour, ground) < MIN_CONTRAST
    )


def _areas(image: Image.Image) -> dict[Colour, int]:
    """The visible area of each colour; like ones are joined under the commonest of them."""
    joined: dict[Rgb, int] = {}
    for rgb, area in sorted(_shades(image).items(), key=lambda item: (-item[1], item[0])):
        alike = next((other for other in joined if dist(other, rgb) < ALIKE), rgb)
        joined[alike] = joined.get(alike, 0) + area
    return {Colour(*rgb): area for rgb, area in joined.items()}


def _shades(image: Image.Image) -> dict[Rgb, int]:
    """The areas of colours that differ in their upper five bits, each told as its commonest one."""
    exact = _exact_areas(image)
    commonest: dict[Rgb, Rgb] = {}
    areas: Counter[Rgb] = Counter()
    for (red, green, blue), area in sorted(exact.items(), key=lambda item: (-item[1], item[0])):
        shade = commonest.setdefault((red >> 3, green >> 3, blue >> 3), (red, green, blue))
        areas[shade] += area
    return areas


def _exact_areas(image: Image.Image) -> Counter[Rgb]:
    thumbnail = image.convert("RGBA")
    thumbnail.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.NEAREST)  # invents no colour
    areas: Counter[Rgb] = Counter()
    for red, green, blue, alpha in zip(
        *(band.tobytes() for band in thumbnail.split()), strict=True
    ):
        if alpha:
            areas[red, green, blue] += alpha
    return areas


def _chroma(colour: Colour) -> int:
    return max(colour.rgb) - min(colour.rgb)


def _is_plain(colour: Colour) -> bool:
    return _chroma(colour) <= PLAIN_CHROMA and not DEEP < colour.luminance < PALE


def _strength(colour: Colour, areas: dict[Colour, int]) -> float:
    return areas[colour] * (0.1 + _chroma(colour) / 255)


def _background(dominant: Sequence[Colour], texts: Sequence[Colour]) -> Colour:
    """The strongest colour, if the rest of the logo shows on it; else paper or ink, which does.

    Given texts decide first: the ground must carry them.
    """
    wishes = [*_grounds(dominant), WHITE, BLACK]
    carried = [min((contrast(wish, text) for text in texts), default=21.0) for wish in wishes]
    enough = (wish for wish, ratio in zip(wishes, carried, strict=True) if ratio >= MIN_CONTRAST)
    return next(enough, wishes[carried.index(max(carried))])


def _grounds(dominant: Sequence[Colour]) -> list[Colour]:
    if not dominant:
        return [PAPER, INK]
    strongest = dominant[0]
    plains = sorted((PAPER, INK), key=lambda plain: -contrast(plain, strongest))
    has_company = any(contrast(strongest, other) >= APART for other in dominant[1:])
    is_brand = has_company and not _is_plain(strongest)
    return [strongest, *plains] if is_brand else plains


def _foreground(ground: Colour, dominant: Sequence[Colour]) -> Colour:
    quiet = [colour for colour in dominant if _chroma(colour) <= QUIET_CHROMA]
    own = max(quiet, key=lambda colour: contrast(colour, ground), default=WHITE)
    if contrast(own, ground) >= COMFORT:
        return own
    return WHITE if contrast(WHITE, ground) >= MIN_CONTRAST else readable_on(ground, INK)


def _softened(text: Colour, ground: Colour) -> Colour:
    """The label: `text` moved towards the ground as far as it stays readable."""
    softer = (text.mix(ground, SOFTEST * step / 16) for step in range(16, -1, -1))
    return next((c for c in softer if contrast(c, ground) >= MIN_CONTRAST), text)
