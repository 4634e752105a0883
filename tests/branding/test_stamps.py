import itertools
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops

from branding import stamps
from branding.brand import MAX_SLOTS, Brand, StampCard
from branding.colour import Colour, contrast
from branding.grid import arrange
from branding.piece import Piece
from tests.branding.pictures import GREEN, bean, photograph, square_icon, wordmark

STRIP = (375, 144)
SMALL = (250, 96)


def flat(image: Image.Image) -> Image.Image:
    return image.convert("RGB")


def drawn_box(image: Image.Image, brand: Brand) -> tuple[int, int, int, int]:
    ground = Image.new("RGB", image.size, brand.background.rgb)
    box = ImageChops.difference(flat(image), ground).getbbox()
    assert box is not None
    return box


def assert_within_margins(image: Image.Image, brand: Brand) -> None:
    left, top, right, bottom = drawn_box(image, brand)
    assert left >= 0.05 * image.width
    assert right <= 0.95 * image.width
    middle = 123 / 144 * image.height
    assert top >= (image.height - middle) / 2
    assert bottom <= (image.height + middle) / 2


def test_every_count_of_every_card_differs_and_keeps_the_margins():
    seen = set()
    for slots in range(1, MAX_SLOTS + 1):
        for filled in range(slots + 1):
            card = StampCard(slots, filled, frozenset({slots}))
            image = stamps.draw(GREEN, card, STRIP)
            assert_within_margins(image, GREEN)
            seen.add(flat(image).tobytes())
    assert len(seen) == sum(slots + 1 for slots in range(1, MAX_SLOTS + 1))


@pytest.mark.parametrize("slots", [1, 2, 7, 10, 30])
def test_a_waiting_reward_has_a_look_of_its_own_within_the_margins(slots: int):
    usual = stamps.draw(GREEN, StampCard(slots, slots), STRIP)
    ready = [stamps.draw(GREEN, StampCard(slots, n, ready=True), STRIP) for n in (slots, slots - 1)]
    for image in ready:
        assert_within_margins(image, GREEN)
    assert len({flat(image).tobytes() for image in (usual, *ready)}) == 3


def test_a_milestone_is_marked_before_and_after_it_is_reached():
    for filled in (0, 5):
        plain = stamps.draw(GREEN, StampCard(5, filled), SMALL)
        marked = stamps.draw(GREEN, StampCard(5, filled, frozenset({3})), SMALL)
        assert flat(plain).tobytes() != flat(marked).tobytes()


def test_a_stamp_changes_its_own_slot_only():
    before = flat(stamps.draw(GREEN, StampCard(10, 4), STRIP))
    after = flat(stamps.draw(GREEN, StampCard(10, 5), STRIP))
    left, _, right, _ = ImageChops.difference(before, after).getbbox() or (0, 0, 0, 0)
    assert 0 < right - left < STRIP[0] / 5


@given(slots=st.integers(1, MAX_SLOTS), width=st.integers(150, 1100), height=st.integers(60, 420))
@settings(max_examples=100, deadline=None)
def test_slots_lie_inside_their_area_and_never_touch(slots: int, width: int, height: int):
    side, corners = arrange(slots, width, height)
    assert len(corners) == slots
    for x, y in corners:
        assert -0.001 <= x <= width - side + 0.001
        assert -0.001 <= y <= height - side + 0.001
    for (ax, ay), (bx, by) in itertools.combinations(corners, 2):
        assert max(abs(ax - bx), abs(ay - by)) > side


@pytest.mark.parametrize(
    ("slots", "rows"), [(1, [1]), (5, [5]), (7, [4, 3]), (10, [5, 5]), (30, [10, 10, 10])]
)
def test_rows_are_balanced(slots: int, rows: list[int]):
    _, corners = arrange(slots, 337, 119)
    heights = [y for _, y in corners]
    assert [heights.count(y) for y in sorted(set(heights))] == rows


@given(*[st.builds(Colour, *[st.integers(0, 255)] * 3)] * 3)
@settings(max_examples=25, deadline=None)
def test_stamps_empty_slots_and_rewards_stand_out_on_any_background(
    background: Colour, foreground: Colour, label: Colour
):
    brand = Brand("Any", background, foreground, label)
    image = stamps.draw(brand, StampCard(3, 1, frozenset({3})), (120, 46))
    for third in range(3):
        slot = flat(image).crop((third * 40, 0, third * 40 + 40, 46))
        inks = [Colour(*rgb) for _, rgb in slot.getcolors(maxcolors=9999) or []]
        # 2.9: soft edges and the palette may round a channel of a thin ring away from 3.0
        assert max(contrast(ink, background) for ink in inks) >= 2.9


@pytest.mark.parametrize(
    "brand",
    [
        replace(GREEN, logo=bean()),
        replace(GREEN, logo=wordmark()),
        replace(GREEN, icon=square_icon()),
        replace(GREEN, stamp_on=bean(), stamp_off=wordmark(), reward=square_icon()),
        replace(GREEN, stamp_on=photograph(), reward=photograph()),
        replace(GREEN, background=Colour(255, 255, 255), reward=bean(), mark="heart"),
    ],
)
def test_uploaded_pictures_of_any_shape_keep_the_margins(brand: Brand):
    images = [
        stamps.draw(brand, StampCard(6, 3, frozenset({2, 6}), ready), STRIP)
        for ready in (False, True)
    ]
    for image in images:
        assert_within_margins(image, brand)
    assert flat(images[0]).tobytes() != flat(stamps.draw(GREEN, StampCard(6, 3), STRIP)).tobytes()


def test_the_background_of_a_flat_strip_is_exactly_the_brands():
    image = flat(stamps.draw(GREEN, StampCard(10, 6), STRIP))
    counts = {rgb: count for count, rgb in image.getcolors(maxcolors=9999) or []}
    assert max(counts, key=counts.__getitem__) == GREEN.background.rgb
    near = [rgb for rgb in counts if rgb != GREEN.background.rgb and counts[rgb] > 2000]
    assert all(contrast(Colour(*rgb), GREEN.background) > 2 for rgb in near)


def test_stamps_lie_on_the_merchants_picture_when_there_is_one():
    picture = photograph()
    image = flat(stamps.draw(GREEN, StampCard(10, 6), STRIP, picture))
    assert image.getpixel((2, 2)) != GREEN.background.rgb
    other = flat(stamps.draw(GREEN, StampCard(10, 7), STRIP, picture))
    left, _, right, _ = ImageChops.difference(image, other).getbbox() or (0, 0, 0, 0)
    assert 0 < right - left < STRIP[0] / 5


def test_another_process_draws_the_same_bytes():
    script = (
        "from tests.branding.pictures import GREEN\n"
        "from branding import stamps\n"
        "from branding.brand import StampCard\n"
        "from branding.piece import Piece\n"
        "card = StampCard(7, 3, frozenset({5, 7}), True)\n"
        "print(Piece.of('x', stamps.draw(GREEN, card, (250, 96))).sha256)"
    )
    other = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    here = stamps.draw(GREEN, StampCard(7, 3, frozenset({5, 7}), ready=True), SMALL)
    assert other.stdout.strip() == Piece.of("x", here).sha256


@pytest.mark.parametrize(
    ("slots", "filled", "milestones"),
    [(0, 0, ()), (31, 0, ()), (5, 6, ()), (5, -1, ()), (5, 0, (6,)), (5, 0, (0,))],
)
def test_a_card_whose_numbers_do_not_fit_is_refused(
    slots: int, filled: int, milestones: tuple[int, ...]
):
    with pytest.raises(ValueError, match=r"slots|slot between"):
        StampCard(slots, filled, frozenset(milestones))


def test_a_faint_empty_stamp_stays_fainter_than_a_filled_one():
    """Dark on dark: it gets a ring to be found by, not a bright disc."""
    brand = replace(GREEN, background=Colour(20, 20, 20), stamp_on=bean(), stamp_off=bean())
    empty, full = (flat(stamps.draw(brand, StampCard(1, n), STRIP)) for n in (0, 1))
    assert sum(empty.convert("L").histogram()[200:]) < 0.2 * sum(
        full.convert("L").histogram()[200:]
    )
