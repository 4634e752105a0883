import hashlib
import math
import sys
import zlib
from dataclasses import replace

import pytest

from branding import artwork
from branding.brand import Brand, StampCard
from branding.colour import BLACK, WHITE, Colour
from tests.branding.pictures import GREEN, bean, decoded, photograph, square_icon, wordmark

CARD = StampCard(10, 4, frozenset({4, 10}))
FULL = replace(GREEN, logo=wordmark(), icon=square_icon())


def test_every_apple_piece_has_exactly_the_size_its_name_promises():
    sizes = {piece.name: decoded(piece).size for piece in artwork.apple_pieces(FULL, CARD)}
    assert sizes == {
        "icon.png": (38, 38),
        "icon@2x.png": (76, 76),
        "icon@3x.png": (114, 114),
        "logo.png": (160, 32),
        "logo@2x.png": (320, 64),
        "logo@3x.png": (480, 96),
        "strip.png": (375, 144),
        "strip@2x.png": (750, 288),
        "strip@3x.png": (1125, 432),
    }


def test_a_piece_carries_its_own_facts():
    for piece in artwork.apple_pieces(FULL, CARD):
        assert piece.sha1 == hashlib.sha1(piece.png).hexdigest()  # noqa: S324
        assert piece.sha256 == hashlib.sha256(piece.png).hexdigest()
        assert piece.crc32 == zlib.crc32(piece.png)
        assert (piece.width, piece.height) == decoded(piece).size


def test_what_was_drawn_does_not_hold_on_to_the_uploads():
    logo, icon, scene = wordmark(), bean(), photograph()
    brand = replace(GREEN, logo=logo, icon=icon, strip=scene, reward=icon)
    held = [sys.getrefcount(art) for art in (logo, icon, scene)]
    artwork.apple_pieces(replace(brand, name="Other"), CARD)
    artwork.google_hero(replace(brand, name="Other"), CARD)
    assert [sys.getrefcount(art) for art in (logo, icon, scene)] == held


def test_flat_strips_are_small():
    for slots in (1, 10, 30):
        card = StampCard(slots, slots // 2, frozenset({slots}))
        strips = [p for p in artwork.apple_pieces(GREEN, card) if p.name == "strip@3x.png"]
        assert len(strips[0].png) <= 20_000


def test_without_a_card_the_strip_is_the_picture_alone_or_missing():
    names = [piece.name for piece in artwork.apple_pieces(GREEN, None)]
    assert names == ["icon.png", "icon@2x.png", "icon@3x.png"]
    pictured = artwork.apple_pieces(replace(GREEN, strip=photograph()), None)
    assert decoded(pictured[-1]).size == (1125, 432)
    assert decoded(pictured[-1]).mode == "RGB"


@pytest.mark.parametrize("size", [(1, 1), (20, 20), (3000, 10), (10, 3000), (250, 360)])
def test_a_logo_of_any_shape_fits_and_is_not_enlarged_at_1x(size: tuple[int, int]):
    brand = replace(GREEN, logo=photograph(*size))
    logos = [p for p in artwork.apple_pieces(brand, None) if p.name.startswith("logo")]
    assert [p.name for p in logos] == ["logo.png", "logo@2x.png", "logo@3x.png"]
    for scale, logo in enumerate(logos, 1):
        assert logo.width <= min(160, size[0]) * scale
        assert logo.height <= min(50, size[1]) * scale


@pytest.mark.parametrize("brand", [GREEN, FULL, replace(GREEN, logo=bean())])
def test_the_google_logo_is_a_full_square_with_its_subject_inside_the_circle(brand: Brand):
    image = decoded(artwork.google_logo(brand))
    assert (image.size, image.mode) == ((660, 660), "RGB")
    ground = image.getpixel((0, 0))
    outside = [
        (x, y)
        for x in range(0, 660, 6)
        for y in range(0, 660, 6)
        if math.hypot(x - 329.5, y - 329.5) > 236
    ]
    assert {image.getpixel(point) for point in outside} == {ground}
    assert image.getcolors(1) is None  # something is drawn


def test_a_logo_that_would_vanish_on_the_brands_colour_gets_another_ground():
    white_on_white = replace(GREEN, background=WHITE, foreground=BLACK, logo=wordmark())
    image = decoded(artwork.google_logo(white_on_white))
    assert image.getpixel((0, 0)) == BLACK.rgb


def test_the_google_hero_shows_the_count():
    heroes = [artwork.google_hero(GREEN, StampCard(10, n)) for n in (3, 4)]
    assert all(decoded(hero).size == (1032, 336) for hero in heroes)
    assert heroes[0].sha256 != heroes[1].sha256
    assert decoded(artwork.google_hero(GREEN, None)).getcolors() == [
        (1032 * 336, GREEN.background.rgb)
    ]


@pytest.mark.parametrize("name", ["Green Bean", "קפה תל אביב", "🎉🎉", "", "„Őz” & fia", "x" * 200])
def test_any_name_gives_an_icon(name: str):
    icons = artwork.apple_pieces(replace(GREEN, name=name), None)
    assert all((decoded(icon).getcolors(1)) is None for icon in icons)


def test_a_wordmark_says_the_name_and_a_square_logo_does_not():
    assert artwork.logo_says_name(FULL)
    assert not artwork.logo_says_name(replace(GREEN, logo=bean()))
    assert not artwork.logo_says_name(GREEN)


def test_the_key_of_a_brand_changes_with_everything_that_is_seen():
    brands = [
        GREEN,
        replace(GREEN, name="Other"),
        replace(GREEN, label=Colour(1, 2, 3)),
        replace(GREEN, logo=bean()),
        replace(GREEN, icon=bean()),
        replace(GREEN, mark="heart"),
    ]
    assert len({brand.key for brand in brands}) == len(brands)
    assert replace(GREEN).key == GREEN.key
