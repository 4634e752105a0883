"""The outbox on both databases: lines collapse, are leased, told, put off and never lost."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session

from passes.store import outbox, pauses
from passes.store.database import Database
from passes.store.outbox import (
    APNS,
    AT_ONCE,
    AT_THE_TILL,
    BY_HAND,
    FAN_OUT,
    GAVE_UP,
    WAITING,
    Claimed,
    Retry,
)
from passes.store.tables import Delivery, Device, QueuePause
from tests.conftest import database_of_its_own
from tests.together import together

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LEASE = timedelta(seconds=60)
DOUBT = timedelta(minutes=10)
QUEUE, OTHER_QUEUE = "pass.com.example.one", "pass.com.example.two"
PHONES = [f"dev_{number:03}" for number in range(40)]


@dataclass(frozen=True)
class Box:
    """An outbox, and phones to tell."""

    database: Database

    def enqueue(self, *phones: str, priority: int = FAN_OUT, now: datetime = NOW) -> int:
        with self.database.writing() as session:
            return put(session, *phones, priority=priority, now=now)

    def claim(
        self, owner: str = "own_1", limit: int = 500, now: datetime = NOW, courier: str = APNS
    ) -> list[Claimed]:
        with self.database.writing() as session:
            return outbox.claim(session, courier, owner, limit, now, LEASE)

    def is_due(self, now: datetime = NOW) -> bool:
        with self.database.reading() as session:
            return outbox.is_anything_due(session, APNS, now)

    @property
    def rows(self) -> dict[str, Delivery]:
        """What is in the outbox now, by phone; the line of another courier is noise."""
        with self.database.reading() as session:
            rows = session.scalars(select(Delivery).where(Delivery.courier == APNS))
            return {row.target: row for row in rows}

    @contextmanager
    def writing(self) -> Iterator[Session]:
        with self.database.writing() as session:
            yield session


def put(session: Session, *phones: str, priority: int = FAN_OUT, now: datetime = NOW) -> int:
    chosen = select(Device.id, Device.pass_type_identifier).where(Device.id.in_(phones))
    return outbox.enqueue(session, APNS, chosen, priority, now)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shared(request: pytest.FixtureRequest) -> Iterator[Database]:
    """One database for all tests here: they touch three tables, which `box` empties."""
    with database_of_its_own(request) as url:
        database = Database(url)
        yield database
        database.dispose()


@pytest.fixture
def box(shared: Database) -> Box:
    with shared.writing() as session:
        for table in (Delivery, QueuePause, Device):
            session.execute(delete(table))
        session.add_all(
            Device(
                id=phone,
                library_identifier=phone,
                pass_type_identifier=QUEUE if number % 2 == 0 else OTHER_QUEUE,
                push_token="ab",
                token_at=NOW,
                created_at=NOW,
            )
            for number, phone in enumerate(PHONES)
        )
        session.flush()
        noise = select(Device.id, Device.pass_type_identifier).where(Device.id == PHONES[0])
        outbox.enqueue(session, "another", noise, AT_THE_TILL, NOW)
    return Box(shared)


def targets(rows: Sequence[Claimed]) -> list[str]:
    return [row.target for row in rows]


A, B, C = PHONES[:3]


# --- enqueue --------------------------------------------------------------------------------------


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
        outbox.give_up(session, "own_1", row.id, "no")
    assert (box.rows[A].state, box.claim("own_2"), box.is_due()) == (GAVE_UP, [], False)
    box.enqueue(A)
    assert (box.rows[A].state, box.rows[A].attempts) == (WAITING, 0)
    assert targets(box.claim("own_3")) == [A]


# --- claim ----------------------------------------------------------------------------------------


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


def test_which_queues_stand_still_is_told_by_courier(box: Box) -> None:
    until = NOW + timedelta(minutes=5)
    with box.writing() as session:
        pauses.pause(session, APNS, QUEUE, "certificate", NOW, until)
        pauses.pause(session, "another", OTHER_QUEUE, "noise", NOW, until)
    with box.database.reading() as session:
        assert [pause.queue for pause in pauses.standing(session, NOW, APNS)] == [QUEUE]
        assert len(pauses.standing(session, NOW)) == 2
        assert pauses.standing(session, until) == []


def test_pausing_again_keeps_since_when_and_resuming_ends_it(box: Box) -> None:
    box.enqueue(A)
    with box.writing() as session:
        pauses.pause(session, APNS, QUEUE, "first", NOW, NOW + timedelta(minutes=5))
        later = NOW + timedelta(minutes=4)
        pauses.pause(session, APNS, QUEUE, "second", later, later + timedelta(minutes=5))
    with box.database.reading() as session:
        [pause] = pauses.standing(session, NOW + timedelta(minutes=8))
    assert (pause.why, pause.since) == ("second", NOW)
    with box.writing() as session:
        pauses.pause(session, APNS, QUEUE, "third", NOW, NOW + timedelta(minutes=1))
        pauses.forget_over(session, APNS, [QUEUE], NOW + timedelta(minutes=8))
        assert pauses.trouble_since(session, APNS, QUEUE) == NOW  # it waits as long as ever
        pauses.forget_over(session, APNS, [QUEUE], NOW + timedelta(minutes=9))
        assert pauses.trouble_since(session, APNS, QUEUE) is None
        pauses.pause(session, APNS, QUEUE, "fourth", NOW, NOW + timedelta(minutes=1))
    with box.writing() as session:
        assert pauses.trouble_since(session, APNS, QUEUE) == NOW
        pauses.resume(session, APNS, [QUEUE])
    with box.writing() as session:
        assert pauses.trouble_since(session, APNS, QUEUE) is None


# --- settle ---------------------------------------------------------------------------------------


def test_a_told_line_is_gone(box: Box) -> None:
    box.enqueue(A, B)
    [row] = box.claim(limit=1)
    with box.writing() as session:
        outbox.settle(session, "own_1", [row.id], NOW)
    assert set(box.rows) == {B}


def test_a_line_that_changed_while_it_was_told_waits_at_once(box: Box) -> None:
    box.enqueue(A)
    [row] = box.claim()
    box.enqueue(A)
    told_at = NOW + timedelta(seconds=1)
    with box.writing() as session:
        outbox.settle(session, "own_1", [row.id], told_at)
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
                outbox.settle(session, "slow", [row.id], NOW)
            case "postpone":
                outbox.postpone(session, "slow", later)
            case "send_back":
                outbox.send_back(session, "slow", later)
            case "give_up":
                outbox.give_up(session, "slow", row.id, "slow")
            case "drop":
                outbox.drop(session, "slow", [row.id])
    after = box.rows[A]
    columns = [column.key for column in Delivery.__table__.columns]
    assert [getattr(after, name) for name in columns] == [getattr(before, name) for name in columns]


# --- put off --------------------------------------------------------------------------------------


def test_a_retry_waits_until_its_time_and_counts(box: Box) -> None:
    box.enqueue(A)
    [row] = box.claim()
    due_at = NOW + timedelta(seconds=9)
    with box.writing() as session:
        outbox.postpone(session, "own_1", [Retry(row.id, due_at, "busy")])
    assert (box.rows[A].last_error, box.is_due(NOW + timedelta(seconds=8))) == ("busy", False)
    [again] = box.claim("own_2", now=due_at)
    assert again.attempts == 2


def test_a_change_ends_our_own_wait_but_not_one_that_was_asked_for(box: Box) -> None:
    box.enqueue(A, B)
    ours, asked = box.claim()
    due_at = NOW + timedelta(seconds=50)
    with box.writing() as session:
        retries = [Retry(ours.id, due_at, "lost"), Retry(asked.id, due_at, "slow down", held=True)]
        outbox.postpone(session, "own_1", retries)
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
        outbox.postpone(session, "own_1", retries)
    assert targets(box.claim("own_2")) == [A]
    assert targets(box.claim("own_3", now=due_at)) == [B]


def test_a_line_given_up_while_it_changed_waits(box: Box) -> None:
    box.enqueue(A)
    [row] = box.claim()
    box.enqueue(A)
    with box.writing() as session:
        outbox.give_up(session, "own_1", row.id, "no")
    assert targets(box.claim("own_2")) == [A]


@pytest.mark.parametrize("renewed", [False, True])
def test_an_attempt_that_was_not_made_does_not_count(box: Box, *, renewed: bool) -> None:
    box.enqueue(A)
    [row] = box.claim()
    if renewed:
        box.enqueue(A)
    with box.writing() as session:
        outbox.send_back(session, "own_1", [Retry(row.id, NOW, "budget")])
    assert box.rows[A].attempts == 0
    assert len(box.claim("own_2")) == 1


def test_what_waits_by_our_own_wish_is_not_overdue(box: Box) -> None:
    box.enqueue(A, B, C)
    untried, retried = box.claim(limit=2)
    later = NOW + timedelta(hours=1)
    with box.writing() as session:
        outbox.send_back(session, "own_1", [Retry(untried.id, later, "budget")])
        outbox.postpone(session, "own_1", [Retry(retried.id, later, "busy")])
    with box.database.reading() as session:
        now = NOW + timedelta(minutes=6)
        found = {depth.courier: depth for depth in outbox.overdue(session, now, now)}
        assert (found[APNS].rows, found[APNS].oldest) == (2, NOW)
        assert outbox.overdue(session, NOW, now) == []


def test_a_queue_is_held_back_with_a_few_rows_at_a_time(box: Box) -> None:
    box.enqueue(*PHONES)
    [leased] = box.claim(limit=1)
    until = NOW + timedelta(minutes=5)
    with box.writing() as session:
        outbox.hold_back(session, APNS, QUEUE, until, "certificate", 5)
    held = [row for row in box.rows.values() if row.due_at == until]
    assert [row.queue for row in held] == [QUEUE] * 5
    assert leased.target not in {row.target for row in held}
    with box.writing() as session:
        outbox.hold_back(session, APNS, QUEUE, until, "certificate", 99)
    assert {row.queue for row in box.claim("own_2")} == {OTHER_QUEUE}


def test_a_longer_lease_is_given_to_whoever_holds_it(box: Box) -> None:
    box.enqueue(A, B)
    box.claim(limit=1)
    box.claim("own_2")
    with box.writing() as session:
        outbox.prolong(session, ["own_1"], NOW + 3 * LEASE)
    assert targets(box.claim("own_3", now=NOW + 2 * LEASE)) == [B]


# --- doubt ----------------------------------------------------------------------------------------


def doubt(box: Box, owner: str, row: Claimed, until: datetime | None) -> None:
    """The row was sent and not answered."""
    with box.writing() as session:
        outbox.postpone(session, owner, [Retry(row.id, NOW, "no answer", doubt_until=until)])


def settle(box: Box, owner: str, row: Claimed, now: datetime) -> None:
    with box.writing() as session:
        outbox.settle(session, owner, [row.id], now)


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
        outbox.claim(session, APNS, "own_1", 9, NOW, LEASE, allowed)
    assert box.rows[A].doubt_until is None
    with box.writing() as session:
        outbox.claim(session, APNS, "own_2", 9, NOW + LEASE, LEASE, allowed)
    assert box.rows[A].doubt_until == (NOW + LEASE + allowed if allowed else None)


def test_a_clock_set_back_leaves_no_doubt_for_a_far_future(box: Box) -> None:
    box.enqueue(A)
    [row] = box.claim()
    doubt(box, "own_1", row, NOW + DOUBT)
    with box.writing() as session:
        outbox.heal_clock_step(session, NOW - timedelta(hours=9), LEASE, timedelta(hours=8))
    assert box.rows[A].doubt_until is None


# --- clocks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [timedelta(hours=-1), timedelta(hours=1), timedelta(days=-400)])
def test_a_fresh_line_is_due_whatever_the_clock_does(box: Box, step: timedelta) -> None:
    box.enqueue(A)
    assert box.is_due(NOW + step)
    assert targets(box.claim(now=NOW + step)) == [A]


def test_a_clock_set_back_leaves_nothing_waiting_for_a_far_future(box: Box) -> None:
    wait = timedelta(hours=26)
    box.enqueue(A, B)
    put_off, leased = box.claim()
    with box.writing() as session:
        outbox.postpone(session, "own_1", [Retry(put_off.id, NOW + wait, "busy", held=True)])
        pauses.pause(session, APNS, QUEUE, "certificate", NOW, NOW + wait)
    for hours, due in ((0, []), (-1, [A, B])):
        now = NOW + timedelta(hours=hours)
        with box.writing() as session:
            outbox.heal_clock_step(session, now, LEASE, wait)
        assert sorted(targets(box.claim(f"own_{hours}", now=now))) == due
    assert leased.target == B


# --- side by side ---------------------------------------------------------------------------------


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
                outbox.settle(session, f"{name}_{turn - 1}", [row.id for row in rows], NOW)
            told.extend(targets(rows))

    together(*(lambda name=name: work(name) for name in "abcd"))
    assert sorted(told) == PHONES
    assert box.rows == {}


@pytest.mark.parametrize("shared", ["postgresql"], indirect=True)
def test_a_worker_passes_by_what_another_is_claiming(box: Box) -> None:
    """Without SKIP LOCKED the second claim would wait for the first one's commit."""
    box.enqueue(A, B)
    with box.writing() as first:
        mine = outbox.claim(first, APNS, "own_1", 1, NOW, LEASE)
        with box.writing() as second:
            second.execute(text("SET LOCAL lock_timeout = 1000"))
            theirs = outbox.claim(second, APNS, "own_2", 9, NOW, LEASE)
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
                outbox.lock(session, f"own_{turn}", ids)
                outbox.postpone(session, f"own_{turn}", [Retry(i, AT_ONCE, "x") for i in ids])

    def change() -> None:
        for _ in range(15):
            box.enqueue(*PHONES)

    together(settle, change, change)
    assert len(box.rows) == len(PHONES)


@pytest.mark.parametrize("shared", ["sqlite"], indirect=True)
def test_what_is_due_is_found_by_the_index(box: Box) -> None:
    """A backlog that waits for its retry costs nothing to look past."""
    with box.database.reading() as session:
        statement = select(Delivery.id).where(outbox._due(APNS, NOW))
        compiled = statement.compile(
            box.database.engine, compile_kwargs={"render_postcompile": True}
        )
        plan = session.connection().exec_driver_sql(
            f"EXPLAIN QUERY PLAN {compiled}",
            tuple(compiled.params[n] for n in compiled.positiontup or ()),
        )
        steps = [row[-1] for row in plan]
    assert any("courier=? AND state=? AND priority=? AND due_at<?" in step for step in steps), steps
