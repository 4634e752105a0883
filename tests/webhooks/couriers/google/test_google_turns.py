"""Turns are reserved a few at a time, used up, and lost when nobody used them in time."""

from dataclasses import dataclass, field
from threading import Event
from time import monotonic

import pytest

from tests.together import together
from webhooks.couriers.google_turns import Turns


@dataclass
class Bucket:
    """Gives every turn at the same moment, and remembers how many were asked for at once."""

    wait_s: float = 0.0
    asked: list[int] = field(default_factory=list)

    def reserve(self, turns: int) -> list[float]:
        self.asked.append(turns)
        return [self.wait_s] * turns


@pytest.mark.parametrize(("wanted", "asked"), [(1, 1), (5, 5), (20, 8), (0, 1)])
def test_no_more_is_reserved_than_is_wanted_and_can_go_at_once(wanted: int, asked: int) -> None:
    bucket = Bucket()
    Turns(bucket.reserve, most=8).wait(wanted)
    assert bucket.asked == [asked]


def test_what_is_reserved_is_used_up_first() -> None:
    bucket = Bucket()
    turns = Turns(bucket.reserve, most=8)
    for wanted in range(10, 0, -1):
        turns.wait(wanted)
    assert bucket.asked == [8, 2]


def test_a_turn_that_was_not_used_in_time_is_lost() -> None:
    bucket = Bucket(wait_s=-1.0)
    turns = Turns(bucket.reserve, most=8)
    turns.wait(3)
    turns.wait(2)
    assert bucket.asked == [3, 2]


def test_turns_begin_when_the_reservation_was_made_however_long_that_took() -> None:
    class SlowBucket(Bucket):
        def reserve(self, turns: int) -> list[float]:
            Event().wait(0.6)
            return super().reserve(turns)

    bucket = SlowBucket(wait_s=0.1)
    turns = Turns(bucket.reserve, most=8)
    begun = monotonic()
    turns.wait(2)
    assert monotonic() - begun >= 0.7  # not before its turn
    turns.wait(1)
    assert bucket.asked == [2]  # and the next one is not lost


def test_threads_never_share_a_turn() -> None:
    bucket = Bucket()
    turns = Turns(bucket.reserve, most=2)
    together(*(lambda: turns.wait(2) for _ in range(8)))
    assert sum(bucket.asked) == 8
