"""A shared rate is kept to by any number of workers, whatever their clocks do."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import StaticPool, create_engine, select
from sqlalchemy.orm import Session

from passes.store.database import Database
from passes.store.rate import take
from passes.store.tables import Base, RateBucket

NAME = "google:passmint@example.iam.gserviceaccount.com"
RATE, BURST = 20.0, 5
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def taken(database: Database, now: datetime, count: int = 1) -> list[float]:
    """The waits of turns taken one after the other, each in a transaction of its own."""
    waits = []
    for _ in range(count):
        with database.writing() as session:
            waits += take(session, NAME, RATE, BURST, now)
    return waits


def test_a_burst_goes_at_once_and_the_rest_in_turn(database: Database) -> None:
    assert taken(database, NOW, 9) == pytest.approx([0, 0, 0, 0, 0, 0.05, 0.10, 0.15, 0.20])


def test_several_turns_at_once_are_those_that_would_come_one_by_one(database: Database) -> None:
    with database.writing() as session:
        waits = take(session, NAME, RATE, BURST, NOW, turns=7)
    assert waits == pytest.approx([0, 0, 0, 0, 0, 0.05, 0.10])
    assert taken(database, NOW) == pytest.approx([0.15])


def test_time_brings_turns_but_saves_no_more_than_a_burst(database: Database) -> None:
    taken(database, NOW, 9)
    assert taken(database, NOW + timedelta(seconds=0.2)) == pytest.approx([0.05])
    assert taken(database, NOW + timedelta(days=3), 6) == pytest.approx([0] * 5 + [0.05])


def test_each_account_has_its_own_bucket(database: Database) -> None:
    taken(database, NOW, 30)
    with database.writing() as session:
        assert take(session, "google:another", RATE, BURST, NOW) == [0]
    with database.reading() as session:
        assert session.get_one(RateBucket, NAME).tokens == BURST - 30


def test_workers_at_once_never_get_the_same_turn(database: Database) -> None:
    """Also the very first turns, when the bucket is made by all of them at once."""
    together = threading.Barrier(4)

    def work(_: int) -> list[float]:
        together.wait(timeout=20)
        return taken(database, NOW, 15)

    with ThreadPoolExecutor(4) as pool:
        waits = sorted(wait for waits in pool.map(work, range(4)) for wait in waits)
    assert waits == pytest.approx([0] * BURST + [n / RATE for n in range(1, 56)])


def test_a_turn_that_is_rolled_back_is_not_taken(database: Database) -> None:
    taken(database, NOW, 5)
    with database.writing() as session:
        take(session, NAME, RATE, BURST, NOW)
        session.rollback()
    assert taken(database, NOW) == pytest.approx([0.05])


def test_a_clock_set_back_stops_nobody(database: Database) -> None:
    taken(database, NOW + timedelta(hours=1), 5)
    assert taken(database, NOW) == pytest.approx([0.05])
    assert taken(database, NOW + timedelta(seconds=0.05)) == pytest.approx([0.05])


def test_a_clock_set_forward_brings_one_burst_at_most(database: Database) -> None:
    taken(database, NOW, 5)
    assert taken(database, NOW + timedelta(hours=1), 7) == pytest.approx([0] * 5 + [0.05, 0.10])


def test_clocks_that_differ_bring_no_extra_turns(database: Database) -> None:
    """Two hosts, one of them two seconds ahead, take turns for a second."""
    waits = []
    for tick in range(20):
        moment = NOW + timedelta(seconds=tick / 20)
        waits += taken(database, moment + timedelta(seconds=2)) + taken(database, moment)
    assert sum(wait == 0 for wait in waits) <= RATE + BURST
    assert max(waits) == pytest.approx((len(waits) - BURST - 19) / RATE, abs=0.1)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 2), st.integers(1, 5)), min_size=1, max_size=40),
    st.floats(0.5, 100),
    st.integers(1, 10),
)
def test_no_second_ever_sees_more_turns_than_rate_and_burst(
    comers: list[tuple[float, int]], rate: float, burst: int
) -> None:
    """Whoever waits as told, a window of any length holds at most rate × length + burst turns."""
    engine = create_engine("sqlite://", poolclass=StaticPool)
    Base.metadata.create_all(engine, tables=[Base.metadata.tables["rate_buckets"]])
    came, turns = 0.0, []
    with Session(engine) as session:
        for gap, together in comers:
            came += gap
            now = NOW + timedelta(seconds=came)
            turns += [came + wait for wait in take(session, NAME, rate, burst, now, together)]
        [bucket] = session.scalars(select(RateBucket))
        assert bucket.tokens <= burst
    engine.dispose()
    assert turns == sorted(turns)
    for first, start in enumerate(turns):
        for last in range(first, len(turns)):
            allowed = (turns[last] - start) * rate + burst
            assert last - first + 1 <= allowed + 0.01
