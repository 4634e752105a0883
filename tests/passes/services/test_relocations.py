"""Shops that follow the customer: who shows which, and who hears of a change."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from passes.loyalty.places import Point
from passes.services import counter, place_sets, relocations
from passes.services.locations import remove_location
from passes.services.till import present
from passes.store.database import Database
from passes.store.tables import Location, Member, Program
from tests.passes.services.chain import Chain, nearest, point
from tests.service import Service
from tests.together import together
from webhooks.relocating import Mover


class Died(Exception):
    """What ends a worker in the middle of its work."""


class Dying(Database):
    """A database whose writing unit ends before its commit."""

    def __init__(self, database: Database) -> None:
        self.engine = database.engine

    @contextmanager
    def writing(self) -> Iterator[Session]:
        with super().writing() as session:
            yield session
            raise Died


HOME = {0, 1, 2, 3, 20, 21, 22, 40, 41, 60}


@pytest.fixture
def chain(service: Service) -> Chain:
    chain = Chain.open(service)
    service.relocate()
    return chain


def test_a_pass_carries_the_ten_shops_nearest_to_where_its_member_goes(chain: Chain) -> None:
    member, other = chain.member(), chain.member()
    chain.stamp(member, 85)
    chain.pushed()
    assert chain.carried(member) == nearest(85)
    assert chain.carried(other) == nearest(0)  # no history: the home's neighbourhood
    texts = {place["relevantText"] for place in chain.pass_of(member)["locations"]}
    assert texts == {"3 stamps to your free Cookie"}

    for _ in range(3):
        chain.clock.forward(timedelta(minutes=5))
        before = chain.version(member)
        chain.stamp(member, 193)  # some 300 km from there
        assert chain.version(member) == before + 1
        assert chain.pushed() == [member["pass"]["id"]]
    assert chain.carried(member) == nearest(193)
    texts = {place["relevantText"] for place in chain.pass_of(member)["locations"]}
    assert texts == {"6 stamps to your free Coffee"}


def test_a_thousand_edits_elsewhere_push_nobody(chain: Chain) -> None:
    member = chain.member()
    chain.stamp(member, 85)
    chain.pushed()
    before = chain.version(member)
    elsewhere = set(range(200)) - nearest(85)
    for edit in range(6):
        moved = {n: Point(point(n).latitude + 1e-4 * edit, point(n).longitude) for n in elsewhere}
        told = chain.build(moved, f"Edit {edit}")
        assert (told["updated"], told["affected_passes"]) == (len(elsewhere), 0)
        if edit % 2:
            chain.service.relocate()
    assert chain.pushed() == []
    assert chain.version(member) == before


def test_a_change_reaches_whoever_carries_the_shop_before_or_after(chain: Chain) -> None:
    near, far, nowhere = chain.member(), chain.member(), chain.member()
    chain.stamp(near, 85)
    chain.stamp(far, 130)
    chain.pushed()
    at = point(131)
    told = chain.change(86, latitude=at.latitude + 0.01, longitude=at.longitude)
    assert told["affected_passes"] == 2
    progress = chain.door.get(f"/relocations/{told['relocation_id']}").json
    assert (progress["state"], progress["changed"], progress["expected"]) == ("running", 0, 2)

    chain.service.relocate()
    assert chain.pushed() == sorted([near["pass"]["id"], far["pass"]["id"]])
    places = [
        {(one["latitude"], one["longitude"]) for one in chain.pass_of(member)["locations"]}
        for member in (near, far)
    ]
    assert [(at.latitude + 0.01, at.longitude) in one for one in places] == [False, True]
    assert all(len(one) == 10 for one in places)
    progress = chain.door.get(f"/relocations/{told['relocation_id']}").json
    assert (progress["state"], progress["changed"], progress["expected"]) == ("done", 2, 2)
    assert chain.version(nowhere) == 0


def test_an_edit_and_its_undo_push_nobody(chain: Chain) -> None:
    member = chain.member()
    chain.stamp(member, 85)
    chain.pushed()
    at = point(86)
    first = chain.change(86, latitude=at.latitude + 0.5)
    second = chain.change(86, latitude=at.latitude)
    assert (first["affected_passes"], second["affected_passes"]) == (1, 0)
    assert first["relocation_id"] == second["relocation_id"]  # two quick edits are one change
    chain.service.relocate()
    assert chain.pushed() == []


def test_what_no_pass_shows_moves_nothing(chain: Chain) -> None:
    told = chain.change(0, name="Another", address="Main street 1")
    assert (told["affected_passes"], told["relocation_id"]) == (0, None)
    assert chain.service.relocate() == []


def test_a_text_concerns_only_those_to_whom_it_says_something_else(chain: Chain) -> None:
    begun, further = chain.member(), chain.member()
    chain.stamp(further, 0)
    chain.change(0, relevant_text={"en": "{{remaining}} to go"})
    chain.service.relocate()
    chain.pushed()
    versions = [chain.version(member) for member in (begun, further)]

    chain.change(0, relevant_text={"en": "4 to go"})
    chain.service.relocate()
    assert chain.pushed() == [further["pass"]["id"]]
    assert chain.version(begun) == versions[0]
    assert chain.version(further) > versions[1]
    for member in (begun, further):
        assert "4 to go" in {one["relevantText"] for one in chain.pass_of(member)["locations"]}
    assert chain.misplaced() == []


def test_a_text_concerns_only_those_who_read_its_language(chain: Chain) -> None:
    english, hungarian = chain.member(locale="en"), chain.member(locale="hu")
    chain.change(0, relevant_text={"hu": "Már csak {{remaining}}"})
    chain.service.relocate()
    assert chain.pushed() == [hungarian["pass"]["id"]]
    assert "Már csak 4" in {one["relevantText"] for one in chain.pass_of(hungarian)["locations"]}
    assert chain.version(english) == 0


def test_a_stamp_follows_its_member_while_a_relocation_is_under_way(chain: Chain) -> None:
    members = [chain.member() for _ in range(7)]
    chain.build({n: point(n) for n in range(200)}, "Come in")
    Mover(chain.database).work_one_batch(chain.clock(), size=3)
    for number, member in enumerate(members):
        chain.stamp(member, 20 * number)
    chain.pushed()
    versions = [chain.version(member) for member in members]
    chain.service.relocate()
    assert chain.pushed() == []  # the stamp brought the new texts already
    assert [chain.version(member) for member in members] == versions
    for number, member in enumerate(members):
        assert chain.carried(member) == nearest(20 * number)
        texts = {one["relevantText"] for one in chain.pass_of(member)["locations"]}
        assert texts == {"Come in"}


def test_a_worker_that_dies_leaves_nothing_undone_and_tells_nobody_twice(chain: Chain) -> None:
    members = [chain.member() for _ in range(7)]
    for number, member in enumerate(members):
        chain.stamp(member, number)
    chain.pushed()
    before = [chain.version(member) for member in members]
    told = chain.build({number: point(number) for number in range(20)}, "Come in")
    assert told["affected_passes"] == 7
    assert Mover(chain.database).work_one_batch(chain.clock(), size=3)
    with pytest.raises(Died):
        Mover(Dying(chain.database)).work_one_batch(chain.clock(), size=3)
    assert chain.service.relocate()[-1].done
    assert chain.pushed() == sorted(member["pass"]["id"] for member in members)
    after = [chain.version(member) for member in members]
    assert all(old < new for old, new in zip(before, after, strict=True))
    assert chain.misplaced() == []
    progress = chain.door.get(f"/relocations/{told['relocation_id']}").json
    assert (progress["changed"], progress["expected"]) == (7, 7)


def test_whatever_happens_at_once_every_pass_ends_with_its_ten(chain: Chain) -> None:
    members = [chain.member() for _ in range(6)]

    def till(seed: int) -> None:
        rng = random.Random(seed)  # noqa: S311  # no secret
        for _ in range(12):
            chain.stamp(rng.choice(members), rng.randrange(200))

    def join() -> None:
        for _ in range(6):
            chain.service.member(chain.door, chain.program)

    def merchant(seed: int) -> None:
        rng = random.Random(seed)  # noqa: S311  # no secret
        for _ in range(8):
            number = rng.randrange(200)
            chain.change(
                number, active=rng.random() < 0.5, latitude=point(rng.randrange(60)).latitude
            )

    def worker() -> None:
        for _ in range(40):
            Mover(chain.database).work_one_batch(chain.clock(), size=2)

    acts = [partial(till, 1), partial(till, 2), join, partial(merchant, 3), partial(merchant, 4)]
    together(*acts, worker, worker)
    chain.service.relocate()
    assert chain.misplaced() == []


@contextmanager
def impatient(database: Database) -> Iterator[Session]:
    """A writing unit that waits a tenth of a second for others, and then OperationalError."""
    url = database.engine.url.render_as_string(hide_password=False)
    other = Database(url, patience_s=0.1)
    try:
        with other.writing() as session:
            if other.engine.dialect.name == "postgresql":
                session.execute(text("SET LOCAL lock_timeout = 100"))
            yield session
    finally:
        other.dispose()


def test_shops_stand_still_while_a_pass_is_placed_and_the_other_way_round(chain: Chain) -> None:
    stamped, other = chain.member(), chain.member()

    def place(session: Session, member: dict[str, Any]) -> None:
        row = session.get_one(Member, member["id"])
        at = present(session, row.merchant_id, row.id)
        counter.earn(session, at, 1, chain.clock(), location_id=chain.shops[130])

    def change(session: Session) -> None:
        merchant_id = session.get_one(Program, chain.program["id"]).merchant_id
        with relocations.relocating(session, merchant_id, chain.clock()):
            session.get_one(Location, chain.shops[130]).active = False

    with chain.database.writing() as session:
        place(session, stamped)
        with pytest.raises(OperationalError), impatient(chain.database) as later:
            change(later)
    with chain.database.writing() as session:
        change(session)
        with pytest.raises(OperationalError), impatient(chain.database) as later:
            place(later, other)
    chain.service.relocate()
    assert chain.misplaced() == []


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)  # several may write
def test_a_shop_is_renumbered_and_removed_while_a_till_stamps_there(chain: Chain) -> None:
    shop_id = chain.shops[130]
    with chain.database.writing() as session:
        session.execute(
            select(Location.id)
            .where(Location.id == shop_id)
            .with_for_update(read=True, key_share=True)  # as a ledger line that names it does
        ).all()
        with impatient(chain.database) as later:
            later.get_one(Location, shop_id).external_id = "new"
        with impatient(chain.database) as later:
            remove_location(later, later.get_one(Location, shop_id), chain.clock())
    with chain.database.reading() as session:
        shop = session.get_one(Location, shop_id)
        assert (shop.external_id, shop.active) == ("new", False)


def test_sets_that_nobody_shows_any_more_are_forgotten_after_a_day(chain: Chain) -> None:
    member = chain.member()
    chain.stamp(member, 85)
    chain.change(85, relevant_text={"en": "Here"})
    chain.service.relocate()
    assert len(chain.sets()) > 1
    chain.clock.forward(timedelta(days=2))
    chain.change(85, relevant_text={"en": "There"})
    chain.service.relocate()
    with chain.database.writing() as session:
        place_sets.forget_sets(
            session, place_sets.unused_sets(session, chain.clock()), chain.clock()
        )
    shown = chain.sets(shown=True)
    assert chain.sets() == shown | chain.sets(since=chain.clock())
