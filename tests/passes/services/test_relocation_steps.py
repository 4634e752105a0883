"""Long work on the passes: it comes to an end, and one merchant's holds up no other's."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from passes.services import misplaced
from passes.services.relocation_steps import Batch
from passes.store.tables import Pass, PlaceSet, Program, Relocation
from tests.passes.services.chain import Chain, point
from tests.service import Door, Service
from webhooks.relocating import Mover


@pytest.fixture
def chain(service: Service) -> Chain:
    chain = Chain.open(service, shops=12)
    service.relocate()
    return chain


def retext(chain: Chain, text: str) -> None:
    chain.build({number: point(number) for number in range(12)}, text)


def step(chain: Chain, size: int = 1) -> Batch | None:
    chain.clock.forward(timedelta(seconds=1))
    return Mover(chain.database).work_one_batch(chain.clock(), size)


def other_change(service: Service) -> tuple[Door, str]:
    """Another merchant and its relocation, which concerns one member."""
    door = service.merchant("other")
    service.member(door, service.program(door, logo=False))
    told = door.post("/locations", {"name": "?", "latitude": 48.2, "longitude": 16.3}).json
    return door, told["relocation_id"]


def state(door: Door, relocation_id: str) -> str:
    return str(door.get(f"/relocations/{relocation_id}").json["state"])


def test_sets_that_nobody_shows_any_more_cost_the_next_change_nothing(chain: Chain) -> None:
    for number in range(6):
        chain.stamp(chain.member(), number)
    for text in ("One", "Two"):
        retext(chain, text)
        chain.service.relocate()
    assert len(chain.sets()) > len(chain.sets(shown=True))
    chain.change(11, relevant_text={"hu": "Három"})
    chain.change(11, relevant_text={"en": "Two"})
    assert [batch.done for batch in chain.service.relocate()] == [True]


def test_a_change_during_another_does_not_begin_again_what_is_under_way(chain: Chain) -> None:
    members = [chain.member() for _ in range(6)]
    for number, member in enumerate(members):
        chain.stamp(member, number)
    chain.pushed()
    positions = []
    for edit in range(4):
        retext(chain, f"Edit {edit}")
        step(chain)
        with chain.database.reading() as session:
            work = session.scalars(select(Relocation).where(Relocation.finished_at.is_(None))).one()
            positions.append((work.after_program_id, work.after_set_id))
        if positions[-1][0]:  # the end of the round
            break
    assert positions == sorted(set(positions))
    chain.service.relocate()
    assert chain.misplaced() == []
    assert set(chain.pushed()) == {member["pass"]["id"] for member in members}


def test_a_merchant_that_never_rests_holds_up_no_other(chain: Chain) -> None:
    chain.member()
    retext(chain, "Come in")
    chain.clock.forward(timedelta(seconds=1))
    door, relocation_id = other_change(chain.service)
    for edit in range(6):
        step(chain)
        retext(chain, f"Edit {edit}")
    assert state(door, relocation_id) == "done"


def test_a_change_that_cannot_be_worked_in_holds_up_no_other(chain: Chain) -> None:
    chain.member()
    retext(chain, "Come in")
    with chain.database.writing() as session:
        session.execute(update(PlaceSet).values(places=[{"broken": True}]))
    chain.clock.forward(timedelta(seconds=1))
    door, relocation_id = other_change(chain.service)
    with pytest.raises(TypeError):
        step(chain)
    while state(door, relocation_id) == "running":
        try:
            assert step(chain)
        except TypeError:
            continue
    with chain.database.reading() as session:
        running = session.scalars(select(Relocation).where(Relocation.finished_at.is_(None))).one()
        assert running.merchant_id == session.get_one(Program, chain.program["id"]).merchant_id


def test_a_void_card_waits_for_nothing(chain: Chain) -> None:
    void, valid = chain.member(), chain.member()
    chain.door.post(f"/passes/{void['pass']['id']}/void")
    retext(chain, "Come in")
    with chain.database.reading() as session:
        merchant_id = session.get_one(Program, chain.program["id"]).merchant_id
        assert misplaced.passes_left(session, merchant_id) == 1
    chain.service.relocate()
    assert valid["pass"]["id"] in chain.pushed()


def test_what_only_google_shows_is_no_news_to_a_phone(service: Service) -> None:
    chain = Chain.open(service, shops=10)
    service.relocate()
    member = chain.member()
    before = chain.version(member)
    chain.clock.forward(timedelta(seconds=1))  # the first shop of all is the home
    far = {"name": "Far", "latitude": -33.87, "longitude": 151.21}
    assert chain.door.post("/locations", far).status_code == 201  # beyond ten, objects name them
    service.relocate()
    with chain.database.reading() as session:
        card = session.get_one(Pass, member["pass"]["id"])
        assert card.version == before
        assert card.object_version > 0
    assert chain.pushed() == []


def test_a_text_of_nothing_but_an_empty_placeholder_is_none(chain: Chain) -> None:
    member = chain.member()
    retext(chain, "{{first_name}} {{last_name}}")
    texts = {one["relevantText"] for one in chain.pass_of(member)["locations"]}
    assert texts == {one for one in texts if one.strip()}
