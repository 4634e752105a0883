"""Coordinates that look mistaken, seen from the other shops of a chain."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passes.loyalty.neighbours import Neighbours
from passes.loyalty.places import Point, distance_m
from passes.services.locations import doubts

HUNGARY = [Point(47.4979, 19.0544), Point(46.2530, 20.1414), Point(47.5316, 21.6273)]

near_hungary = st.builds(Point, st.floats(45, 49), st.floats(16, 23))
anywhere = st.builds(
    Point,
    st.sampled_from([-90.0, 89.99, 90.0]) | st.floats(-90, 90),
    st.sampled_from([-180.0, 179.99, 180.0]) | st.floats(-180, 180),
)
swapped = near_hungary.map(lambda one: Point(one.longitude, one.latitude))
asked = st.one_of(near_hungary, anywhere, swapped)
chains = st.lists(st.one_of(near_hungary, anywhere), max_size=25)


def looks_swapped(point: Point, others: list[Point]) -> bool:
    """Far from all others, and ten times as far as if its degrees changed places."""
    if not others or abs(point.longitude) > 90:
        return False
    turned = Point(point.longitude, point.latitude)
    away_m = min(distance_m(point, one) for one in others)
    return away_m > 100_000 and away_m > 10 * min(distance_m(turned, one) for one in others)


def codes(point: Point, others: list[Point], *, confirmed: bool = False) -> list[str]:
    found = doubts(point, Neighbours([point, *others]), confirmed=confirmed)
    return [fault.code for fault in found]


@settings(max_examples=300, deadline=None)
@given(asked, chains)
def test_what_looks_swapped_does_so_from_all_the_others(point: Point, others: list[Point]) -> None:
    on_null_island = max(abs(point.latitude), abs(point.longitude)) < 0.01
    suspected = looks_swapped(point, others) and not on_null_island
    assert ("coordinates_swapped" in codes(point, others)) == suspected


@pytest.mark.parametrize(
    ("point", "found"),
    [
        (Point(19.0450, 47.5407), ["coordinates_swapped"]),
        (Point(47.5407, 19.0450), []),
        (Point(-33.87, 151.21), []),  # far from everything, but no latitude is 151
        (Point(-33.92, 18.42), []),  # far from everything, either way
        (Point(0.001, -0.009), ["null_island"]),
    ],
)
def test_a_shop_is_doubted_where_no_shop_can_be_meant(point: Point, found: list[str]) -> None:
    assert codes(point, HUNGARY) == found
    assert codes(point, []) == [code for code in found if code == "null_island"]
    assert codes(point, HUNGARY, confirmed=True) == codes(point, [])


@pytest.mark.parametrize(
    ("point", "other", "found"),
    [
        (Point(47, 47.73), Point(47.73, 47), []),  # 98 km away
        (Point(47, 47.75), Point(47.75, 47), ["coordinates_swapped"]),  # 101 km
        (Point(10, 40), Point(44.4, 10), []),  # 9.8 times nearer, if they changed places
        (Point(10, 40), Point(44.2, 10), ["coordinates_swapped"]),  # 10.2 times
    ],
)
def test_a_shop_is_doubted_that_is_far_and_would_be_much_nearer(
    point: Point, other: Point, found: list[str]
) -> None:
    assert codes(point, [other]) == found
