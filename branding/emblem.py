"""A merchant's picture studied so that it can sit on any ground: where it is, what it stands on.

Logos come in every shape: cut out, on a white square, white on nothing, full photographs. An
Emblem knows which, so that a disc or a square behind it can be chosen to suit.
"""

import io
import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from PIL import Image, ImageChops, ImageStat

from branding.brand import Art
from branding.cache import ByteCache
from branding.colour import Colour, contrast

MIN_GRAPHIC_CONTRAST = 3.0  # WCAG 2.2, success criterion 1.4.11

DETAIL_PX = 660  # the largest square an emblem fills: Google's logo
_STUDIED_BYTES = 32 << 20  # some twenty pictures

_SAMPLE = 48  # px per side of the small copy that is studied
_OPAQUE = 250
_VISIBLE = 96
_MOST = 0.5  # of a picture
_SAME = 14  # channel difference that still counts as one colour


@dataclass(frozen=True, slots=True)
class Emblem:
    """An RGBA picture cropped to its subject, with as many pixels as the largest use needs.

    `aspect` is the subject's longer side divided by the shorter: 1 is square, 4 a typical wordmark.
    `ground` is the one colour it already stands on, `fills` says that it is a full picture without
    free edges, `reach` is the farthest visible point from the middle in halves of the longer side
    (1 … 1.41), `inks` are its visible colours with their shares.
    """

    picture: Image.Image = field(repr=False)
    aspect: float
    ground: Colour | None
    fills: bool
    reach: float
    inks: tuple[tuple[Colour, float], ...] = field(repr=False)

    @property
    def cut_out(self) -> bool:
        """Whether it has free edges: nothing of its own behind it."""
        return not self.fills and not self.ground

    @property
    def plain(self) -> bool:
        """Whether it is a one-colour silhouette that may be drawn in another ink."""
        if not self.cut_out:
            return False
        main = max(self.inks, key=lambda ink: ink[1])[0]
        return sum(share for ink, share in self.inks if _near(ink, main, 60)) > 0.93  # noqa: PLR2004

    def clarity(self, ground: Colour) -> float:
        """The share (0 … 1) of the picture that stands out from `ground`."""
        return sum(s for ink, s in self.inks if contrast(ink, ground) >= MIN_GRAPHIC_CONTRAST)

    def stands_alone_on(self, ground: Colour) -> bool:
        """Whether it is a cut-out and at least half of it stands out from `ground`."""
        return self.cut_out and self.clarity(ground) >= _MOST

    def best_ground(self, choices: Iterable[Colour], enough: float = 0.6) -> Colour:
        """Its own ground, else the first choice it is clear on, else the clearest of them."""
        if self.ground:
            return self.ground
        options = list(choices)
        clear = (colour for colour in options if self.clarity(colour) >= enough)
        return next(clear, max(options, key=self.clarity))

    def seated(self, size: int, radius: float) -> Image.Image:
        """RGBA, `size` × `size`: the picture centred, as large as a circle of `radius` allows.

        `radius` is a share of `size`. A picture without free edges covers the whole box.
        """
        if self.fills:
            return _covering(self.picture, (size, size))
        side = max(1, round(2 * radius * size / self.reach))
        scale = side / max(self.picture.size)
        width, height = (max(1, round(edge * scale)) for edge in self.picture.size)
        small = self.picture.resize((width, height), Image.Resampling.LANCZOS)
        box = Image.new("RGBA", (size, size))
        box.paste(small, ((size - width) // 2, (size - height) // 2))
        return box


def study(art: Art) -> Emblem:
    """The emblem in a clean PNG; the latest ones are remembered."""
    return _studied.get_or_render(art.sha256, lambda: _study(art))


def _study(art: Art) -> Emblem:
    picture = opened(art)
    ground = _edge_colour(picture)
    if ground:
        return _emblem(_subject(picture, ground), ground, fills=False)
    if _opaque(_edge(picture)):
        return _emblem(picture, None, fills=True)
    return _emblem(picture.crop(picture.getchannel("A").getbbox()), None, fills=False)


_studied: ByteCache[Emblem] = ByteCache(
    _STUDIED_BYTES, lambda emblem: 4 * emblem.picture.width * emblem.picture.height
)


def opened(art: Art) -> Image.Image:
    """The decoded picture, RGBA."""
    with Image.open(io.BytesIO(art.png)) as image:
        return image.convert("RGBA")


def cover(art: Art, size: tuple[int, int]) -> Image.Image:
    """RGBA of exactly `size`: the picture scaled to cover it, cropped around its middle."""
    return _covering(opened(art), size)


def _covering(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    width, height = size
    scale = max(width / picture.width, height / picture.height)
    crop_w, crop_h = width / scale, height / scale
    left, top = (picture.width - crop_w) / 2, (picture.height - crop_h) / 2
    box = (left, top, left + crop_w, top + crop_h)
    return picture.resize(size, Image.Resampling.LANCZOS, box=box, reducing_gap=3.0)


def _emblem(subject: Image.Image, ground: Colour | None, *, fills: bool) -> Emblem:
    aspect = max(subject.size) / min(subject.size)
    picture = _detailed(subject, fills=fills)
    small = picture.copy()
    small.thumbnail((_SAMPLE, _SAMPLE))
    seen = [
        (Colour(*pixel[:3]), x, y)
        for (x, y), pixel in _pixels(small)
        if pixel[3] > _VISIBLE and not (ground and _near(Colour(*pixel[:3]), ground))
    ]
    return Emblem(picture, aspect, ground, fills, _reach(small.size, seen), _shares(seen))


def _detailed(subject: Image.Image, *, fills: bool) -> Image.Image:
    """The subject in at most DETAIL_PX; of one that fills squares only the middle is ever seen."""
    if fills:
        side = min(DETAIL_PX, *subject.size)
        return _covering(subject, (side, side))
    picture = subject.copy()
    picture.thumbnail((DETAIL_PX, DETAIL_PX), Image.Resampling.LANCZOS)
    return picture


def _pixels(image: Image.Image) -> Iterable[tuple[tuple[int, int], tuple[int, int, int, int]]]:
    data = image.tobytes()
    for index in range(image.width * image.height):
        red, green, blue, alpha = data[4 * index : 4 * index + 4]
        yield (index % image.width, index // image.width), (red, green, blue, alpha)


def _reach(size: tuple[int, int], seen: list[tuple[Colour, int, int]]) -> float:
    middle_x, middle_y = (size[0] - 1) / 2, (size[1] - 1) / 2
    farthest = max((math.hypot(x - middle_x, y - middle_y) for _, x, y in seen), default=0.0)
    return min(max(1.0, (farthest + 0.5) / (max(size) / 2)), math.sqrt(2))


def _shares(seen: list[tuple[Colour, int, int]]) -> tuple[tuple[Colour, float], ...]:
    counts: dict[Colour, int] = {}
    for colour, _, _ in seen:
        coarse = Colour(*(channel & 0xF0 | 0x08 for channel in colour.rgb))
        counts[coarse] = counts.get(coarse, 0) + 1
    if not counts:
        return ((Colour(128, 128, 128), 1.0),)
    return tuple((colour, count / len(seen)) for colour, count in counts.items())


def _edge(picture: Image.Image) -> Image.Image:
    """The outermost pixels as one row."""
    width, height = picture.size
    sides = [
        picture.crop((0, 0, width, 1)),
        picture.crop((0, height - 1, width, height)),
        picture.crop((0, 0, 1, height)).transpose(Image.Transpose.ROTATE_90),
        picture.crop((width - 1, 0, width, height)).transpose(Image.Transpose.ROTATE_90),
    ]
    row = Image.new("RGBA", (sum(side.width for side in sides), 1))
    offset = 0
    for side in sides:
        row.paste(side, (offset, 0))
        offset += side.width
    return row


def _edge_colour(picture: Image.Image) -> Colour | None:
    """The colour of the edge when the whole edge is opaque and has one colour."""
    edge = _edge(picture)
    if not _opaque(edge):
        return None
    opaque = edge.convert("RGB")
    ground = Colour(*(round(value) for value in ImageStat.Stat(opaque).median))
    flat = Image.new("RGB", opaque.size, ground.rgb)
    spread = ImageStat.Stat(ImageChops.difference(opaque, flat)).extrema
    return ground if max(high for _, high in spread) <= _SAME else None


def _opaque(picture: Image.Image) -> bool:
    return ImageStat.Stat(picture.getchannel("A")).extrema[0][0] >= _OPAQUE


def _subject(picture: Image.Image, ground: Colour) -> Image.Image:
    """What stands on the ground, cropped; the picture itself when there is nothing."""
    flat = Image.new("RGB", picture.size, ground.rgb)
    difference = ImageChops.difference(picture.convert("RGB"), flat).convert("L")
    return picture.crop(difference.point(lambda value: 255 * (value > _SAME)).getbbox())


def _near(one: Colour, other: Colour, distance: int = _SAME) -> bool:
    return max(abs(a - b) for a, b in zip(one.rgb, other.rgb, strict=True)) <= distance
