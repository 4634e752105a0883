"""The pace at which phones let themselves be updated."""

from datetime import UTC, datetime, timedelta

import pytest

from webhooks.simulators.rationing import Ration, zero_interval

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def paced(fetches: int, gap: timedelta, cards: int = 1) -> Ration:
    ration = Ration()
    for n in range(fetches):
        ration = ration.after_fetch(NOON + n * gap, cards)
    return ration


@pytest.mark.parametrize(("cards", "minutes"), [(1, 120), (2, 60), (4, 30), (10, 30)])
def test_the_free_pace_is_shared_by_the_cards_of_a_type(cards: int, minutes: int) -> None:
    assert zero_interval(cards) == timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("fetches", "wait_s"),
    [(1, 0), (4, 0), (5, 120), (8, 120), (9, 600), (12, 600), (13, 3600), (16, 3600)],
)
def test_fetches_in_a_row_put_the_next_one_off(fetches: int, wait_s: int) -> None:
    ration = paced(fetches, timedelta(0))
    assert ration.next_fetch(NOON) == NOON + timedelta(seconds=wait_s)
    assert not ration.exhausted


def test_in_the_end_updates_are_switched_off() -> None:
    assert paced(17, timedelta(0)).exhausted


def test_the_free_pace_costs_nothing_and_a_pause_heals() -> None:
    assert paced(1000, timedelta(hours=2)).score == 0
    tired = paced(9, timedelta(0))
    assert tired.score == 8
    assert tired.after_fetch(NOON + timedelta(hours=8), 1).score == 5
    assert tired.after_fetch(NOON + timedelta(days=2), 1).score == 0


def test_a_wait_counts_from_the_last_fetch() -> None:
    tired = paced(5, timedelta(0))
    assert tired.next_fetch(NOON + timedelta(seconds=90)) == NOON + timedelta(seconds=120)
    later = NOON + timedelta(minutes=5)
    assert tired.next_fetch(later) == later
