"""Workers take lines under a lease, side by side, and settle only what is theirs."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, text

from passes.store import claims
from passes.store.claims import Retry
from passes.store.outbox import APNS, AT_ONCE, AT_THE_TILL, BY_HAND, FAN_OUT
from passes.store.tables import Delivery
from tests.passes.store.box import LEASE, NOW, PHONES, A, B, Box, C, targets
from tests.together import together


def test_the_till_overtakes_a_change_of_many(box: Box) -> None:
    box.enqueue(*PHONES[3:], priority=FAN_OUT)
    box.enqueue(A, priority=BY_HAND)
    box.enqueue(C, priority=AT_THE_TILL)
    assert targets(box.claim(limit=3)) == [C, A, PHONES[3]]


def test_a_claimed_line_is_nobody_elses_until_the_lease_ends(box: Box) -> None:
    box.enqueue(A, B)
    assert len(box.claim(limit=1)) == 1
    assert len(box.claim("own_2")) == 1
    assert box.claim("own_3") == []
    assert not box.is_due(NOW + LEASE - timedelta(seconds=1))
    late = box.claim("own_4", now=NOW + LEASE)
    assert {row.target: row.attempts for row in late} == {A: 2, B: 2}


def test_a_line_renewed_while_it_is_told_stays_leased(box: Box) -> None:
    box.enqueue(A)
    box.claim()
    box.enqueue(A)
    assert box.claim("own_2") == []


def test_a_told_line_is_gone(box: Box) -> None:
    box.enqueue(A, B)
    [row] = box.claim(limit=1)
    with box.writing() as session:
        claims.settle(session, "own_1", [row.id], NOW)
    assert set(box.rows) == {B}


def test_a_line_that_changed_while_it_was_told_waits_at_once(box: Box) -> None:
    box.enqueue(A)
    [row] = box.claim()
    box.enqueue(A)
    told_at = NOW + timedelta(seconds=1)
    with box.writing() as session:
        claims.settle(session, "own_1", [row.id], told_at)
    assert (box.rows[A].attempts, box.rows[A].waiting_since) == (0, told_at)
    assert targets(box.claim("own_2", now=told_at)) == [A]


@pytest.mark.parametrize("act", ["settle", "postpone", "give_up", "drop", "send_back"])
def test_who_lost_the_lease_settles_nothing(box: Box, act: str) -> None:
    box.enqueue(A)
    [row] = box.claim("slow")
    box.claim("fast", now=NOW + LEASE)
    before = box.rows[A]
    later = [Retry(row.id, NOW + timedelta(hours=1), "slow", held=True)]
    with box.writing() as session:
        match act:
            case "settle":
                claims.settle(session, "slow", [row.id], NOW)
            case "postpone":
                claims.postpone(session, "slow", later)
            case "send_back":
                claims.send_back(session, "slow", later)
            case "give_up":
                claims.give_up(session, "slow", row.id, "slow")
            case "drop":
                claims.drop(session, "slow", [row.id])
    after = box.rows[A]
    columns = [column.key for column in Delivery.__table__.columns]
    assert [getattr(after, name) for name in columns] == [getattr(before, name) for name in columns]


def test_a_longer_lease_is_given_to_whoever_holds_it(box: Box) -> None:
    box.enqueue(A, B)
    box.claim(limit=1)
    box.claim("own_2")
    with box.writing() as session:
        claims.prolong(session, ["own_1"], NOW + 3 * LEASE)
    assert targets(box.claim("own_3", now=NOW + 2 * LEASE)) == [B]


def test_workers_side_by_side_tell_each_line_once(box: Box) -> None:
    box.enqueue(*PHONES)
    told: list[str] = []
    start = threading.Barrier(4)

    def work(name: str) -> None:
        start.wait()
        turn = 0
        while rows := box.claim(f"{name}_{turn}", limit=3):
            turn += 1
            with box.writing() as session:
                claims.settle(session, f"{name}_{turn - 1}", [row.id for row in rows], NOW)
            told.extend(targets(rows))

    together(*(lambda name=name: work(name) for name in "abcd"))
    assert sorted(told) == PHONES
    assert box.rows == {}


@pytest.mark.parametrize("shared", ["postgresql"], indirect=True)
def test_a_worker_passes_by_what_another_is_claiming(box: Box) -> None:
    """Without SKIP LOCKED the second claim would wait for the first one's commit."""
    box.enqueue(A, B)
    with box.writing() as first:
        mine = claims.claim(first, APNS, "own_1", 1, NOW, LEASE)
        with box.writing() as second:
            second.execute(text("SET LOCAL lock_timeout = 1000"))
            theirs = claims.claim(second, APNS, "own_2", 9, NOW, LEASE)
    assert targets(mine) == [A]
    assert targets(theirs) == [B]


@pytest.mark.parametrize("shared", ["postgresql"], indirect=True)
def test_settling_many_and_changing_many_cannot_deadlock(box: Box) -> None:
    """Lines are stored against the order of their targets, in which changes take them."""
    for phone in reversed(PHONES):
        box.enqueue(phone)

    def settle() -> None:
        for turn in range(15):
            rows = box.claim(f"own_{turn}")
            with box.writing() as session:
                ids = [row.id for row in rows]
                claims.lock(session, f"own_{turn}", ids)
                claims.postpone(session, f"own_{turn}", [Retry(i, AT_ONCE, "x") for i in ids])

    def change() -> None:
        for _ in range(15):
            box.enqueue(*PHONES)

    together(settle, change, change)
    assert len(box.rows) == len(PHONES)


@pytest.mark.parametrize("shared", ["sqlite"], indirect=True)
def test_what_is_due_is_found_by_the_index(box: Box) -> None:
    """A backlog that waits for its retry costs nothing to look past."""
    asked: list[tuple[str, tuple[Any, ...]]] = []
    with box.database.reading() as session:
        connection = session.connection()
        event.listen(connection, "before_cursor_execute", lambda *sent: asked.append(sent[2:4]))
        claims.is_anything_due(session, APNS, NOW)
        [(statement, values)] = asked
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
        steps = [row[-1] for row in plan]
    assert any("courier=? AND state=? AND priority=? AND due_at<?" in step for step in steps), steps
