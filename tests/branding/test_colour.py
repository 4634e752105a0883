import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from branding.colour import BLACK, MIN_CONTRAST, WHITE, Colour, contrast, readable_on

channels = st.integers(0, 255)
colours = st.builds(Colour, channels, channels, channels)


@pytest.mark.parametrize(
    ("text", "colour"),
    [
        ("#1f3a2e", Colour(31, 58, 46)),
        ("#1F3A2E", Colour(31, 58, 46)),
        ("#fa0", Colour(255, 170, 0)),
    ],
)
def test_a_colour_is_written_as_in_css(text: str, colour: Colour) -> None:
    assert Colour.parse(text) == colour


@pytest.mark.parametrize("text", ["", "#", "1f3a2e", "#12", "#1234", "#1f3a2g", "#1f3a2e\n", "red"])
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="#1f3a2e"):
        Colour.parse(text)


@given(colours)
@settings(max_examples=50, deadline=None)
def test_a_printed_colour_is_read_back_as_itself(colour: Colour) -> None:
    assert Colour.parse(colour.hex) == colour


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        ("#000000", "#ffffff", 21.0),
        ("#777777", "#ffffff", 4.48),  # the classic grey that just fails
        ("#767676", "#ffffff", 4.54),  # and the one that just passes
        ("#ff0000", "#ffffff", 4.00),
        ("#0000ff", "#ffffff", 8.59),
    ],
)
def test_contrast_agrees_with_published_ratios(one: str, other: str, ratio: float) -> None:
    measured = contrast(Colour.parse(one), Colour.parse(other))
    assert measured == pytest.approx(ratio, abs=0.005)
    assert contrast(Colour.parse(other), Colour.parse(one)) == measured


def test_mixing_goes_from_one_colour_to_the_other() -> None:
    assert BLACK.mix(WHITE, 0) == BLACK
    assert BLACK.mix(WHITE, 1) == WHITE
    assert BLACK.mix(WHITE, 0.2) == Colour(51, 51, 51)


@given(colours, colours)
@settings(max_examples=300, deadline=None)
def test_every_background_has_a_readable_colour_near_every_wish(
    background: Colour, wish: Colour
) -> None:
    found = readable_on(background, wish)
    assert contrast(background, found) >= MIN_CONTRAST
    if contrast(background, wish) >= MIN_CONTRAST:
        assert found == wish
