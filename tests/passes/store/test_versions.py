"""No phone ever misses a change: versions grow in the order of commits, on PostgreSQL too."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from passes.services import counter, phones
from passes.services.changes import announce, begin_fan_out
from passes.services.fanout import work_one_batch
from passes.services.serving import mark_served
from passes.services.till import present
from passes.store import claims, outbox
from passes.store.database import Database
from passes.store.tables import Delivery, Device, Member, Pass, PassTypeCounter, Transaction
from passes.store.versions import mark_changed, newest_version
from tests.service import Door, Service
from tests.together import together

PHONE = "device-1"

on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@dataclass
class Ground:
    """A program with some passes, all in one phone."""

    service: Service
    program: dict[str, Any]
    members: list[dict[str, Any]]

    @property
    def database(self) -> Database:
        return self.service.parts.database

    @property
    def pass_type(self) -> str:
        return str(self.program["pass_type_identifier"])

    @property
    def now(self) -> datetime:
        return self.service.parts.now()

    def register(self, member: dict[str, Any], phone: str = PHONE) -> None:
        self.service.carry(member, phone, "ab12")

    def card(self, member: dict[str, Any]) -> Pass:
        with self.database.reading() as session:
            return session.get_one(Pass, member["pass"]["id"])

    def stamps(self, member: dict[str, Any]) -> int:
        with self.database.reading() as session:
            return counter.stamps_of(session, [member["id"]]).get(member["id"], 0)

    def news(self, tag: str | None = None, phone: str = PHONE) -> phones.News | None:
        with self.database.reading() as session:
            return phones.news(session, phone, self.pass_type, tag)


@pytest.fixture
def ground(service: Service, door: Door) -> Ground:
    program = service.program(door, logo=False)
    ground = Ground(service, program, [service.member(door, program) for _ in range(4)])
    for member in ground.members:
        ground.register(member)
    return ground


# --- numbers --------------------------------------------------------------------------------------


def mark(ground: Ground, *members: dict[str, Any], now: datetime | None = None) -> None:
    with ground.database.writing() as session:
        ids = [member["pass"]["id"] for member in members]
        mark_changed(session, ground.pass_type, ids, now or ground.now)


def test_each_change_has_the_next_number_and_a_later_second(ground: Ground) -> None:
    first, second, *_ = ground.members
    now = ground.now
    mark(ground, first, second, now=now)
    mark(ground, first, now=now)
    mark(ground, first, now=now - timedelta(hours=1))
    changed, other, untouched = map(ground.card, ground.members[:3])
    second_of = int(now.timestamp())
    assert (other.version, changed.version, untouched.version) == (1, 3, 0)
    assert (other.modified_s, changed.modified_s) == (second_of + 1, second_of + 3)
    assert untouched.modified_s == second_of


def test_changes_of_one_transaction_share_a_number(ground: Ground) -> None:
    first, second, *_ = ground.members
    with ground.database.writing() as session:
        for member in (first, second, first):
            mark_changed(session, ground.pass_type, [member["pass"]["id"]], ground.now)
        assert newest_version(session, ground.pass_type) == 0  # the counter is not locked yet
    assert (ground.card(first).version, ground.card(second).version) == (1, 1)


def test_a_transaction_that_fails_leaves_no_number(ground: Ground) -> None:
    first, *_ = ground.members

    def fail() -> None:
        with ground.database.writing() as session:
            mark_changed(session, ground.pass_type, [first["pass"]["id"]], ground.now)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    mark(ground, first)
    assert ground.card(first).version == 1


# --- a phone that asks while others write ---------------------------------------------------------


@dataclass
class AskingPhone:
    """Lists with its tag, fetches what is listed, remembers; as Apple's protocol has it."""

    ground: Ground
    tag: str | None = None
    shown: dict[str, int] = field(default_factory=dict)

    def ask(self) -> bool:
        news = self.ground.news(self.tag)
        if news is None:
            return False
        assert news.tag != self.tag
        self.tag = news.tag
        for member in self.ground.members:
            if member["pass"]["serial_number"] in news.serial_numbers:
                self.shown[member["id"]] = self.ground.stamps(member)
        return True

    def missing(self) -> int:
        """How many cards it shows wrongly once all is quiet."""
        while self.ask():
            pass
        return sum(self.shown[m["id"]] != self.ground.stamps(m) for m in self.ground.members)


Change = Callable[[Ground, dict[str, Any], float], None]


def stamp(ground: Ground, member: dict[str, Any], dawdle_s: float) -> None:
    """As the counter does it; the transaction takes its time."""
    with ground.database.writing() as session:
        row = session.get_one(Member, member["id"])
        counter.earn(session, present(session, row.merchant_id, row.id), 1, ground.now)
        time.sleep(dawdle_s)


def stamp_by_sequence(ground: Ground, member: dict[str, Any], dawdle_s: float) -> None:
    """The mutant: a number that was drawn before the commit."""
    with Session(ground.database.engine) as session, session.begin():
        version = session.scalar(text("SELECT nextval('naive')"))
        row = session.get_one(Member, member["id"])
        line = Transaction(
            merchant_id=row.merchant_id,
            program_id=row.program_id,
            member_id=row.id,
            type="earn",
            stamps=1,
            balance_after=0,
            created_at=ground.now,
        )
        session.add(line)
        session.execute(update(Pass).where(Pass.member_id == row.id).values(version=version))
        time.sleep(dawdle_s)


def missed_by_a_phone(ground: Ground, change: Change, seed: int, changes: int = 25) -> int:
    """How many cards a phone shows wrongly that asked all the time while tills wrote."""
    phone = AskingPhone(ground)
    phone.ask()
    writing = set(range(len(ground.members)))

    def till(number: int) -> None:
        dice = random.Random(seed + number)  # noqa: S311  # no secret
        try:
            for _ in range(changes):
                change(ground, ground.members[number], dice.choice([0.0, 0.001, 0.01]))
        finally:
            writing.discard(number)

    def ask() -> None:
        while writing:
            phone.ask()

    together(ask, *(partial(till, number) for number in range(len(ground.members))))
    return phone.missing()


@on_postgresql
def test_a_phone_that_asks_while_tills_write_misses_nothing(ground: Ground) -> None:
    assert [missed_by_a_phone(ground, stamp, seed) for seed in (1, 2)] == [0, 0]


@on_postgresql
def test_it_would_miss_changes_that_were_numbered_by_a_sequence(ground: Ground) -> None:
    """The same test can fail."""
    with ground.database.writing() as session:
        session.execute(text("CREATE SEQUENCE naive"))
        # Tags have to look like ours, or the phone would be sent everything.
        session.add(PassTypeCounter(pass_type_identifier=ground.pass_type, value=10**6))
    rounds = (missed_by_a_phone(ground, stamp_by_sequence, seed) for seed in range(20))
    assert any(rounds)


@on_postgresql
def test_a_phone_that_registers_during_a_stamp_hears_of_it(ground: Ground) -> None:
    """Either the stamp sees the registration, or the registration sees the stamp."""
    member, *_ = ground.members
    with ground.database.writing() as session:
        card = ground.card(member)
        mark_served(session, card.id, card.version, ground.now, to_a_phone=True)
        session.execute(text("DELETE FROM deliveries"))
    for number in range(8):
        phone = f"new-{number}"
        acts = [partial(ground.register, member, phone), partial(stamp, ground, member, 0.005)]
        together(*acts)
        with ground.database.reading() as session:
            waiting = session.scalars(
                select(Delivery.target)
                .join(Device, Device.id == Delivery.target)
                .where(Device.library_identifier == phone)
            ).all()
        assert len(waiting) == 1


# --- all at once ----------------------------------------------------------------------------------


TURNS = 12


@dataclass(frozen=True)
class Bustle:
    """Everything that writes, again and again."""

    ground: Ground

    def fan_out(self) -> None:
        for _ in range(TURNS):
            with self.ground.database.writing() as session:
                begin_fan_out(session, self.ground.program["id"], self.ground.now)
            with self.ground.database.writing() as session:
                work_one_batch(session, self.ground.now)

    def register(self) -> None:
        for turn in range(TURNS):
            for member in reversed(self.ground.members):
                self.ground.register(member, f"phone-{turn % 5}")

    def stamp(self) -> None:
        for turn in range(TURNS):
            stamp(self.ground, self.ground.members[turn % len(self.ground.members)], 0.0)

    def forget(self) -> None:
        for turn in range(TURNS):
            with self.ground.database.writing() as session:
                named = Device.library_identifier == f"phone-{turn % 5}"
                phone = session.scalar(select(Device.id).where(named))
                if phone:
                    phones.forget_device(session, phone, "ab12", None, self.ground.now)

    def work(self, name: str) -> None:
        for turn in range(TURNS):
            owner, lease = f"{name}_{turn}", timedelta(seconds=60)
            with self.ground.database.writing() as session:
                rows = claims.claim(session, outbox.APNS, owner, 50, self.ground.now, lease)
            with self.ground.database.writing() as session:
                told = update(Device).where(Device.id.in_([row.target for row in rows]))
                session.execute(told.values(pushed_at=self.ground.now))
                ids = [row.id for row in rows]
                claims.lock(session, owner, ids)
                claims.settle(session, owner, ids, self.ground.now)


@on_postgresql
def test_those_who_write_never_wait_for_each_other_in_a_ring(ground: Ground) -> None:
    """Any deadlock raises here."""
    for number in range(3):
        for member in ground.members:
            ground.register(member, f"phone-{number}")
    all_of_it = Bustle(ground)
    works = [partial(all_of_it.work, name) for name in ("a", "b")]
    changes = [all_of_it.fan_out, all_of_it.fan_out, all_of_it.stamp, all_of_it.stamp]
    together(*changes, *works, all_of_it.register, all_of_it.forget)
    with ground.database.reading() as session:
        assert newest_version(session, ground.pass_type) > TURNS


def test_two_changes_of_one_look_at_once_are_one_fan_out(ground: Ground) -> None:
    def begin() -> None:
        with ground.database.writing() as session:
            begin_fan_out(session, ground.program["id"], ground.now)

    together(begin, begin, begin)
    told = 0
    while True:
        with ground.database.writing() as session:
            batch = work_one_batch(session, ground.now)
        if batch is None:
            break
        told += batch.passes
    assert told == len(ground.members)


def test_the_outbox_and_the_version_come_together_or_not_at_all(ground: Ground) -> None:
    first, *_ = ground.members

    def fail() -> None:
        with ground.database.writing() as session:
            mine = [first["pass"]["id"]]
            told = announce(session, ground.pass_type, mine, outbox.AT_THE_TILL, datetime.now(UTC))
            assert told.phones == 1
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert ground.news("0") is None
    with ground.database.reading() as session:
        assert session.scalars(select(Delivery)).all() == []
