"""Nothing is lost, whatever is killed: phones, tills, APNs and database around real processes."""

from collections import Counter
from collections.abc import Iterator

import pytest

from certs.development import DevelopmentFiles
from tests.conftest import database_of_its_own
from tests.faults.acts import Plan, change_the_look, perform
from tests.faults.invariants import breaches
from tests.faults.world import Scale, World, opened

pytestmark = pytest.mark.xdist_group("faults")  # one after the other, each wants all cores

CALM = Plan(stamps=60, others=(change_the_look,) * 2)


@pytest.fixture(scope="module", params=["postgresql", "sqlite"])
def world(
    request: pytest.FixtureRequest,
    identities: DevelopmentFiles,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("faults")
    with (
        database_of_its_own(request) as url,
        opened(url, identities, folder, Scale(workers=1 if "sqlite" in url else 2)) as world,
    ):
        yield world


def test_on_a_calm_day_nobody_is_told_too_often(world: World) -> None:
    before = len(world.apns.journal.pushes())
    perform(world, CALM, seed=1)
    assert breaches(world) == []
    changes = Counter(told.member_id for told in world.tills.given)
    by_stamps = sum(changes[card.member_id] * len(card.phones) for card in world.cards)
    by_looks = len(CALM.others) * len(world.phones)
    assert len(world.apns.journal.pushes()) - before <= 1.1 * (by_stamps + by_looks)
