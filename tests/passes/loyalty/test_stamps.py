"""Where a member stands after so many stamps."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passes.loyalty.stamps import Milestone, StampRules, progress

COOKIE, COFFEE = Milestone(4, "Cookie"), Milestone(10, "Coffee")
CARD = StampRules(10, (COOKIE, COFFEE))


@pytest.mark.parametrize(
    ("total", "position", "cycle", "ready", "upcoming", "remaining"),
    [
        (0, 0, 0, (), COOKIE, 4),
        (1, 1, 0, (), COOKIE, 3),
        (4, 4, 0, (COOKIE,), COFFEE, 6),
        (5, 5, 0, (), COFFEE, 5),
        (10, 10, 0, (COFFEE,), COOKIE, 4),
        (11, 1, 1, (), COOKIE, 3),
        (14, 4, 1, (COOKIE,), COFFEE, 6),
        (20, 10, 1, (COFFEE,), COOKIE, 4),
        (21, 1, 2, (), COOKIE, 3),
    ],
)
def test_a_full_card_stays_full_until_the_next_stamp_opens_another(
    total: int,
    position: int,
    cycle: int,
    ready: tuple[Milestone, ...],
    upcoming: Milestone,
    remaining: int,
) -> None:
    standing = progress(CARD, total)
    assert (standing.position, standing.cycle) == (position, cycle)
    assert (standing.ready, standing.upcoming) == (ready, upcoming)
    assert standing.remaining == remaining


def test_a_card_that_gives_nothing_counts_to_its_end() -> None:
    standing = progress(StampRules(3), 2)
    assert (standing.upcoming, standing.remaining, standing.ready) == (None, 1, ())
    assert progress(StampRules(3), 3).remaining == 0


def test_a_card_of_one_slot_gives_its_reward_with_every_stamp() -> None:
    rules = StampRules(1, (Milestone(1, "Tea"),))
    for total in (1, 2, 3):
        assert progress(rules, total).ready == rules.milestones
        assert progress(rules, total).remaining == 1


@st.composite
def cards(draw: st.DrawFn) -> StampRules:
    size = draw(st.integers(1, 30))
    slots = sorted(draw(st.sets(st.integers(1, size), max_size=5)))
    return StampRules(size, tuple(Milestone(slot, f"Reward {slot}") for slot in slots))


@settings(max_examples=200, deadline=None)
@given(cards(), st.integers(0, 10_000))
def test_wherever_a_member_stands_the_next_reward_is_that_far_away(
    rules: StampRules, total: int
) -> None:
    standing = progress(rules, total)
    assert 0 <= standing.position <= rules.card_size
    assert standing.cycle * rules.card_size + standing.position == total
    assert {milestone.at for milestone in standing.ready} <= {standing.position}
    if rules.milestones:
        assert 1 <= standing.remaining <= rules.card_size
        assert standing.upcoming is not None
        assert standing.upcoming in progress(rules, total + standing.remaining).ready
        for step in range(1, standing.remaining):
            assert progress(rules, total + step).ready == ()
    else:
        assert standing.upcoming is None


@settings(max_examples=100, deadline=None)
@given(cards(), st.integers(0, 300), st.integers(1, 90))
def test_no_stamp_loses_a_reward_of_a_cycle(rules: StampRules, total: int, steps: int) -> None:
    earned = [
        (standing.cycle, milestone.at)
        for standing in (progress(rules, total + step) for step in range(1, steps + 1))
        for milestone in standing.ready
    ]
    assert len(earned) == len(set(earned))
    per_cycle = len(rules.milestones)
    assert len(earned) >= steps // rules.card_size * per_cycle
