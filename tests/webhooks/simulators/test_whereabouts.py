"""Distances, directions and what is near, on the whole globe."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webhooks.simulators.whereabouts import (
    Position,
    Watched,
    bearing,
    distance_m,
    nearest,
    position_of,
    told_distance,
)

BUDAPEST, PRAHA = Position(47.4979, 19.0402), Position(50.0755, 14.4378)
positions = st.builds(Position, st.floats(-90, 90), st.floats(-180, 180))


def watched(position: Position, radius_m: float = 100, card: str = "CARD-1") -> Watched:
    return Watched(card, "Coffee card", "Hello", position, radius_m)


@pytest.mark.parametrize(
    ("one", "other", "km"),
    [
        (BUDAPEST, PRAHA, 443),
        (Position(0, 179.5), Position(0, -179.5), 111.2),  # across the date line
        (Position(89.5, 0), Position(89.5, 180), 111.2),  # across the pole
        (Position(90, 0), Position(90, 123), 0),
        (Position(0, 0), Position(0, 180), 20_015),
        (BUDAPEST, BUDAPEST, 0),
    ],
)
def test_distances_hold_everywhere(one: Position, other: Position, km: float) -> None:
    assert distance_m(one, other) / 1000 == pytest.approx(km, rel=0.005, abs=0.1)


@given(positions, positions)
@settings(max_examples=60, deadline=None)
def test_the_way_back_is_as_long(one: Position, other: Position) -> None:
    metres = distance_m(one, other)
    assert 0 <= metres <= 20_015_200
    assert distance_m(other, one) == pytest.approx(metres, abs=0.01)


@pytest.mark.parametrize(
    ("other", "degrees"),
    [
        (Position(1, 179), 0),
        (Position(0, -179), 90),  # east, across the date line
        (Position(-1, 179), 180),
        (Position(0, 177), -90),
    ],
)
def test_directions_are_clockwise_from_north(other: Position, degrees: float) -> None:
    assert math.degrees(bearing(Position(0, 179), other)) == pytest.approx(degrees, abs=0.01)


def test_the_nearest_of_those_within_reach_counts() -> None:
    here = Position(47.5, 19)
    near, nearer = watched(Position(47.5007, 19)), watched(Position(47.4995, 19))  # 78 m, 56 m
    beyond = watched(Position(47.501, 19))  # 111 m
    assert nearest([near, nearer, beyond], here) is nearer
    assert nearest([beyond], here) is None
    assert nearest([watched(Position(47.501, 19), 1000)], here) is not None
    assert nearest([], here) is None


@pytest.mark.parametrize(
    ("latitude", "longitude"),
    [
        (90.1, 0),
        (0, -180.1),
        ("47.5", 19),
        (None, 19),
        (True, False),
        (math.nan, 0),
        (0, math.inf),
        (10**400, 0),
    ],
)
def test_what_is_no_point_on_earth_is_no_position(latitude: object, longitude: object) -> None:
    assert position_of(latitude, longitude) is None


def test_whole_degrees_and_the_corners_are_positions() -> None:
    assert position_of(47, 19) == Position(47.0, 19.0)
    assert position_of(-90, 180) == Position(-90.0, 180.0)


@pytest.mark.parametrize(
    ("metres", "told"),
    [(0, "0 m"), (85.4, "85 m"), (999.6, "1 km"), (1234, "1.2 km"), (443_210, "443 km")],
)
def test_distances_are_told_as_people_say_them(metres: float, told: str) -> None:
    assert told_distance(metres) == told
