"""Nothing is lost, whatever is killed: phones, tills, APNs and database around real processes."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from certs.development import DevelopmentFiles
from passes.store.database import Database
from tests.conftest import database_of_its_own
from tests.faults.acts import (
    Plan,
    change_the_look,
    move_a_shop,
    move_a_shop_and_back,
    open_or_close_a_shop,
    perform,
    retext_a_shop,
    retext_all,
    rush,
    straggle,
)
from tests.faults.invariants import Breach, breaches, concerned, report
from tests.faults.mutants.sequence import create_sequence
from tests.faults.troubles import (
    MOODS,
    Amid,
    crash_the_database,
    cut_the_power,
    kill_a_web_process,
    kill_a_worker,
    kill_once_relocated,
    undo_unseen,
    unheard_no,
    unheard_yes,
)
from tests.faults.world import Scale, World, opened
from tests.processes import Programs

LOOKS = (change_the_look,) * 2
RELOCATIONS = (move_a_shop, retext_a_shop, open_or_close_a_shop, retext_all)
CALM = Plan(stamps=40, others=(*LOOKS, *RELOCATIONS))
TROUBLES = (
    *LOOKS,
    *RELOCATIONS,
    move_a_shop_and_back,
    kill_a_worker,
    Amid(retext_all, kill_a_worker),
    Amid(move_a_shop_and_back, kill_a_worker),
    kill_a_web_process,
    Amid(retext_all, kill_a_web_process),
    Amid(move_a_shop, crash_the_database),
    kill_once_relocated,
    *MOODS,
    unheard_yes,
    crash_the_database,
)
LAST = (rush, unheard_no)  # whatever these lose, no later change makes up for
STORM = Plan(stamps=150, others=TROUBLES, finale=LAST)
RAIN = Plan(stamps=10, finale=(kill_once_relocated,))
HURRICANE = Plan(stamps=300, others=(*TROUBLES, *TROUBLES, cut_the_power), finale=LAST)

PLANS = [
    pytest.param(RAIN, 1, id="rain-1"),
    pytest.param(STORM, 1, id="storm-1"),
    *(pytest.param(STORM, n, id=f"storm-{n}", marks=pytest.mark.long) for n in (2, 3)),
    *(pytest.param(HURRICANE, n, id=f"hurricane-{n}", marks=pytest.mark.long) for n in (4, 5)),
]


@pytest.fixture(scope="module", params=["postgresql", "sqlite"])
def world(
    request: pytest.FixtureRequest,
    identities: DevelopmentFiles,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[World]:
    """40 phones and 8 cards; two workers on PostgreSQL, one on SQLite."""
    folder = tmp_path_factory.mktemp("faults")
    scale = Scale(workers=1 if request.param == "sqlite" else 2)
    with database_of_its_own(request) as url, opened(url, identities, folder, scale) as world:
        yield world


def test_on_a_calm_day_nobody_is_told_too_often(world: World) -> None:
    before, stamped = len(world.apns.journal.pushes()), len(world.tills.given)
    perform(world, CALM, seed=1)
    found = breaches(world)
    assert not found, report(world, found)
    stamps = Counter({told.key: told.member_id for told in world.tills.given[stamped:]}.values())
    due = sum(stamps[card.member_id] * len(card.phones) for card in world.cards)
    due += len(LOOKS) * len(world.phones) + sum(map(len, concerned(world)))
    assert len(world.apns.journal.pushes()) - before <= 1.1 * due


def test_a_shop_that_moves_is_told_to_those_who_carry_it_and_nobody_else(world: World) -> None:
    perform(world, Plan(stamps=20), seed=1)
    world.come_to_rest()
    before = len(world.apns.journal.pushes())
    perform(world, Plan(stamps=0, finale=(move_a_shop,)), seed=1)
    found = breaches(world)
    assert not found, report(world, found)
    assert [{push.token for push in world.apns.journal.pushes()[before:]}] == concerned(world)


def test_nobody_is_told_of_an_edit_that_is_undone_before_a_worker_sees_it(world: World) -> None:
    before = len(world.apns.journal.pushes())
    perform(world, Plan(stamps=0, finale=(undo_unseen,)), seed=1)
    found = breaches(world)
    assert not found, report(world, found)
    assert len(world.apns.journal.pushes()) == before


@pytest.mark.parametrize(("plan", "seed"), PLANS)
def test_nothing_is_lost_whatever_is_killed(world: World, plan: Plan, seed: int) -> None:
    perform(world, plan, seed)
    found = breaches(world)
    assert not found, report(world, found)


# --- mistakes that have to be seen ----------------------------------------------------------------

on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)

MUTANTS = "tests.faults.mutants"
MANY_CARDS = Scale(phones=12, cards=12, most=12)
DAWDLING = replace(MANY_CARDS, programs=Programs(web=f"{MUTANTS}.dawdling"))
SEQUENCE = replace(MANY_CARDS, programs=Programs(web=f"{MUTANTS}.sequence"))
PREMATURE = Scale(phones=12, cards=4, programs=Programs(worker=f"{MUTANTS}.premature"))
HASTY = Scale(phones=12, cards=4, programs=Programs(worker=f"{MUTANTS}.hasty"))

STRAGGLERS = Plan(stamps=0, finale=(straggle,))
SQUALL = Plan(stamps=20, others=(kill_a_worker,), finale=LAST)


def suffered(
    url: str, identities: DevelopmentFiles, folder: Path, scale: Scale, plan: Plan
) -> Sequence[Breach]:
    """What is wrong in the end."""
    with opened(url, identities, folder, scale) as world:
        perform(world, plan, seed=1)
        return breaches(world)


@on_postgresql
def test_a_worker_that_settles_before_the_answer_leaves_phones_untold(
    database_url: str, identities: DevelopmentFiles, tmp_path: Path
) -> None:
    found = suffered(database_url, identities, tmp_path, HASTY, SQUALL)
    assert {breach.kind for breach in found} == {"untold", "stale", "misplaced"}


@on_postgresql
def test_a_worker_that_crosses_off_before_its_work_leaves_cards_misplaced(
    database_url: str, identities: DevelopmentFiles, tmp_path: Path
) -> None:
    found = suffered(database_url, identities, tmp_path, PREMATURE, RAIN)
    assert {breach.kind for breach in found} == {"untold", "misplaced"}


@on_postgresql
def test_a_plain_sequence_as_tag_leaves_phones_behind_that_were_told(
    database_url: str, database: Database, identities: DevelopmentFiles, tmp_path: Path
) -> None:
    create_sequence(database)
    found = suffered(database_url, identities, tmp_path, SEQUENCE, STRAGGLERS)
    assert {breach.kind for breach in found} == {"stale", "misplaced"}


@on_postgresql
def test_stamps_that_straggle_leave_nobody_behind(
    database_url: str, identities: DevelopmentFiles, tmp_path: Path
) -> None:
    """With our tags, the same that the sequence fails."""
    assert suffered(database_url, identities, tmp_path, DAWDLING, STRAGGLERS) == []
