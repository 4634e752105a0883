"""The nearest of many places, found without measuring them all."""

import math
import random
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from passes.loyalty.neighbours import Neighbours
from passes.loyalty.places import Point, distance_m

BUDAPEST, SZEGED = Point(47.4979, 19.0402), Point(46.2530, 20.1414)

# Degrees that meet: at the poles, at the antimeridian, and in the same place.
latitudes = st.sampled_from([-90.0, -89.999, 0.0, 47.5, 89.999, 90.0]) | st.floats(-90, 90)
longitudes = st.sampled_from([-180.0, -179.999, 0.0, 19.0, 179.999, 180.0]) | st.floats(-180, 180)
points = st.builds(Point, latitudes, longitudes)


@settings(max_examples=150, deadline=None)
@given(st.lists(points, min_size=1, max_size=60), points, st.data())
def test_the_nearest_is_that_of_measuring_all(
    many: list[Point], asked: Point, data: st.DataObject
) -> None:
    besides = data.draw(st.sampled_from(many))
    others = list(many)
    others.remove(besides)
    nearest = min((distance_m(asked, one) for one in others), default=math.inf)
    found = Neighbours(many).nearest_m(asked, besides=besides)
    assert math.isclose(found, nearest, rel_tol=1e-12, abs_tol=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.lists(points, min_size=2, max_size=40), points, st.floats(1, 2.1e7))
def test_what_is_farther_than_asked_is_nothing(
    many: list[Point], asked: Point, within_m: float
) -> None:
    here = Neighbours(many)
    nearest = here.nearest_m(asked, besides=many[0])
    found = here.nearest_m(asked, besides=many[0], within_m=within_m)
    assert found == (nearest if nearest <= within_m else math.inf) or math.isclose(
        nearest, within_m, rel_tol=1e-6
    )


def test_of_two_at_one_place_one_is_left_out() -> None:
    assert Neighbours([BUDAPEST]).nearest_m(BUDAPEST, besides=BUDAPEST) == math.inf
    assert Neighbours([BUDAPEST] * 2).nearest_m(BUDAPEST, besides=BUDAPEST) == 0
    near = Neighbours([BUDAPEST, SZEGED]).nearest_m(BUDAPEST, besides=BUDAPEST)
    assert near == distance_m(BUDAPEST, SZEGED)


def test_thousands_are_asked_about_thousands_in_a_moment() -> None:
    dice = random.Random(5)  # noqa: S311  # no secret
    many = [Point(dice.uniform(-90, 90), dice.uniform(-180, 180)) for _ in range(3_000)]
    start = time.process_time()
    here = Neighbours(many)
    found = [here.nearest_m(one, besides=one) for one in many]
    assert time.process_time() - start < 0.5  # all with all takes some two seconds
    for one, nearest in zip(many[:30], found, strict=False):
        assert nearest == min(distance_m(one, other) for other in many if other != one)
