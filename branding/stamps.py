"""The stamp grid: n of N stamps drawn over a brand's background, with milestones and rewards.

Wallets crop this picture a little, so nothing is drawn in the outer 5 % of the width nor outside
the middle 83 % of the height (123 of Apple's 144 points). The empty and the full card are drawn
once per brand and size; every count between is put together from these two, in a few milliseconds.
"""

import math
from dataclasses import dataclass

from PIL import Image

from branding.brand import Art, Brand, StampCard
from branding.cache import ByteCache
from branding.colour import Colour
from branding.emblem import cover
from branding.grid import arrange
from branding.sprites import Sprites

SAFE_X = 0.05  # of the width, left and right: some phones cut strips at the sides
SAFE_Y = 0.085  # of the height: 12.2 of 144 points; older systems show the middle 123

_SHEET_BYTES = 24 << 20  # the largest ones have 1 MB
_MEDALLION_GAP = 0.04  # of the width
_CALM = 0.35  # how far a backdrop is moved towards the brand's background
_FLAT_COLOURS = 128  # enough for soft edges and a logo's tones; each one costs bytes
_SCENE_COLOURS = 256
_ZERO_ALPHA = [255] + [0] * 255  # lookup table: what nothing was drawn on

Box = tuple[int, int, int, int]


def draw(
    brand: Brand, card: StampCard, size: tuple[int, int], backdrop: Art | None = None
) -> Image.Image:
    """The card's picture in exactly `size` pixels, with a palette.

    Index 0 is exactly the brand's background, so that a flat strip has no seam on the pass.
    """
    look = (brand.key, card.slots, card.milestones, card.ready, size, backdrop and backdrop.sha256)
    sheet = _sheets.get_or_render(look, lambda: _sheet(brand, card, size, backdrop))
    canvas = sheet.none.copy()
    for box in sheet.boxes[: card.filled]:
        canvas.paste(sheet.all.crop(box), box)
    return canvas


@dataclass(frozen=True, slots=True)
class _Sheet:
    """The card with no stamp and with all of them, and where each slot lies in both."""

    none: Image.Image
    all: Image.Image
    boxes: tuple[Box, ...]


_sheets: ByteCache[_Sheet] = ByteCache(
    _SHEET_BYTES, lambda sheet: 2 * sheet.none.width * sheet.none.height
)


def _sheet(brand: Brand, card: StampCard, size: tuple[int, int], backdrop: Art | None) -> _Sheet:
    """Drawn for any number of stamps: `card.filled` plays no part."""
    sprites = Sprites(brand, plated=backdrop is not None)
    medal_box, boxes = _boxes(card.slots, size, ready=card.ready)
    side = boxes[0][2] - boxes[0][0]
    stamp, reached, ahead = sprites.stamp(side), sprites.reward(side), sprites.promise(side)
    empties = sprites.empties(side, card.slots)
    none = Image.new("RGBA", size, (*brand.background.rgb, 0))
    samples = [stamp, reached, ahead, empties[0]]
    if card.ready:
        medal = sprites.medallion(medal_box[2] - medal_box[0])
        none.paste(medal, medal_box)
        samples.append(medal)
    every = none.copy()
    for slot, box in enumerate(boxes, 1):
        none.paste(ahead if slot in card.milestones else empties[slot - 1], box)
        every.paste(reached if slot in card.milestones else stamp, box)
    ground = Image.new("RGB", size, brand.background.rgb)
    if backdrop:
        ground = _calmed(cover(backdrop, size), ground)
        samples.append(ground.convert("RGBA"))
    palette = _palette(samples, brand.background, flat=not backdrop)
    return _Sheet(
        _printed(none, ground, palette, flat=not backdrop),
        _printed(every, ground, palette, flat=not backdrop),
        boxes,
    )


def _boxes(slots: int, size: tuple[int, int], *, ready: bool) -> tuple[Box, tuple[Box, ...]]:
    """The place of the medallion (empty unless `ready`) and the places of the slots."""
    width, height = size
    left, top = math.ceil(width * SAFE_X), math.ceil(height * SAFE_Y)
    free_width, free_height = width - 2 * left, height - 2 * top
    medal = free_height if ready else 0
    taken = medal + round(width * _MEDALLION_GAP) if ready else 0
    exact_side, corners = arrange(slots, free_width - taken, free_height)
    side = math.floor(exact_side)
    spots = ((left + taken + math.ceil(x), top + math.ceil(y)) for x, y in corners)
    boxes = tuple((x, y, x + side, y + side) for x, y in spots)
    return (left, top, left + medal, top + medal), boxes


def _calmed(picture: Image.Image, ground: Image.Image) -> Image.Image:
    """The merchant's picture over the brand's colour and moved towards it."""
    scene = ground.copy()
    scene.paste(picture, (0, 0), picture)
    return Image.blend(scene, ground, _CALM)


def _palette(samples: list[Image.Image], ground: Colour, *, flat: bool) -> Image.Image:
    """An image whose palette suits all the samples and begins with exactly the ground.

    Median cut is truer to a few inks, the octree to a photograph (and a hundred times faster).
    """
    colours = _FLAT_COLOURS if flat else _SCENE_COLOURS
    method = Image.Quantize.MEDIANCUT if flat else Image.Quantize.FASTOCTREE
    width, height = sum(s.width for s in samples), max(s.height for s in samples)
    table = Image.new("RGB", (width, height), ground.rgb)
    x = 0
    for sample in samples:
        table.paste(sample, (x, 0), sample)
        x += sample.width
    chosen = table.quantize(colours - 1, method)
    palette = Image.new("P", (1, 1))
    palette.putpalette([*ground.rgb, *(chosen.getpalette() or [])[: 3 * (colours - 1)]])
    return palette


def _printed(
    layer: Image.Image, ground: Image.Image, palette: Image.Image, *, flat: bool
) -> Image.Image:
    """The layer over the ground in the palette's colours; only photographs are dithered."""
    picture = ground.copy()
    picture.paste(layer, (0, 0), layer)
    dither = Image.Dither.NONE if flat else Image.Dither.FLOYDSTEINBERG
    printed = picture.quantize(palette=palette, dither=dither)
    if flat:  # Pillow's search is coarse: a neighbour of the ground would show as a faint square
        printed.paste(0, (0, 0), layer.getchannel("A").point(_ZERO_ALPHA))
    return printed
