"""Which ten shops: near where the member goes, on a round Earth, whoever asks."""

import math
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passes.loyalty.places import (
    HALF_LIFE,
    MAX_ANCHORS,
    MAX_PLACES,
    Chart,
    Point,
    Visit,
    anchors_of,
    chart,
    distance_m,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BUDAPEST, SZEGED, SYDNEY = Point(47.4979, 19.0402), Point(46.2530, 20.1414), Point(-33.87, 151.21)

points = st.builds(
    Point, st.floats(-90, 90, allow_nan=False), st.floats(-180, 180, allow_nan=False)
)
ids = st.text("abcdef", min_size=1, max_size=3)
shops = st.dictionaries(ids, points, min_size=1, max_size=40)
crowds = st.dictionaries(ids, st.just(BUDAPEST) | points, min_size=12, max_size=40)
closed = st.tuples(st.text("xyz", max_size=2), points)


def great_circle_m(one: Point, other: Point) -> float:
    """The haversine formula, as the books have it."""
    a, b = math.radians(one.latitude), math.radians(other.latitude)
    step = math.radians(other.longitude - one.longitude)
    h = math.sin((b - a) / 2) ** 2 + math.cos(a) * math.cos(b) * math.sin(step / 2) ** 2
    return 2 * 6_371_008.8 * math.asin(math.sqrt(min(1.0, h)))


def visits(*days_ago: tuple[str, float]) -> list[Visit]:
    return [Visit(shop_id, NOW - timedelta(days=days)) for shop_id, days in days_ago]


@pytest.mark.parametrize(
    ("one", "other", "km"),
    [
        (BUDAPEST, SZEGED, 161.9),
        (BUDAPEST, SYDNEY, 15_781),
        (Point(10, 179.9), Point(10, -179.9), 21.9),  # across the antimeridian
        (Point(90, 0), Point(90, 137), 0),  # one pole, whatever its longitude
        (Point(89.9, 0), Point(89.9, 180), 22.2),  # across the pole
        (Point(0, 0), Point(0, 180), 20_015),
    ],
)
def test_distances_are_those_of_a_globe(one: Point, other: Point, km: float) -> None:
    assert distance_m(one, other) / 1000 == pytest.approx(km, rel=0.005, abs=0.001)


@settings(max_examples=100, deadline=None)
@given(points, points)
def test_distances_agree_with_the_haversine_formula(one: Point, other: Point) -> None:
    assert distance_m(one, other) == pytest.approx(great_circle_m(one, other), rel=1e-6, abs=1e-2)
    assert distance_m(one, other) == distance_m(other, one)


@settings(max_examples=60, deadline=None)
@given(shops, points)
def test_without_history_the_nearest_to_home_are_chosen(
    known: dict[str, Point], home: Point
) -> None:
    chosen = Chart(tuple(known.items())).choose([], ("", home))
    assert len(chosen) == min(MAX_PLACES, len(known))
    assert list(chosen) == sorted(set(chosen))
    left_out = [distance_m(home, known[one]) for one in known.keys() - set(chosen)]
    taken = [distance_m(home, known[one]) for one in chosen]
    assert not left_out or max(taken) <= min(left_out) + 0.01


@settings(max_examples=60, deadline=None)
@given(shops, st.lists(closed, min_size=1, max_size=MAX_ANCHORS), st.randoms())
def test_the_choice_is_the_same_whatever_order_the_shops_come_in(
    known: dict[str, Point], anchors: list[tuple[str, Point]], random: object
) -> None:
    shuffled = list(known.items())
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one = Chart(tuple(known.items())).choose(anchors, None)
    assert one == Chart(tuple(shuffled)).choose(anchors, None)
    assert len(one) == len(set(one)) == min(MAX_PLACES, len(known))


def test_neighbours_across_the_antimeridian_are_near() -> None:
    row = {f"{n:02}": Point(-17.0, 175.0 + n / 2) for n in range(10)}
    row |= {f"{n:02}": Point(-17.0, -180.0 + (n - 10) / 2) for n in range(10, 30)}
    nearest = Chart(tuple(row.items())).nearest(("closed", Point(-17.0, 179.9)))
    assert nearest[:3] == ("10", "09", "11")


def test_shops_at_the_same_place_are_told_apart_by_id() -> None:
    mall = {f"{n:02}": BUDAPEST for n in range(25)}
    chosen = Chart(tuple(mall.items())).choose([("closed", BUDAPEST)], None)
    assert chosen == tuple(sorted(mall))[:10]


@settings(max_examples=100, deadline=None)
@given(crowds, st.data())
def test_who_goes_to_an_open_shop_carries_it_whoever_else_is_there(
    known: dict[str, Point], data: st.DataObject
) -> None:
    drawn = st.lists(st.sampled_from(sorted(known)), unique=True, max_size=MAX_ANCHORS)
    anchors, home = data.draw(drawn), data.draw(st.sampled_from(sorted(known)))
    visited = [(one, known[one]) for one in anchors]
    chosen = Chart(tuple(known.items())).choose(visited, (home, known[home]))
    assert set(chosen) >= set(anchors or [home])
    assert len(chosen) == min(MAX_PLACES, len(known))


def test_each_anchor_has_its_share_and_is_among_the_chosen() -> None:
    near = {f"a{n:02}": Point(47 + n / 100, 19) for n in range(15)}
    far = {f"b{n:02}": Point(-33 + n / 100, 151) for n in range(15)}
    known = near | far
    chosen = Chart(tuple(known.items())).choose(
        [("a00", known["a00"]), ("b00", known["b00"])], None
    )
    assert chosen == (*sorted(near)[:5], *sorted(far)[:5])


def test_a_member_goes_where_they_went_last_and_most() -> None:
    assert anchors_of([]) == ()
    assert anchors_of(visits(("a", 0))) == ("a",)
    assert anchors_of(visits(("b", 0), ("a", 3))) == ("a", "b")
    assert anchors_of(visits(("b", 0), ("b", 1), ("b", 2), ("a", 3))) == ("b",)
    season = HALF_LIFE.days
    assert anchors_of(visits(("b", 0), ("a", season + 1))) == ("b",)
    assert anchors_of(visits(("b", 0), ("a", season - 1))) == ("a", "b")


def test_one_visit_elsewhere_is_followed_and_three_leave_the_habit_behind() -> None:
    habit = [("a", 10 + day) for day in range(10)]
    assert anchors_of(visits(("b", 0), *habit)) == ("a", "b")
    assert anchors_of(visits(("b", 0), ("b", 1), *habit)) == ("a", "b")
    assert anchors_of(visits(("b", 0), ("b", 1), ("b", 2), *habit)) == ("b",)
    assert anchors_of(visits(("c", 0), ("b", 1), ("b", 2), *habit)) == ("b", "c")


def test_who_is_back_after_a_visit_elsewhere_hangs_on_the_habit_alone() -> None:
    habit = [("a", 10 + day) for day in range(10)]
    assert anchors_of(visits(("a", 0), ("b", 1), *habit)) == ("a",)


def test_home_and_work_by_turns_are_always_both() -> None:
    for days in range(4, 12):
        turns = [("home" if day % 2 else "work", days - day) for day in range(days)]
        assert anchors_of(visits(*turns)) == ("home", "work")


def test_anchors_are_few() -> None:
    assert anchors_of(visits(("a", 1), ("b", 2), ("c", 3), ("d", 4))) == ("a", "b", "c")
    assert len(anchors_of(visits(("d", 1), ("c", 1), ("b", 1), ("a", 1)))) == 3


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 400)), min_size=1, max_size=30),
    st.integers(1, 400),
)
def test_time_alone_moves_no_anchor(history: list[tuple[str, int]], later: int) -> None:
    told = visits(*history)
    aged = [Visit(one.shop_id, one.at - timedelta(days=later)) for one in told]
    assert anchors_of(told) == anchors_of(aged)


def test_equal_shops_share_a_chart_and_what_it_remembers() -> None:
    known = tuple((f"{n}", Point(40 + n / 7, n / 3)) for n in range(30))
    one, other = chart(known), chart(tuple(known))
    assert one is other
    assert one.nearest(known[3]) is other.nearest(known[3])


def test_the_choice_for_one_of_many_members_is_quick() -> None:
    known = tuple((f"{n:03}", Point(40 + n / 70, (n * 37 % 101) / 10)) for n in range(200))
    here = chart(known)
    start = time.process_time()
    for member in range(5_000):
        here.choose([known[member % 200], known[member % 7]], None)
    assert (time.process_time() - start) / 5_000 < 100e-6
