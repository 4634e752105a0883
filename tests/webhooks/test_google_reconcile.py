"""The nightly question who holds what: it mends what callbacks missed, and nothing they told."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from passes.services import google_sync
from passes.store.tables import Delivery, Event, Pass, Program
from tests.service import Door, Service
from webhooks.couriers.google_rest import Held, Unanswered
from webhooks.couriers.outcomes import Later
from webhooks.google_reconcile import reconcile
from webhooks.terms import Terms
from webhooks.worker import Worker

ISSUER = "3388000000012345678"
LONG_AGO = timedelta(hours=2)


@dataclass
class Listed:
    """A Google that lists what a test says, and may break."""

    objects: Sequence[Held] = ()
    broken: bool = False
    asked: list[str] = field(default_factory=list)

    def list_objects(self, class_id: str) -> Iterator[Held]:
        self.asked.append(class_id)
        if self.broken:
            raise Unanswered(Later("Google answered 503 without a reason"))
        yield from self.objects


@dataclass(frozen=True)
class Shop:
    service: Service
    program_id: str
    passes: list[str]

    def run(self, google: Listed, *, stopping: bool = False) -> bool:
        parts = self.service.parts
        return reconcile(parts.database, google, ISSUER, parts.now, lambda: stopping)

    def say(self, **columns: Any) -> None:
        """What the database holds of the first pass."""
        with self.service.parts.database.writing() as session:
            session.execute(update(Pass).where(Pass.id == self.passes[0]).values(columns))

    def saved(self) -> list[bool]:
        with self.service.parts.database.reading() as session:
            return [session.get_one(Pass, one).google_saved for one in self.passes]

    def events(self) -> list[tuple[str, str]]:
        with self.service.parts.database.reading() as session:
            return [
                (one.type, one.data["pass_id"])
                for one in session.scalars(select(Event).order_by(Event.created_at, Event.id))
                if one.data.get("platform") == "google"
            ]

    def rows(self) -> int:
        with self.service.parts.database.reading() as session:
            mine = Delivery.courier == google_sync.GOOGLE
            return session.scalar(select(func.count()).where(mine)) or 0


@pytest.fixture
def shop(service: Service, door: Door) -> Shop:
    """Three passes whose program's class is at Google; the stranger's is not."""
    program = service.program(door, logo=False)
    passes = [service.member(door, program)["pass"]["id"] for _ in range(3)]
    with service.parts.database.writing() as session:
        chosen = Program.id == program["id"]
        session.execute(update(Program).where(chosen).values(google_sync="synced"))
    return Shop(service, program["id"], passes)


def listed(shop: Shop, *has_users: bool | None) -> Listed:
    """The shop's passes as Google lists them, and one that nobody here knows."""
    known = zip(shop.passes, has_users, strict=True)
    objects = [Held(f"{ISSUER}.{one}", has) for one, has in known]
    return Listed([*objects, Held(f"{ISSUER}.pas_unknown", has_users=True)])


def test_saves_and_deletions_that_nobody_told_are_booked_once(shop: Shop) -> None:
    shop.say(google_saved=True)
    google = listed(shop, False, True, None)
    for _ in range(2):
        assert shop.run(google)
        assert shop.saved() == [False, True, False]
        assert sorted(shop.events()) == [
            ("pass.installed", shop.passes[1]),
            ("pass.uninstalled", shop.passes[0]),
        ]
    assert google.asked == [f"{ISSUER}.{shop.program_id}"] * 2


def test_who_was_found_to_hold_an_old_card_gets_the_new_one(shop: Shop) -> None:
    shop.run(listed(shop, True, False, False))
    assert shop.rows() == 1


def test_a_callback_since_the_question_knows_better(shop: Shop) -> None:
    shop.run(listed(shop, True, False, False))
    assert shop.run(listed(shop, False, False, False))
    assert shop.saved() == [True, False, False]
    shop.service.parts.now.forward(LONG_AGO)  # type: ignore[attr-defined]  # the tests' clock
    shop.run(listed(shop, False, False, False))
    assert shop.saved() == [False, False, False]


def test_a_google_that_does_not_tell_is_asked_again_and_changes_nothing(shop: Shop) -> None:
    shop.say(google_saved=True)
    assert not shop.run(Listed(broken=True))
    assert shop.saved() == [True, False, False]


def test_a_worker_that_stops_asks_no_more(shop: Shop) -> None:
    assert shop.run(listed(shop, True, True, True), stopping=True)
    assert shop.saved() == [False, False, False]


def test_a_worker_does_its_daily_jobs_beside_its_couriers(shop: Shop) -> None:
    parts = shop.service.parts
    workers: list[Worker] = []

    def job(is_stopping: Callable[[], bool]) -> bool:
        before = is_stopping()
        workers[0].stop()
        return not before and is_stopping()

    workers.append(Worker(parts.database, [], parts.now, Terms(), daily=[job]))
    workers[0].run()
    assert workers[0].stopping.is_set()
