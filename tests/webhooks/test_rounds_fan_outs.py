"""A change of many passes: told in batches, sparingly, and not at all where no pass shows it."""

from typing import Any

import pytest
from sqlalchemy import select

from passes.services.fanout import BATCH, work_one_batch
from passes.store.tables import Member, Pass
from passes.store.versions import newest_version
from tests.webhooks.living import BUDGET, SECOND, WINDOW, ScriptedCourier, Shop
from webhooks.rounds import Counted


@pytest.mark.parametrize("field", ["limits", "name", "milestones"])
def test_a_change_of_the_program_that_no_pass_shows_is_told_to_nobody(
    shop: Shop, field: str
) -> None:
    shop.member("aa")
    version = _newest(shop)
    same = shop.door.get(f"/programs/{shop.program['id']}").json
    change = {"limits": {"max_stamps": 29}} if field == "limits" else {field: same[field]}
    assert shop.door.patch(f"/programs/{shop.program['id']}", change).status_code == 200
    assert _work_off(shop) == 0
    assert (shop.rows(), _newest(shop)) == ([], version)


@pytest.mark.parametrize("change", [{"person": {"email": "a@b.example"}}, {"external_id": "7"}, {}])
def test_a_change_of_a_member_that_the_pass_does_not_show_is_told_to_nobody(
    shop: Shop, change: dict[str, Any]
) -> None:
    member = shop.member("aa")
    version = _newest(shop)
    assert shop.door.patch(f"/members/{member['id']}", change).status_code == 200
    assert (shop.rows(), _newest(shop)) == ([], version)


def _newest(shop: Shop) -> int:
    with shop.database.reading() as session:
        return newest_version(session, shop.pass_type)


def _work_off(shop: Shop) -> int:
    """All fan-outs; returns how many passes they were about."""
    passes = 0
    while True:
        with shop.database.writing() as session:
            batch = work_one_batch(session, shop.clock())
        if batch is None:
            return passes
        passes += batch.passes


def test_phones_are_spared_changes_of_many_but_never_a_stamp(shop: Shop) -> None:
    courier = ScriptedCourier()
    rounds = shop.rounds(courier)
    member = shop.member("aa")
    begun = shop.clock()
    for _ in range(BUDGET + 3):
        shop.fan_out(member)
        rounds.step()
        shop.clock.forward(SECOND)
    assert len(courier.seen) == BUDGET
    row = shop.row()
    assert (row.due_at, row.attempts) == (begun + WINDOW, 0)
    shop.stamp(member)
    assert rounds.step() == Counted(delivered=1)
    shop.fan_out(member)
    rounds.step()
    assert len(courier.seen) == BUDGET + 1
    shop.clock.forward(WINDOW)
    assert rounds.step() == Counted(delivered=1)


def test_one_phones_budget_is_not_anothers(shop: Shop) -> None:
    courier = ScriptedCourier()
    rounds = shop.rounds(courier)
    often, seldom = shop.member("aa"), shop.member("bb")
    for _ in range(BUDGET + 1):
        shop.fan_out(often)
        rounds.step()
    shop.fan_out(seldom)
    rounds.step()
    assert courier.seen.count("bb") == 1


def crowd(shop: Shop, size: int) -> None:
    """So many members more, without phones, written at once."""
    stem = {"merchant_id": "", "program_id": shop.program["id"], "created_at": shop.clock()}
    with shop.database.writing() as session:
        stem["merchant_id"] = session.scalars(
            select(Member.merchant_id).where(Member.program_id == shop.program["id"]).limit(1)
        ).one()
        session.execute(
            Member.__table__.insert(),
            [
                stem
                | {"id": f"mem_{number:022}", "first_name": "", "last_name": "", "source": "api"}
                | {"revision": 1}
                for number in range(size)
            ],
        )
        session.execute(
            Pass.__table__.insert(),
            [
                stem
                | {"member_id": f"mem_{number:022}", "pass_type_identifier": shop.pass_type}
                | {"locale": "en", "modified_s": 0}
                for number in range(size)
            ],
        )


def test_a_new_look_reaches_all_in_batches_and_a_stamp_overtakes_it(shop: Shop) -> None:
    carriers = [shop.member(f"a{number}") for number in range(9)]
    crowd(shop, 2 * BATCH)
    courier = ScriptedCourier()
    rounds = shop.rounds(courier, batch=3)
    version = _newest(shop)
    name = {"name": f"New look {version}"}
    assert shop.door.patch(f"/programs/{shop.program['id']}", name).status_code == 200
    batches = []
    while True:
        with shop.database.writing() as session:
            batch = work_one_batch(session, shop.clock())
        if batch is None:
            break
        batches.append(batch.passes)
        stamped, told_before = len(batches), len(courier.seen)
        shop.stamp(carriers[stamped])
        rounds.step()
        assert courier.seen[told_before] == f"a{stamped}"
    assert batches[:2] == [BATCH, BATCH]
    assert len(batches) == 4  # with the rest, and the one that finds nothing left
    while rounds.step():
        pass
    assert set(courier.seen) == {f"a{number}" for number in range(9)}
    with shop.database.reading() as session:
        untold = select(Pass.id).where(
            Pass.program_id == shop.program["id"], Pass.version <= version
        )
        assert session.scalars(untold).all() == []


def test_a_change_during_a_fan_out_begins_it_anew(shop: Shop) -> None:
    """And a worker that is started anew goes on where the last one was."""
    shop.member()
    path = f"/programs/{shop.program['id']}"
    mine = select(Pass.version).where(Pass.program_id == shop.program["id"])
    first = mine.order_by(Pass.id).limit(1)
    shop.door.patch(path, {"name": "First"})
    with shop.database.writing() as session:
        assert work_one_batch(session, shop.clock())
    shop.door.patch(path, {"name": "Second"})
    with shop.database.reading() as session:
        before = session.scalars(first).one()
    _work_off(shop)
    with shop.database.reading() as session:
        assert session.scalars(first).one() > before
