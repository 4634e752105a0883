"""What changes put into the outbox: a line per phone, urgent as the most urgent, due at once."""

from datetime import timedelta

import pytest

from passes.store import claims
from passes.store.outbox import AT_ONCE, AT_THE_TILL, FAN_OUT, GAVE_UP, WAITING
from tests.passes.store.box import NOW, A, B, Box, targets


def test_changes_of_one_phone_are_one_line(box: Box) -> None:
    assert box.enqueue(A, B) == 2
    assert box.enqueue(A, now=NOW + timedelta(minutes=1)) == 1
    rows = box.rows
    assert set(rows) == {A, B}
    assert (rows[A].version, rows[B].version) == (2, 1)
    assert rows[A].waiting_since == NOW  # the oldest change that nobody was told of
    assert rows[A].due_at == AT_ONCE


@pytest.mark.parametrize(
    ("first", "then", "kept"),
    [(FAN_OUT, AT_THE_TILL, AT_THE_TILL), (AT_THE_TILL, FAN_OUT, AT_THE_TILL)],
)
def test_the_more_urgent_change_decides(box: Box, first: int, then: int, kept: int) -> None:
    box.enqueue(A, priority=first)
    box.enqueue(A, priority=then)
    assert box.rows[A].priority == kept


def test_a_change_revives_a_line_that_was_given_up(box: Box) -> None:
    box.enqueue(A)
    [row] = box.claim()
    with box.writing() as session:
        claims.give_up(session, "own_1", row.id, "no")
    assert (box.rows[A].state, box.claim("own_2"), box.is_due()) == (GAVE_UP, [], False)
    box.enqueue(A)
    assert (box.rows[A].state, box.rows[A].attempts) == (WAITING, 0)
    assert targets(box.claim("own_3")) == [A]


@pytest.mark.parametrize("step", [timedelta(hours=-1), timedelta(hours=1), timedelta(days=-400)])
def test_a_fresh_line_is_due_whatever_the_clock_does(box: Box, step: timedelta) -> None:
    box.enqueue(A)
    assert box.is_due(NOW + step)
    assert targets(box.claim(now=NOW + step)) == [A]
