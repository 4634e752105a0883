import random
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from branding.colour import BLACK, MIN_CONTRAST, WHITE, Colour, contrast
from branding.palette import (
    INK,
    PAPER,
    ContrastFault,
    Palette,
    complete,
    dominant_colours,
    faults,
)

GREEN = Colour.parse("#1f4d3a")
CREAM = Colour.parse("#f3e9d2")

channels = st.integers(0, 255)
colours = st.builds(Colour, channels, channels, channels)
perhaps = st.none() | colours
brands = st.lists(colours, max_size=6)


def _logo(ink: Colour, ground: Colour | None = None) -> Image.Image:
    """A ring, anti-aliased as exported logos are, on `ground` or on nothing."""
    paper = (*ground.rgb, 255) if ground else (*ink.rgb, 0)
    canvas = Image.new("RGBA", (800, 800), paper)
    ImageDraw.Draw(canvas).ellipse((60, 60, 740, 740), outline=ink.rgb, width=160)
    return canvas.resize((200, 200), Image.Resampling.LANCZOS)


def test_the_colours_of_a_flat_logo_are_found_exactly() -> None:
    assert dominant_colours(_logo(CREAM, GREEN))[:1] == (GREEN,)
    assert CREAM in dominant_colours(_logo(CREAM, GREEN))


def test_a_little_strong_colour_outranks_much_white_paper() -> None:
    red = Colour(200, 30, 40)
    picture = Image.new("RGB", (100, 100), WHITE.rgb)
    picture.paste(red.rgb, (0, 0, 30, 30))
    assert dominant_colours(picture) == (red, WHITE)


def test_black_and_white_stand_after_a_grey() -> None:
    grey = Colour(128, 128, 128)
    picture = Image.new("RGB", (100, 100), WHITE.rgb)
    picture.paste(BLACK.rgb, (0, 0, 100, 40))
    picture.paste(grey.rgb, (0, 40, 100, 50))
    assert dominant_colours(picture) == (grey, WHITE, BLACK)


def test_transparent_parts_have_no_colour() -> None:
    picture = Image.new("RGBA", (100, 100), (255, 0, 255, 0))
    picture.paste((*GREEN.rgb, 255), (40, 40, 60, 60))
    assert dominant_colours(picture) == (GREEN,)
    assert dominant_colours(Image.new("RGBA", (10, 10))) == ()


def test_grain_makes_no_further_colours_and_none_is_invented() -> None:
    chance = random.Random(3)  # noqa: S311 - the same picture every time
    pixels = [
        tuple(min(255, channel + chance.randint(-9, 9)) for channel in (GREEN, CREAM)[n % 2].rgb)
        for n in range(64 * 64)
    ]
    grainy = Image.frombytes("RGB", (64, 64), bytes(chain.from_iterable(pixels)))
    found = dominant_colours(grainy)
    assert len(found) == 2
    assert {colour.rgb for colour in found} <= set(pixels)


def test_no_more_colours_are_given_than_asked_for() -> None:
    rainbow = Image.linear_gradient("L").convert("HSV")
    rainbow = Image.merge("HSV", (rainbow.getchannel("V"), *[Image.new("L", (256, 256), 255)] * 2))
    assert len(dominant_colours(rainbow.convert("RGB"), 4)) == 4


def test_a_cream_and_green_logo_gives_cream_text_on_green() -> None:
    palette = complete(None, None, None, dominant_colours(_logo(CREAM, GREEN)))
    assert (palette.background, palette.foreground) == (GREEN, CREAM)


@pytest.mark.parametrize(
    ("ink", "ground"),
    [
        (BLACK, PAPER),
        (WHITE, INK),
        (Colour(138, 138, 138), INK),
        (Colour.parse("#0a7d3c"), PAPER),
    ],
)
def test_a_logo_of_one_colour_stands_on_a_ground_that_shows_it(ink: Colour, ground: Colour) -> None:
    palette = complete(None, None, None, dominant_colours(_logo(ink)))
    assert palette.background == ground
    assert contrast(ink, palette.background) >= 3


def test_a_brand_without_any_picture_gets_dark_text_on_paper() -> None:
    palette = complete(None, None, None, ())
    assert palette.background == PAPER
    assert palette.foreground == INK


def test_the_label_stands_back_behind_the_values() -> None:
    palette = complete(None, None, None, (GREEN, CREAM))
    assert MIN_CONTRAST <= contrast(palette.label, GREEN) < contrast(palette.foreground, GREEN)


@given(brands)
@settings(max_examples=200, deadline=None)
def test_whatever_the_brand_the_proposal_is_readable(dominant: list[Colour]) -> None:
    assert faults(complete(None, None, None, dominant)) == ()


@given(perhaps, perhaps, perhaps, brands)
@settings(max_examples=300, deadline=None)
def test_given_colours_are_kept_and_chosen_ones_are_readable(
    background: Colour | None,
    foreground: Colour | None,
    label: Colour | None,
    dominant: list[Colour],
) -> None:
    palette = complete(background, foreground, label, dominant)
    given_ = {"background": background, "foreground": foreground, "label": label}
    for name, colour in given_.items():
        assert colour is None or getattr(palette, name) == colour
    at_fault = {fault.pair for fault in faults(palette)}
    if len([colour for colour in given_.values() if colour]) <= 1:
        assert not at_fault
    if background:
        assert at_fault <= {name for name, colour in given_.items() if colour}


def test_a_given_text_colour_gets_the_brand_ground_that_carries_it() -> None:
    assert complete(None, WHITE, None, (GREEN, CREAM)).background == GREEN
    assert complete(None, BLACK, None, (GREEN, CREAM)).background == PAPER


def test_a_fault_tells_what_was_measured_and_a_colour_that_works() -> None:
    grey, white = Colour(170, 170, 170), WHITE
    (fault,) = faults(Palette(white, grey, BLACK))
    assert isinstance(fault, ContrastFault)
    assert fault.pair == "foreground"
    assert fault.measured == pytest.approx(2.32, abs=0.005)
    assert contrast(fault.proposal, white) >= MIN_CONTRAST
