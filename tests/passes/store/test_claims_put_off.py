"""Lines that wait for a later turn, or are in doubt, and what ends their waiting."""

from datetime import datetime, timedelta

import pytest

from passes.store import claims, pauses
from passes.store.claims import Claimed, Retry
from passes.store.outbox import APNS, AT_THE_TILL
from tests.passes.store.box import LEASE, NOW, OTHER_QUEUE, PHONES, QUEUE, A, B, Box, targets

DOUBT = timedelta(minutes=10)


def test_a_retry_waits_until_its_time_and_counts(box: Box) -> None:
    box.enqueue(A)
    [row] = box.claim()
    due_at = NOW + timedelta(seconds=9)
    with box.writing() as session:
        claims.postpone(session, "own_1", [Retry(row.id, due_at, "busy")])
    assert (box.rows[A].last_error, box.is_due(NOW + timedelta(seconds=8))) == ("busy", False)
    [again] = box.claim("own_2", now=due_at)
    assert again.attempts == 2


def test_a_change_ends_our_own_wait_but_not_one_that_was_asked_for(box: Box) -> None:
    box.enqueue(A, B)
    ours, asked = box.claim()
    due_at = NOW + timedelta(seconds=50)
    with box.writing() as session:
        retries = [Retry(ours.id, due_at, "lost"), Retry(asked.id, due_at, "slow down", held=True)]
        claims.postpone(session, "own_1", retries)
    box.enqueue(A, B, priority=AT_THE_TILL)
    assert targets(box.claim("own_2")) == [A]
    assert targets(box.claim("own_3", now=due_at)) == [B]


def test_a_change_while_it_is_told_ends_our_own_wait_but_not_one_that_was_asked_for(
    box: Box,
) -> None:
    box.enqueue(A, B)
    ours, asked = box.claim()
    box.enqueue(A, B)
    due_at = NOW + timedelta(seconds=50)
    with box.writing() as session:
        retries = [Retry(ours.id, due_at, "lost"), Retry(asked.id, due_at, "slow down", held=True)]
        claims.postpone(session, "own_1", retries)
    assert targets(box.claim("own_2")) == [A]
    assert targets(box.claim("own_3", now=due_at)) == [B]


def test_a_line_given_up_while_it_changed_waits(box: Box) -> None:
    box.enqueue(A)
    [row] = box.claim()
    box.enqueue(A)
    with box.writing() as session:
        claims.give_up(session, "own_1", row.id, "no")
    assert targets(box.claim("own_2")) == [A]


@pytest.mark.parametrize("renewed", [False, True])
def test_an_attempt_that_was_not_made_does_not_count(box: Box, *, renewed: bool) -> None:
    box.enqueue(A)
    [row] = box.claim()
    if renewed:
        box.enqueue(A)
    with box.writing() as session:
        claims.send_back(session, "own_1", [Retry(row.id, NOW, "budget")])
    assert box.rows[A].attempts == 0
    assert len(box.claim("own_2")) == 1


def test_a_queue_is_held_back_with_a_few_rows_at_a_time(box: Box) -> None:
    box.enqueue(*PHONES)
    [leased] = box.claim(limit=1)
    until = NOW + timedelta(minutes=5)
    with box.writing() as session:
        claims.hold_back(session, APNS, QUEUE, until, "certificate", 5)
    held = [row for row in box.rows.values() if row.due_at == until]
    assert [row.queue for row in held] == [QUEUE] * 5
    assert leased.target not in {row.target for row in held}
    with box.writing() as session:
        claims.hold_back(session, APNS, QUEUE, until, "certificate", 99)
    assert {row.queue for row in box.claim("own_2")} == {OTHER_QUEUE}


def doubt(box: Box, owner: str, row: Claimed, until: datetime | None) -> None:
    """The row was sent and not answered."""
    with box.writing() as session:
        claims.postpone(session, owner, [Retry(row.id, NOW, "no answer", doubt_until=until)])


def settle(box: Box, owner: str, row: Claimed, now: datetime) -> None:
    with box.writing() as session:
        claims.settle(session, owner, [row.id], now)


def test_what_may_yet_be_obeyed_is_told_once_more_when_the_doubt_is_over(box: Box) -> None:
    box.enqueue(A, B)
    row, sure = box.claim()
    doubt(box, "own_1", row, NOW + DOUBT)
    settle(box, "own_1", sure, NOW)
    [again] = box.claim("own_2")
    settle(box, "own_2", again, NOW + timedelta(seconds=1))
    assert set(box.rows) == {A}
    assert (box.rows[A].attempts, box.rows[A].waiting_since) == (0, NOW + DOUBT)
    assert not box.is_due(NOW + DOUBT - timedelta(seconds=1))
    [last] = box.claim("own_3", now=NOW + DOUBT)
    settle(box, "own_3", last, NOW + DOUBT)
    assert box.rows == {}


def test_a_change_in_doubt_goes_at_once_and_ends_no_doubt(box: Box) -> None:
    box.enqueue(A)
    [row] = box.claim()
    doubt(box, "own_1", row, NOW + DOUBT)
    [row] = box.claim("own_2")
    settle(box, "own_2", row, NOW)
    changed_at = NOW + timedelta(seconds=5)
    box.enqueue(A, now=changed_at)
    assert box.rows[A].waiting_since == changed_at
    [row] = box.claim("own_3", now=changed_at)
    settle(box, "own_3", row, changed_at)
    assert box.rows[A].due_at == NOW + DOUBT


def test_a_line_that_changed_while_it_was_told_in_doubt_waits_at_once(box: Box) -> None:
    box.enqueue(A)
    [row] = box.claim()
    doubt(box, "own_1", row, NOW + DOUBT)
    [row] = box.claim("own_2")
    box.enqueue(A)
    settle(box, "own_2", row, NOW)
    assert (box.rows[A].doubt_until, targets(box.claim("own_3"))) == (NOW + DOUBT, [A])


def test_a_surer_attempt_does_not_end_the_doubt_and_a_later_one_prolongs_it(box: Box) -> None:
    box.enqueue(A)
    for turn, told in enumerate((NOW + DOUBT, None, NOW + 2 * DOUBT)):
        [row] = box.claim(f"own_{turn}")
        doubt(box, f"own_{turn}", row, told)
        assert box.rows[A].doubt_until == (told or NOW + DOUBT)


@pytest.mark.parametrize("allowed", [DOUBT, None])
def test_what_a_dead_worker_left_is_in_doubt_where_that_can_harm(
    box: Box, allowed: timedelta | None
) -> None:
    box.enqueue(A)
    with box.writing() as session:
        claims.claim(session, APNS, "own_1", 9, NOW, LEASE, allowed)
    assert box.rows[A].doubt_until is None
    with box.writing() as session:
        claims.claim(session, APNS, "own_2", 9, NOW + LEASE, LEASE, allowed)
    assert box.rows[A].doubt_until == (NOW + LEASE + allowed if allowed else None)


def test_a_clock_set_back_leaves_no_doubt_for_a_far_future(box: Box) -> None:
    box.enqueue(A)
    [row] = box.claim()
    doubt(box, "own_1", row, NOW + DOUBT)
    with box.writing() as session:
        claims.heal_clock_step(session, NOW - timedelta(hours=9), LEASE, timedelta(hours=8))
    assert box.rows[A].doubt_until is None


def test_a_clock_set_back_leaves_nothing_waiting_for_a_far_future(box: Box) -> None:
    wait = timedelta(hours=26)
    box.enqueue(A, B)
    put_off, leased = box.claim()
    with box.writing() as session:
        claims.postpone(session, "own_1", [Retry(put_off.id, NOW + wait, "busy", held=True)])
        pauses.pause(session, APNS, QUEUE, "certificate", NOW, NOW + wait)
    for hours, due in ((0, []), (-1, [A, B])):
        now = NOW + timedelta(hours=hours)
        with box.writing() as session:
            claims.heal_clock_step(session, now, LEASE, wait)
        assert sorted(targets(box.claim(f"own_{hours}", now=now))) == due
    assert leased.target == B
