"""The PNGs of a brand's passes: what Apple packs into the file and what Google fetches by URL."""

from PIL import Image, ImageDraw

from branding import marks, stamps, typeface
from branding.brand import Art, Brand, StampCard
from branding.cache import PieceCache
from branding.colour import BLACK, WHITE, readable_on
from branding.emblem import MIN_GRAPHIC_CONTRAST, Emblem, cover, opened, study
from branding.piece import Piece

# Sizes in points, Human Interface Guidelines: Wallet; @2x and @3x are multiples in pixels.
ICON_PT = 38
LOGO_PT = (160, 50)
STRIP_PT = (375, 144)
SCALES = {"": 1, "@2x": 2, "@3x": 3}

# Google Wallet brand guidelines: logo masked to a circle with a 15 % margin; hero 1032 × 336.
GOOGLE_LOGO_PX = 660
GOOGLE_LOGO_RADIUS = 0.35
GOOGLE_HERO_PX = (1032, 336)

_IDENTITY_BYTES = 8 << 20  # icons and logos of a hundred brands
_WORDMARK = 1.8  # the aspect from which a logo is read as the name


def apple_pieces(brand: Brand, card: StampCard | None) -> tuple[Piece, ...]:
    """Icon, logo (when there is one) and strip, each @1x, @2x and @3x.

    The strip shows the card's stamps; without a card the brand's strip picture alone; without
    either there is none. Costs a few ms per new card; keep the result in a PieceCache.
    """
    return _identity_pieces(brand) + _strip_pieces(brand, card)


def google_logo(brand: Brand) -> Piece:
    """`programLogo`: full bleed, its subject inside the circle Google cuts out."""
    return Piece.of("logo.png", _badge(brand, GOOGLE_LOGO_PX, GOOGLE_LOGO_RADIUS, brand.logo))


def google_hero(brand: Brand, card: StampCard | None) -> Piece:
    """`heroImage`: the stamp grid; without a card the brand's hero or strip picture, else plain."""
    backdrop = brand.hero or brand.strip
    if card:
        return Piece.of("hero.png", stamps.draw(brand, card, GOOGLE_HERO_PX, backdrop))
    return Piece.of("hero.png", covered(brand, backdrop, GOOGLE_HERO_PX))


def google_hero_parts(brand: Brand, card: StampCard) -> tuple[object, ...]:
    """What the card's `google_hero` is drawn from: equal parts, equal pictures."""
    colours = (brand.background, brand.foreground, brand.label)
    own_stamp = brand.stamp_on or (brand.icon, brand.logo, brand.mark)
    return (card, colours, brand.hero or brand.strip, own_stamp, brand.stamp_off, brand.reward)


def logo_says_name(brand: Brand) -> bool:
    """Whether the logo is a wordmark, so that the name beside it would be read twice."""
    return brand.logo is not None and study(brand.logo).aspect >= _WORDMARK


def sized_logo(brand: Brand, scale: float) -> Image.Image | None:
    """The logo (RGBA) as large as 160 × 50 points allow, but never enlarged at @1x."""
    if not brand.logo:
        return None
    picture = opened(brand.logo)
    shrink = min(1.0, LOGO_PT[0] / picture.width, LOGO_PT[1] / picture.height)
    points = (max(1, round(edge * shrink)) for edge in picture.size)
    width, height = (round(edge * scale) for edge in points)
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def covered(brand: Brand, art: Art | None, size: tuple[int, int]) -> Image.Image:
    """A picture (RGB) that covers exactly `size`, on the brand's background."""
    image = Image.new("RGB", size, brand.background.rgb)
    if art:
        picture = cover(art, size)
        image.paste(picture, (0, 0), picture)
    return image


def _identity_pieces(brand: Brand) -> tuple[Piece, ...]:
    return _identities.get_or_render(brand.key, lambda: _icon_pieces(brand) + _logo_pieces(brand))


_identities = PieceCache(_IDENTITY_BYTES)


def _icon_pieces(brand: Brand) -> tuple[Piece, ...]:
    return tuple(
        Piece.of(f"icon{suffix}.png", _badge(brand, ICON_PT * scale, 0.41, brand.icon))
        for suffix, scale in SCALES.items()
    )


def _strip_pieces(brand: Brand, card: StampCard | None) -> tuple[Piece, ...]:
    if not card and not brand.strip:
        return ()
    pieces = []
    for suffix, scale in SCALES.items():
        size = (STRIP_PT[0] * scale, STRIP_PT[1] * scale)
        image = (
            stamps.draw(brand, card, size, brand.strip)
            if card
            else covered(brand, brand.strip, size)
        )
        pieces.append(Piece.of(f"strip{suffix}.png", image))
    return tuple(pieces)


def _logo_pieces(brand: Brand) -> tuple[Piece, ...]:
    logos = ((suffix, sized_logo(brand, scale)) for suffix, scale in SCALES.items())
    return tuple(Piece.of(f"logo{suffix}.png", logo) for suffix, logo in logos if logo)


def _badge(brand: Brand, size: int, radius: float, art: Art | None) -> Image.Image:
    """A full-bleed square with the brand's emblem, or its initials, inside a circle."""
    emblem = _recognisable(brand, art)
    if not emblem:
        return _initials(brand, size)
    choices = (brand.background, WHITE, brand.foreground, brand.label, BLACK)
    image = Image.new("RGB", (size, size), emblem.best_ground(choices).rgb)
    picture = emblem.seated(size, radius)
    image.paste(picture, (0, 0), picture)
    return image


def _recognisable(brand: Brand, art: Art | None) -> Emblem | None:
    """The wished picture, else the icon, else a logo that is no wordmark."""
    if art:
        return study(art)
    if brand.icon:
        return study(brand.icon)
    if brand.logo and study(brand.logo).aspect < _WORDMARK:
        return study(brand.logo)
    return None


def _initials(brand: Brand, size: int) -> Image.Image:
    image = Image.new("RGB", (size, size), brand.background.rgb)
    ink = readable_on(brand.background, brand.foreground, MIN_GRAPHIC_CONTRAST)
    letters = typeface.initials(brand.name)
    if letters:
        typeface.write_middle(
            ImageDraw.Draw(image),
            (size / 2, size / 2),
            letters,
            size_px=size * (0.5 if len(letters) == 1 else 0.4),
            weight=700,
            colour=ink,
        )
    else:
        side = round(size * 0.5)
        image.paste(ink.rgb, ((size - side) // 2,) * 2, marks.picture(brand.mark, side))
    return image
