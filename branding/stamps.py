"""The stamp grid: n of N stamps drawn over a brand's background, with milestones and rewards.

Wallets crop this picture a little, so nothing is drawn in the outer 5 % of the width nor outside
the middle 83 % of the height (123 of Apple's 144 points). Sprites are drawn once per brand and
size and pasted; a flat background gives a small palette image, a photograph an RGB one.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

from PIL import Image, ImageDraw

from branding import marks, typeface
from branding.brand import Art, Brand, StampCard
from branding.colour import BLACK, WHITE, Colour, contrast, readable_on
from branding.emblem import MIN_GRAPHIC_CONTRAST, Emblem, cover, study

SAFE_X = 0.05  # of the width, left and right: some phones cut strips at the sides
SAFE_Y = 0.085  # of the height: 12.2 of 144 points; older systems show the middle 123

_GAP = 0.08  # of a slot, between two of them
_WIDEST_PITCH = 1.3  # in slots, so that few slots stay together
_TALLEST = 0.86  # of the height, for cards of one to three slots
_FULL_ROWS = 0.15  # how much of its score a layout can lose through empty places
_COMPACT = 1.6  # the aspect up to which a picture can be read inside a disc
_MEDALLION_GAP = 0.04  # of the width

Spot = tuple[int, int]


def draw(
    brand: Brand, card: StampCard, size: tuple[int, int], backdrop: Art | None = None
) -> Image.Image:
    """The card's picture in exactly `size` pixels; P mode when flat, RGB over a `backdrop`."""
    sheet = _sheet(brand, card.slots, card.milestones, card.ready, size, backdrop)
    canvas = sheet.canvas.copy()
    for slot, spot in enumerate(sheet.spots, 1):
        sprite = sheet.sprite(slot, slot <= card.filled)
        canvas.paste(sprite, spot, sprite if sprite.mode == "RGBA" else None)
    return canvas


def arrange(slots: int, width: float, height: float) -> tuple[float, list[tuple[float, float]]]:
    """The side of a slot and the left top corners of all slots, centred in width × height.

    As large as possible, with full rows preferred to slightly larger slots; a shorter last row is
    centred.
    """
    rows = max(range(1, slots + 1), key=lambda count: _score(slots, count, width, height))
    columns = math.ceil(slots / rows)
    side = _side(columns, rows, width, height)
    pitch_x = min((width - side) / max(1, columns - 1), side * _WIDEST_PITCH)
    pitch_y = min((height - side) / max(1, rows - 1), pitch_x)
    corners = []
    for slot in range(slots):
        row, column = divmod(slot, columns)
        in_row = min(columns, slots - row * columns)
        x = width / 2 + (column - (in_row - 1) / 2) * pitch_x - side / 2
        y = height / 2 + (row - (rows - 1) / 2) * pitch_y - side / 2
        corners.append((x, y))
    return side, corners


def _score(slots: int, rows: int, width: float, height: float) -> float:
    columns = math.ceil(slots / rows)
    if (rows - 1) * columns >= slots:
        return 0.0  # a row would stay empty
    fullness = slots / (rows * columns)
    return _side(columns, rows, width, height) * (1 - _FULL_ROWS + _FULL_ROWS * fullness)


def _side(columns: int, rows: int, width: float, height: float) -> float:
    across = width / (columns + (columns - 1) * _GAP)
    down = height / (rows + (rows - 1) * _GAP)
    return min(across, down, height * _TALLEST)


@dataclass(frozen=True, slots=True)
class _Sheet:
    """Everything the cards of one brand, size and shape share; sprites are in the canvas's mode."""

    canvas: Image.Image
    spots: tuple[Spot, ...]
    milestones: frozenset[int]
    on: Image.Image
    off: tuple[Image.Image, ...]
    milestone_on: Image.Image
    milestone_off: Image.Image

    def sprite(self, slot: int, filled: bool) -> Image.Image:
        if slot in self.milestones:
            return self.milestone_on if filled else self.milestone_off
        return self.on if filled else self.off[slot - 1]


@lru_cache(maxsize=24)
def _sheet(
    brand: Brand,
    slots: int,
    milestones: frozenset[int],
    ready: bool,
    size: tuple[int, int],
    backdrop: Art | None,
) -> _Sheet:
    width, height = size
    left, top = math.ceil(width * SAFE_X), math.ceil(height * SAFE_Y)
    free_w, free_h = width - 2 * left, height - 2 * top
    painter = _Painter(brand, plated=backdrop is not None)
    medal = painter.medallion(free_h) if ready else None
    taken = free_h + round(width * _MEDALLION_GAP) if medal else 0
    side, corners = arrange(slots, free_w - taken, free_h)
    cell = math.floor(side)
    spots = tuple((left + taken + math.ceil(x), top + math.ceil(y)) for x, y in corners)
    sprites = [
        painter.stamp(cell),
        painter.milestone(cell, filled=True),
        painter.milestone(cell, filled=False),
        *(painter.empty(cell, slot) for slot in range(1, slots + 1)),
    ]
    canvas, sprites, medal = _grounded(brand, size, backdrop, sprites, medal)
    if medal:
        canvas.paste(medal, (left, top), medal if medal.mode == "RGBA" else None)
    on, milestone_on, milestone_off, *off = sprites
    return _Sheet(canvas, spots, milestones, on, tuple(off), milestone_on, milestone_off)


def _grounded(
    brand: Brand,
    size: tuple[int, int],
    backdrop: Art | None,
    sprites: list[Image.Image],
    medal: Image.Image | None,
) -> tuple[Image.Image, list[Image.Image], Image.Image | None]:
    """The empty canvas, and the sprites made fit to be pasted on it."""
    if backdrop:
        return _scene(brand, size, backdrop), sprites, medal
    sample = [*sprites[:4], medal] if medal else sprites[:4]
    flat = [_on_ground(sprite, brand.background) for sprite in sample]
    palette = _palette(flat, brand.background)
    canvas = Image.new("P", size, 0)
    canvas.putpalette(palette.getpalette() or [])
    return (
        canvas,
        [_indexed(sprite, brand.background, palette) for sprite in sprites],
        _indexed(medal, brand.background, palette) if medal else None,
    )


def _scene(brand: Brand, size: tuple[int, int], backdrop: Art) -> Image.Image:
    """The merchant's picture, calmed towards the brand's colour."""
    scene = Image.new("RGB", size, brand.background.rgb)
    picture = cover(backdrop, size)
    scene.paste(picture, (0, 0), picture.getchannel("A"))
    return Image.blend(scene, Image.new("RGB", size, brand.background.rgb), 0.35)


def _on_ground(sprite: Image.Image, ground: Colour) -> Image.Image:
    flat = Image.new("RGB", sprite.size, ground.rgb)
    flat.paste(sprite, (0, 0), sprite)
    return flat


def _indexed(sprite: Image.Image, ground: Colour, palette: Image.Image) -> Image.Image:
    flat = _on_ground(sprite, ground).quantize(palette=palette, dither=Image.Dither.NONE)
    bare = sprite.getchannel("A").point(_is_zero)
    flat.paste(0, (0, 0), bare)  # Pillow's search is coarse: a neighbour of the ground would show
    return flat


_is_zero = [255] + [0] * 255  # the lookup table of a mask


def _palette(samples: list[Image.Image], ground: Colour) -> Image.Image:
    """A palette image for all the samples whose index 0 is exactly the ground."""
    sheet = Image.new("RGB", (sum(s.width for s in samples), max(s.height for s in samples)))
    sheet.paste(ground.rgb, (0, 0, *sheet.size))
    x = 0
    for sample in samples:
        sheet.paste(sample, (x, 0))
        x += sample.width
    chosen = sheet.quantize(colors=_COLOURS - 1, method=Image.Quantize.MEDIANCUT)
    palette = Image.new("P", (1, 1))
    palette.putpalette([*ground.rgb, *(chosen.getpalette() or [])])
    return palette


_COLOURS = 128  # enough for soft edges and a logo's tones; each one costs bytes


class _Painter:
    """Draws the single sprites of one brand, RGBA, at any size.

    `plated` puts a plate of the brand's background under each one, for grounds that are pictures.
    """

    def __init__(self, brand: Brand, *, plated: bool) -> None:
        self._brand = brand
        self._plated = plated
        self._ground = brand.background
        self._ink = readable_on(brand.background, brand.foreground, MIN_GRAPHIC_CONTRAST)
        self._accent = readable_on(brand.background, brand.label, MIN_GRAPHIC_CONTRAST)
        softest = brand.background.mix(self._ink, 0.5)
        self._soft = readable_on(brand.background, softest, MIN_GRAPHIC_CONTRAST)

    def empty(self, size: int, number: int) -> Image.Image:
        """A place still to be stamped."""
        if self._brand.stamp_off:
            return self._own(size, study(self._brand.stamp_off))
        box = self._box(size)
        self._plate(box, marks.disc(size, 0.98))
        self._ring(box, marks.disc(size, 0.9), marks.disc(size, 0.9 - 2 * _LINE), self._soft)
        mask = Image.new("L", (size, size))
        typeface.write(
            ImageDraw.Draw(mask),
            (size / 2, size / 2),
            str(number),
            size_px=size * 0.34,
            weight=600,
            colour=255,
            anchor="mm",
        )
        _stain(box, mask, self._soft)
        return box

    def stamp(self, size: int) -> Image.Image:
        """A place that is stamped."""
        if self._brand.stamp_on:
            return self._own(size, study(self._brand.stamp_on))
        box = self._box(size)
        self._plate(box, marks.disc(size, 0.98))
        emblem = self._emblem()
        if emblem and not emblem.plain:
            self._seat(box, emblem, 0.9)
            return box
        _stain(box, marks.disc(size, 0.9), self._ink)
        _stain(box, self._silhouette(size, emblem), self._ground)
        return box

    def milestone(self, size: int, *, filled: bool) -> Image.Image:
        """The place of a reward, before and after it is reached."""
        box = self._box(size)
        self._plate(box, marks.seal(size, 1.0))
        outer = marks.seal(size, 0.97)
        if filled:
            _stain(box, outer, self._accent)
        else:
            self._ring(box, outer, marks.seal(size, 0.97 - 2 * _LINE), self._accent)
        self._prize(box, size, 0.5, self._ground if filled else self._accent)
        return box

    def medallion(self, size: int) -> Image.Image:
        """The reward that waits, large, in a burst of rays."""
        box = self._box(size)
        if self._plated:
            self._plate(box, marks.disc(size))
        _stain(box, marks.burst(size, 0.40), self._accent)
        _stain(box, marks.seal(size, 0.74), self._accent)
        inner = marks.disc(size, 0.6)
        self._ring(box, inner, marks.disc(size, 0.6 - _LINE / 2), self._ground)
        self._prize(box, size, 0.34, self._ground)
        return box

    def _prize(self, box: Image.Image, size: int, share: float, ink: Colour) -> None:
        reward = self._brand.reward
        if reward:
            emblem = study(reward)
            picture = emblem.seated(size, share * 0.6)
            if emblem.fills or emblem.ground:
                if emblem.ground:
                    _stain(box, marks.disc(size, share * 1.2), emblem.ground)
                picture = _masked(picture, marks.disc(size, share * 1.2))
            box.alpha_composite(picture)
            return
        side = round(size * share)
        mask = Image.new("L", (size, size))
        mask.paste(marks.gift(side), ((size - side) // 2, (size - side) // 2))
        _stain(box, mask, ink)

    def _emblem(self) -> Emblem | None:
        """The picture that can be recognised inside a small disc: the icon, else a compact logo."""
        for art in (self._brand.icon, self._brand.logo):
            emblem = study(art) if art else None
            if emblem and emblem.aspect <= _COMPACT:
                return emblem
        return None

    def _own(self, size: int, emblem: Emblem) -> Image.Image:
        """The merchant's own stamp as it is, on a disc only where it could not be seen."""
        box = self._box(size)
        self._plate(box, marks.disc(size, 0.98))
        if emblem.fills or emblem.ground or emblem.clarity(self._ground) < 0.5:  # noqa: PLR2004
            self._seat(box, emblem, 0.9)
        else:
            box.alpha_composite(emblem.seated(size, 0.46))
        return box

    def _seat(self, box: Image.Image, emblem: Emblem, share: float) -> None:
        """The emblem on a disc of a colour that suits it, with a rim where the disc is faint."""
        size = box.width
        disc = marks.disc(size, share)
        choices = (WHITE, self._ink, self._accent, self._ground, BLACK)
        ground = emblem.best_ground(choices)
        _stain(box, disc, ground)
        box.alpha_composite(_masked(emblem.seated(size, share * 0.4), disc))
        if emblem.fills or contrast(ground, self._ground) < MIN_GRAPHIC_CONTRAST:
            self._ring(box, disc, marks.disc(size, share - 2 * _LINE), self._ink)

    def _silhouette(self, size: int, emblem: Emblem | None) -> Image.Image:
        if emblem:
            return emblem.seated(size, 0.32).getchannel("A")
        side = round(size * 0.5)
        mask = Image.new("L", (size, size))
        mask.paste(marks.picture(self._brand.mark, side), ((size - side) // 2, (size - side) // 2))
        return mask

    def _box(self, size: int) -> Image.Image:
        return Image.new("RGBA", (size, size), (*self._ground.rgb, 0))

    def _plate(self, box: Image.Image, mask: Image.Image) -> None:
        if self._plated:
            _stain(box, mask, self._ground)

    def _ring(
        self, box: Image.Image, outer: Image.Image, inner: Image.Image, colour: Colour
    ) -> None:
        ring = outer.copy()
        ring.paste(0, (0, 0), inner)
        _stain(box, ring, colour)


_LINE = 0.045  # of a slot: how thick rings are


def _stain(box: Image.Image, mask: Image.Image, colour: Colour) -> None:
    """Lay the colour over the box where the mask is."""
    layer = Image.new("RGBA", box.size, (*colour.rgb, 255))
    layer.putalpha(mask)
    box.alpha_composite(layer)


def _masked(picture: Image.Image, mask: Image.Image) -> Image.Image:
    cut = Image.new("RGBA", picture.size)
    cut.paste(picture, (0, 0), mask)
    return cut
