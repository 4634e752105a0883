import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webhooks.retry import FIRST_S, LONGEST_ASK_S, wait_s

CAP_S = 900.0


def longest(_: float, high: float) -> float:
    return high


def shortest(low: float, _: float) -> float:
    return low


@pytest.mark.parametrize(
    ("attempts", "ceiling"),
    [(0, 1), (1, 1), (2, 2), (3, 4), (10, 512), (11, CAP_S), (10_000, CAP_S)],
)
def test_the_longest_wait_doubles_up_to_the_cap(attempts: int, ceiling: float) -> None:
    assert wait_s(attempts, None, CAP_S, longest) == ceiling


def test_the_jitter_is_full() -> None:
    assert wait_s(8, None, CAP_S, shortest) == 0


@pytest.mark.parametrize("asked", [0.5, 30.0, 2 * CAP_S])
def test_what_the_other_side_asks_is_waited_in_full_even_beyond_the_cap(asked: float) -> None:
    assert wait_s(1, asked, CAP_S, shortest) == asked
    assert wait_s(1, asked, CAP_S, longest) == asked + FIRST_S


def test_nobody_makes_us_wait_longer_than_a_day() -> None:
    assert wait_s(1, 1e12, CAP_S, shortest) == LONGEST_ASK_S


def test_a_negative_wish_is_none() -> None:
    assert wait_s(1, -5.0, CAP_S, shortest) == 0


@settings(max_examples=50, deadline=None)
@given(
    attempts=st.integers(0, 10**6),
    asked=st.none() | st.floats(allow_nan=False),
    chance=st.randoms(use_true_random=False),
)
def test_a_wait_lies_between_the_wish_and_the_wish_plus_the_cap(
    attempts: int, asked: float | None, chance: random.Random
) -> None:
    wish = min(max(asked or 0.0, 0.0), LONGEST_ASK_S)
    wait = wait_s(attempts, asked, CAP_S, chance.uniform)
    assert wish <= wait <= wish + CAP_S
