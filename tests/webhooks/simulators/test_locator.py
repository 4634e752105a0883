"""Where marks lie on the picture of the places around a phone."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.webhooks.simulators.test_whereabouts import positions, watched
from webhooks.simulators.locator import Locator, locator
from webhooks.simulators.whereabouts import Position

HERE = Position(47.5, 19.0)


def seen(*places: Position, position: Position | None = HERE) -> Locator:
    view = locator([watched(one) for one in places], position)
    assert view
    return view


def test_north_is_up_and_east_is_right() -> None:
    view = seen(
        Position(47.6, 19.0), Position(47.5, 19.1), Position(47.4, 19), Position(47.5, 18.9)
    )
    north, east, south, west = view.marks
    assert north.y < -80
    assert east.x > 60
    assert south.y > 80
    assert west.x < -60
    assert abs(north.x) + abs(east.y) < 1


def test_what_is_across_the_date_line_lies_next_door() -> None:
    [mark] = seen(Position(0, -179.99), position=Position(0, 179.99)).marks
    assert mark.x == pytest.approx(100, abs=0.1)
    assert mark.y == pytest.approx(0, abs=0.1)


def test_a_place_within_reach_stands_out_and_only_while_the_phone_is_somewhere() -> None:
    here, there = seen(HERE, Position(47.52, 19)).marks
    assert (here.near, there.near) == (True, False)
    nowhere = seen(HERE, Position(47.52, 19), position=None)
    assert [mark.near for mark in nowhere.marks] == [False, False]
    assert nowhere.has_phone is False


def test_places_that_would_cover_each_other_are_one_mark() -> None:
    far = [Position(50.08 + step / 1000, 14.42) for step in range(3)]
    view = seen(HERE, *far)
    assert [(mark.numbers, mark.label) for mark in view.marks] == [((1,), "1"), ((2, 3, 4), "2+")]


def test_rings_tell_distances_as_far_as_the_places_go() -> None:
    assert [ring.label for ring in seen(HERE, Position(47.53, 19)).rings] == ["100 m", "1 km"]
    far = seen(Position(50.08, 14.42))
    assert [ring.label for ring in far.rings] == ["", "1 km", "10 km", "100 km"]


def test_without_places_there_is_nothing_to_see() -> None:
    assert locator([], HERE) is None


@given(st.lists(positions, min_size=1, max_size=10), st.none() | positions)
@settings(max_examples=60, deadline=None)
def test_every_place_is_in_the_picture_once(
    places: list[Position], position: Position | None
) -> None:
    view = seen(*places, position=position)
    assert sorted(number for mark in view.marks for number in mark.numbers) == list(
        range(1, len(places) + 1)
    )
    assert all(math.hypot(mark.x, mark.y) <= 100.01 for mark in view.marks)
    assert all(ring.radius <= 100.01 for ring in view.rings)
