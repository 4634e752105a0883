"""The single pictures a stamp card is put together from, in one brand's colours.

What a merchant did not upload is drawn. Every sprite can be told from its ground with a contrast
of at least 3, whatever the colours.
"""

from PIL import Image, ImageDraw

from branding import marks, typeface
from branding.brand import Art, Brand
from branding.colour import BLACK, WHITE, Colour, contrast, readable_on
from branding.emblem import MIN_GRAPHIC_CONTRAST, Emblem, study

_LINE = 0.045  # of a slot: how thick rings are
_DISC = 0.9  # of a slot: a stamp
_SEAL = 0.97  # of a slot: a reward, slightly larger than a stamp
_MEDAL = 0.76  # of the medallion's box, the rest is rays
_COMPACT = 1.6  # the aspect up to which a picture can be read inside a disc
_SOFTNESS = (0.45, 0.55, 0.65, 0.75, 0.85, 1.0)  # steps from the background to the ink


class Sprites:
    """Draws RGBA squares of any `size` in pixels; slow (milliseconds each), so keep them.

    `plated` puts a plate of the brand's background under each one, for grounds that are pictures.
    """

    def __init__(self, brand: Brand, *, plated: bool) -> None:
        self._brand = brand
        self._plated = plated
        self._ground = brand.background
        self._ink = readable_on(brand.background, brand.foreground, MIN_GRAPHIC_CONTRAST)
        self._accent = readable_on(brand.background, brand.label, MIN_GRAPHIC_CONTRAST)
        mixes = (brand.background.mix(self._ink, share) for share in _SOFTNESS)
        self._soft = next((mix for mix in mixes if self._shows(mix)), self._ink)

    def empties(self, size: int, count: int) -> list[Image.Image]:
        """The places still to be stamped, numbered from 1 unless the merchant drew them."""
        if self._brand.stamp_off:
            return [self._own_empty(size, self._brand.stamp_off)] * count
        ring = self._box(size, marks.disc(size))
        self._ring(ring, _DISC, self._soft)
        return [self._numbered(ring, number) for number in range(1, count + 1)]

    def stamp(self, size: int) -> Image.Image:
        """A place that is stamped: the merchant's stamp, else icon or logo, else a drawn mark."""
        if self._brand.stamp_on:
            return self._own(size, self._brand.stamp_on)
        box = self._box(size, marks.disc(size))
        emblem = self._emblem()
        if emblem and not emblem.plain:
            self._seat(box, emblem, _DISC)
            return box
        stain(box, marks.disc(size, _DISC), self._ink)
        stencil = emblem.seated(size, 0.32).getchannel("A") if emblem else self._mark(size)
        stain(box, stencil, self._ground)
        return box

    def promise(self, size: int) -> Image.Image:
        """The place of a reward that is still ahead: an outline."""
        box = self._box(size, marks.seal(size))
        rim = marks.seal(size, _SEAL)
        rim.paste(0, (0, 0), marks.seal(size, _SEAL - 2 * _LINE))
        stain(box, rim, self._accent)
        stain(box, self._prize_stencil(size, 0.5), self._accent)
        return box

    def reward(self, size: int) -> Image.Image:
        """The place of a reward that was reached: solid."""
        box = self._box(size, marks.seal(size))
        self._award(box, _SEAL, picture=0.56)
        return box

    def medallion(self, size: int) -> Image.Image:
        """The reward that waits, large, in a burst of rays."""
        box = self._box(size, marks.disc(size))
        stain(box, marks.burst(size, 0.405), self._accent)
        self._award(box, _MEDAL, picture=0.46)
        if not self._brand.reward:
            self._ring(box, _MEDAL * 0.83, self._ground, line=0.01)
        return box

    def _numbered(self, ring: Image.Image, number: int) -> Image.Image:
        size = ring.width
        mask = Image.new("L", ring.size)
        middle = (size / 2, size / 2)
        typeface.write_middle(
            ImageDraw.Draw(mask), middle, str(number), size_px=size * 0.34, weight=600, colour=255
        )
        box = ring.copy()
        stain(box, mask, self._soft)
        return box

    def _award(self, box: Image.Image, share: float, picture: float) -> None:
        """A solid seal with the reward; `picture` is the part of the seal it takes."""
        size = box.width
        reward = study(self._brand.reward) if self._brand.reward else None
        if not reward or reward.plain:
            stain(box, marks.seal(size, share), self._accent)
            stain(box, self._prize_stencil(size, share * picture), self._ground)
            return
        stain(box, marks.seal(size, share), self._accent)
        ground = reward.best_ground((self._accent, self._ink, WHITE, self._ground, BLACK))
        inner = marks.disc(size, share * 0.84)
        stain(box, inner, ground)
        radius = share * (0.32 if ground != self._accent else 0.36)
        box.alpha_composite(_masked(reward.seated(size, radius), inner))

    def _prize_stencil(self, size: int, share: float) -> Image.Image:
        """The reward as a silhouette: the merchant's when it has free edges, else a present."""
        reward = study(self._brand.reward) if self._brand.reward else None
        if reward and reward.cut_out:
            return reward.seated(size, share * 0.58).getchannel("A")
        return _centred(marks.gift(round(size * share)), size)

    def _emblem(self) -> Emblem | None:
        """The picture that can be recognised inside a small disc: the icon, else a compact logo."""
        for art in (self._brand.icon, self._brand.logo):
            emblem = study(art) if art else None
            if emblem and emblem.aspect <= _COMPACT:
                return emblem
        return None

    def _own(self, size: int, art: Art) -> Image.Image:
        """The merchant's own stamp as it is, on a disc only where it could not be seen."""
        emblem = study(art)
        box = self._box(size, marks.disc(size))
        if emblem.stands_alone_on(self._ground):
            box.alpha_composite(emblem.seated(size, _DISC / 2))
        else:
            self._seat(box, emblem, _DISC)
        return box

    def _own_empty(self, size: int, art: Art) -> Image.Image:
        """The same, but a faint one stays faint inside a ring: it must not look stamped."""
        emblem = study(art)
        if emblem.cut_out and not emblem.stands_alone_on(self._ground):
            box = self._box(size, marks.disc(size))
            self._ring(box, _DISC, self._soft)
            box.alpha_composite(emblem.seated(size, 0.36))
            return box
        return self._own(size, art)

    def _seat(self, box: Image.Image, emblem: Emblem, share: float) -> None:
        """The emblem on a disc of a colour that suits it, with a rim where the disc is faint."""
        size = box.width
        disc = marks.disc(size, share)
        ground = emblem.best_ground((WHITE, self._ink, self._accent, self._ground, BLACK))
        stain(box, disc, ground)
        box.alpha_composite(_masked(emblem.seated(size, share * 0.4), disc))
        if emblem.fills or not self._shows(ground):
            self._ring(box, share, self._ink)

    def _mark(self, size: int) -> Image.Image:
        return _centred(marks.picture(self._brand.mark, round(size * 0.5)), size)

    def _box(self, size: int, plate: Image.Image) -> Image.Image:
        box = Image.new("RGBA", (size, size), (*self._ground.rgb, 0))
        if self._plated:
            stain(box, plate, self._ground)
        return box

    def _ring(self, box: Image.Image, share: float, colour: Colour, line: float = _LINE) -> None:
        ring = marks.disc(box.width, share)
        ring.paste(0, (0, 0), marks.disc(box.width, share - 2 * line))
        stain(box, ring, colour)

    def _shows(self, colour: Colour) -> bool:
        return contrast(colour, self._ground) >= MIN_GRAPHIC_CONTRAST


def stain(box: Image.Image, mask: Image.Image, colour: Colour) -> None:
    """Lay the colour over the RGBA box where the mask is."""
    layer = Image.new("RGBA", box.size, (*colour.rgb, 255))
    layer.putalpha(mask)
    box.alpha_composite(layer)


def _centred(mask: Image.Image, size: int) -> Image.Image:
    box = Image.new("L", (size, size))
    box.paste(mask, ((size - mask.width) // 2, (size - mask.height) // 2))
    return box


def _masked(picture: Image.Image, mask: Image.Image) -> Image.Image:
    cut = Image.new("RGBA", picture.size)
    cut.paste(picture, (0, 0), mask)
    return cut
