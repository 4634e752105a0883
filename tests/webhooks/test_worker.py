"""Workers as they really run: threads, processes, a local APNs, and everything that goes wrong."""

import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from certs import development
from certs.apple import AppleIdentity
from tests.processes import PATIENCE_S, Processes, service_environment, until
from tests.service import PUBLIC_URL
from tests.webhooks.living import ScriptedCourier, Shop
from webhooks.booking import PAUSE
from webhooks.couriers.apns import Apns, Push
from webhooks.rounds import Counted, Rounds
from webhooks.simulators.apns import Apns as LocalApns
from webhooks.simulators.apns import running_apns
from webhooks.simulators.apns_script import Answer, Rule
from webhooks.terms import Terms
from webhooks.worker import Flag, Round, Worker

LEASE_S = 1
KILLS = 2  # a process takes seconds to start

on_postgresql = pytest.mark.parametrize("shared_service", ["postgresql"], indirect=True)
on_sqlite = pytest.mark.parametrize("shared_service", ["sqlite"], indirect=True)


@pytest.fixture
def shop(shop: Shop) -> Shop:
    """Its clock shows the real time."""
    shop.clock.moment = datetime.now(UTC)
    return shop


@pytest.fixture(scope="module")
def running(
    identities: development.DevelopmentFiles, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalApns]:
    ca_file = tmp_path_factory.mktemp("apns") / "ca.pem"
    with running_apns(identities.authority, ca_file) as apns:
        yield apns


@pytest.fixture
def apns(running: LocalApns) -> LocalApns:
    running.reset()
    return running


def stamp_now(shop: Shop, member: dict[str, Any]) -> datetime:
    """A stamp at this moment; returns one right before its commit."""
    shop.clock.moment = datetime.now(UTC)
    shop.stamp(member)
    return shop.clock.moment


# --- the courier to Apple in its rounds -----------------------------------------------------------


@contextmanager
def rounds_to(shop: Shop, url: str, ca_file: Path) -> Iterator[Rounds[Push]]:
    """Rounds with the real courier."""

    def identity(pass_type: str) -> AppleIdentity:
        return shop.service.parts.keyring.identity(pass_type, shop.clock())

    courier = Apns(url, identity, now=shop.clock, authority_file=ca_file, timeout_s=5.0)
    try:
        yield shop.rounds(courier)
    finally:
        courier.close()


def told(rounds: Rounds[Push]) -> Counted:
    """Works until nothing is due and every answer is there, however many steps that takes."""
    outcomes: Counter[str] = Counter()
    while (counted := rounds.step()) is not None:
        outcomes.update(counted.outcomes())
    return Counted(**outcomes)


@on_sqlite
def test_apples_answers_are_booked(shop: Shop, apns: LocalApns) -> None:
    gone_at = int((shop.clock() + timedelta(seconds=5)).timestamp() * 1000)
    for token, answer in {
        "aa": Answer(status=410, reason="Unregistered", timestamp=gone_at),
        "bb": Answer(status=429, reason="TooManyRequests", retry_after=30),
        "cc": Answer(status=400, reason="BadPriority"),
        "dd": Answer(status=503, reason="ServiceUnavailable"),
    }.items():
        apns.script.add(Rule(answer, token=token, next=1))
    shop.stamp(shop.member("aa", "bb", "cc", "dd", "ee"))
    with rounds_to(shop, apns.url, apns.ca_file) as rounds:
        assert told(rounds) == Counted(delivered=1, gone=1, later=2, refused=1)
        assert set(shop.devices()) == {"bb", "cc", "dd", "ee"}
        assert sorted((row.state, row.held) for row in shop.rows()) == [
            ("gave_up", False),
            ("waiting", False),
            ("waiting", True),
        ]
        shop.clock.forward(timedelta(seconds=10))
        assert told(rounds) == Counted(delivered=1)  # dd
        shop.clock.forward(timedelta(seconds=21))
        assert told(rounds) == Counted(delivered=1)  # bb


@on_sqlite
def test_a_certificate_that_apple_refuses_halts_its_queue_until_it_is_mended(
    shop: Shop, apns: LocalApns
) -> None:
    apns.script.add(Rule(Answer(status=403, reason="BadCertificate"), next=1))
    shop.stamp(shop.member("aa"))
    with rounds_to(shop, apns.url, apns.ca_file) as rounds:
        assert told(rounds) == Counted(halted=1)
        shop.clock.forward(PAUSE)
        assert told(rounds) == Counted(delivered=1)


@on_sqlite
def test_without_apns_stamps_wait_as_one_line_per_phone_and_then_drain(
    shop: Shop, identities: development.DevelopmentFiles, tmp_path: Path
) -> None:
    ca_file = tmp_path / "ca.pem"
    with running_apns(identities.authority, ca_file) as apns:
        port = int(apns.url.rpartition(":")[2])  # free again after this block
    members = [shop.member(f"a{number}") for number in range(3)]
    with rounds_to(shop, apns.url, ca_file) as rounds:
        for _ in range(3):
            shop.stamp(*members)
            rounds.step()
            shop.clock.forward(timedelta(minutes=20))
    assert len(shop.rows()) == 3
    with (
        running_apns(identities.authority, ca_file, port=port) as apns,
        rounds_to(shop, apns.url, ca_file) as rounds,
    ):
        assert told(rounds) == Counted(delivered=3)
        assert apns.journal.counts() == {"200": 3}


# --- a worker's threads ---------------------------------------------------------------------------


@contextmanager
def working(shop: Shop, *rounds: Round) -> Iterator[Worker]:
    """A worker in this process, stopped in the end as SIGTERM does it."""
    worker = Worker(shop.database, rounds, lambda: datetime.now(UTC), Terms())
    thread = Thread(target=worker.run)
    thread.start()
    try:
        yield worker
    finally:
        worker.stop()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def test_a_worker_tells_stamps_and_new_looks(shop: Shop) -> None:
    courier = ScriptedCourier()
    member = shop.member("aa")
    with working(shop, shop.rounds(courier)):
        stamp_now(shop, member)
        until(lambda: courier.seen == ["aa"])
        name = {"name": f"Look {datetime.now(UTC)}"}
        assert shop.door.patch(f"/programs/{shop.program['id']}", name).status_code == 200
        until(lambda: courier.seen == ["aa", "aa"])
        until(lambda: shop.rows() == [])


@on_sqlite
def test_no_trouble_ends_a_worker(shop: Shop) -> None:
    """A thread that died would leave a process that looks alive and tells nobody."""

    @dataclass
    class Troubled:
        name: str = "troubled"
        steps: int = 0

        def step(self) -> None:
            self.steps += 1
            if self.steps == 1:
                raise RuntimeError

        def close(self) -> None:
            """Nothing is open."""

    troubled = Troubled()
    with working(shop, troubled):
        until(lambda: troubled.steps > 2)


@on_postgresql
def test_a_restart_of_the_database_is_survived(shop: Shop) -> None:
    courier = ScriptedCourier()
    member = shop.member("aa")
    admin = create_engine(shop.database.engine.url, isolation_level="AUTOCOMMIT")
    end_all = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    path, draft = f"/members/{member['id']}/transactions", {"type": "earn"}
    with working(shop, shop.rounds(courier)):
        for turn in range(3):
            with admin.connect() as connection:
                connection.execute(text(end_all))
            key = {"Idempotency-Key": f"turn-{turn}-{member['id']}"}
            shop.clock.moment = datetime.now(UTC)
            assert shop.door.post(path, draft, headers=key).status_code == 201
            until(lambda: shop.rows() == [])
    admin.dispose()
    assert len(courier.seen) >= 3


# --- processes ------------------------------------------------------------------------------------


@pytest.fixture
def processes(
    shop: Shop, apns: LocalApns, identities: development.DevelopmentFiles, tmp_path: Path
) -> Iterator[Processes]:
    url = shop.database.engine.url.render_as_string(hide_password=False)
    terms = {"LEASE_S": LEASE_S, "RETRY_MAX_S": 1}
    environment = service_environment(identities, apns, PUBLIC_URL, url, **terms)
    processes = Processes(environment, tmp_path)
    yield processes
    processes.stop()


def test_workers_killed_at_any_moment_lose_no_push(
    shop: Shop, apns: LocalApns, processes: Processes
) -> None:
    """Every phone hears after its last change, also when kills hit between sending and answer."""
    dice = random.Random(7)  # noqa: S311  # no secret
    cards = {token: shop.member(f"{token}01", f"{token}02") for token in ("aa", "bb", "cc", "dd")}
    changed_at: dict[str, datetime] = {}
    apns.script.add(Rule(Answer(delay_s=0.05)))
    processes.start_worker()
    for turn in range(KILLS):
        for token in dice.choices(list(cards), k=8):
            changed_at[token] = stamp_now(shop, cards[token])
        seen = len(apns.journal.pushes())
        until(lambda seen=seen: len(apns.journal.pushes()) > seen)
        time.sleep(dice.choice([0.0, 0.02, 0.06]) if turn else 0.0)
        processes.kill_worker()
    until(lambda: shop.rows() == [])
    for token, moment in changed_at.items():
        for phone in (f"{token}01", f"{token}02"):
            assert any(push.at >= moment for push in apns.journal.pushes(phone))


def test_a_flag_raised_by_a_signal_in_the_middle_of_a_wait_ends_it() -> None:
    flag = Flag()
    before = signal.signal(signal.SIGALRM, lambda *_: flag.set())
    try:
        for _ in range(20):
            flag = Flag()
            signal.setitimer(signal.ITIMER_REAL, 0.002)
            flag.wait(PATIENCE_S)
            assert flag.is_set()
    finally:
        signal.signal(signal.SIGALRM, before)


@on_sqlite
def test_a_worker_that_is_told_to_stop_finishes_what_it_began(
    shop: Shop, apns: LocalApns, processes: Processes
) -> None:
    apns.script.add(Rule(Answer(delay_s=0.3)))
    shop.stamp(shop.member(*(f"a{number}" for number in range(10))))
    worker = processes.start_worker()
    until(apns.journal.pushes)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(PATIENCE_S) == 0
    assert len(apns.journal.pushes()) == 10
    assert shop.rows() == []
