"""A shop that is open: web and worker processes, a database, an APNs, and phones with its cards."""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, exists, make_url, select, text

from certs.development import DevelopmentFiles
from passes.demo.client import Api
from passes.store.database import Database
from passes.store.tables import Delivery, FanOut, Relocation
from tests.faults.shops import LONG_AGO, Chain
from tests.faults.tills import Tills, insist
from tests.processes import PRODUCT, Processes, Programs, free_ports, service_environment
from tests.service import OPERATOR_KEY
from webhooks.simulators.apns import Apns
from webhooks.simulators.apns_connection import Behaviour
from webhooks.simulators.iphone import IPhone
from webhooks.simulators.server import Ports, Simulator, running_simulator

CARD_SIZE = 30
_PATIENCE_S = 90.0
_GLANCE_S = 0.05
_SETTINGS = {
    "LEASE_S": 1,
    "RETRY_MAX_S": 1,
    "PUSH_BUDGET": 1_000_000,  # a phone that rations would show its last look an hour later
}
_numbers = count()


@dataclass(frozen=True)
class Scale:
    """How big the shop is; a phone carries one to `most` cards."""

    phones: int = 40
    cards: int = 8
    most: int = 3
    workers: int = 2
    programs: Programs = PRODUCT


@dataclass(frozen=True)
class Card:
    """A member's card, and the phones that carry it."""

    member_id: str
    serial_number: str
    link: str
    phones: list[IPhone] = field(default_factory=list)


@dataclass
class Timeline:
    """What was done to the service and when, for the reader of a failure."""

    began: float = field(default_factory=time.monotonic)
    entries: list[str] = field(default_factory=list)

    def note(self, what: str) -> None:
        self.entries.append(f"{time.monotonic() - self.began:7.2f} s  {what}")


class Restless(Exception):
    """Something is not told, or a phone has still something to do."""


@dataclass
class World:
    """Everything that acts and invariants need.

    Tills and phones reach the service over HTTP only; the database is looked into from outside.
    """

    api: Api
    template_id: str
    cards: Sequence[Card]
    chain: Chain
    tills: Tills
    simulator: Simulator
    processes: Processes
    database: Database
    look: tuple[int, ...] = ()
    looked_at: datetime = LONG_AGO
    timeline: Timeline = field(default_factory=Timeline)

    @property
    def apns(self) -> Apns:
        return self.simulator.apns

    @property
    def phones(self) -> list[IPhone]:
        return self.simulator.fleet.all()

    @property
    def on_postgresql(self) -> bool:
        return self.database.engine.dialect.name == "postgresql"

    def change_look(self, colour: tuple[int, int, int]) -> None:
        """Another background for all cards."""
        self.looked_at, self.look = datetime.now(UTC), colour
        url = f"{self.api.base_url}/v1/templates/{self.template_id}"
        draft = {"colors": {"background": "#" + bytes(colour).hex()}}
        insist("PATCH", url, {"Authorization": f"Bearer {self.api.key}"}, draft)

    def soothe_apns(self) -> None:
        """APNs takes every push again."""
        self.apns.script.clear()
        self.apns.behave(Behaviour())

    def come_to_rest(self) -> None:
        """Waits until the tills are answered and all is settled."""
        self.tills.wait()
        self.settle()

    def settle(self) -> None:
        """Waits until shops and cards are told of and no phone has anything to do.

        Raises Restless when that does not come to pass.
        """
        give_up = time.monotonic() + _PATIENCE_S
        while not (self._all_is_told() and self._all_phones_rest()):
            if time.monotonic() > give_up:
                raise Restless
            time.sleep(_GLANCE_S)

    def waiting(self) -> list[Delivery]:
        """The lines of the outbox."""
        with self.database.reading() as session:
            return list(session.scalars(select(Delivery)))

    def is_relocated(self) -> bool:
        """Whether every change of the shops is brought to the cards."""
        under_way = select(exists().where(Relocation.finished_at.is_(None)))
        with self.database.reading() as session:
            return not session.scalar(under_way)

    def _all_is_told(self) -> bool:
        """Asked in the order in which the work flows: what moves on meanwhile is not overlooked."""
        if not self.is_relocated():
            return False
        with self.database.reading() as session:
            left = (select(exists().select_from(one)) for one in (FanOut, Delivery))
            return not any(session.scalar(one) for one in left)

    def _all_phones_rest(self) -> bool:
        for phone in self.phones:
            phone.run_due()  # waits for what it is doing
        return all(phone.next_due() is None for phone in self.phones)


@contextmanager
def opened(
    database_url: str, identities: DevelopmentFiles, folder: Path, scale: Scale
) -> Iterator[World]:
    """A shop for the length of the block, on a database with the tests' operator."""
    database = Database(database_url)
    if database.engine.dialect.name == "postgresql":
        _commit_durably(database_url)
    port = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    with running_simulator(
        identities.authority, folder / "apns.pem", Ports(), None, lambda: datetime.now(UTC)
    ) as simulator:
        environment = service_environment(
            identities, simulator.apns, url, database_url, **_SETTINGS
        )
        processes = Processes(environment, folder, scale.programs)
        try:
            processes.start_web(port)
            for _ in range(scale.workers):
                processes.start_worker()
            world = _furnished(url, simulator, processes, database, scale)
            with closing(world.tills):
                yield world
        finally:
            processes.stop()
            database.dispose()


def _commit_durably(database_url: str) -> None:
    """The tests' server forgets its last commits when it crashes, which no service could mend."""
    admin = create_engine(database_url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        name = make_url(database_url).database
        connection.execute(text(f"ALTER DATABASE {name} SET synchronous_commit = on"))
    admin.dispose()


def _furnished(
    url: str, simulator: Simulator, processes: Processes, database: Database, scale: Scale
) -> World:
    api, template = _merchant(url)
    chain = Chain.opened(url, api.key)
    program = api.post("/programs", _program(template["id"]))
    api.post(f"/programs/{program['id']}/activate", None)
    cards = [_card(api, program) for _ in range(scale.cards)]
    _hand_out(cards, simulator, scale)
    tills = Tills(url, api.key)
    return World(api, template["id"], cards, chain, tills, simulator, processes, database)


def _merchant(url: str) -> tuple[Api, Any]:
    operator = Api(url, OPERATOR_KEY)
    draft = {"name": "Fern & Bean", "slug": f"fern-{next(_numbers)}"}
    merchant = operator.post("/merchants", draft)
    as_merchant = Api(url, OPERATOR_KEY, merchant["id"])
    key = as_merchant.post("/api_keys", {"name": "faults", "scopes": ["admin"]})
    api = Api(url, key["secret"])
    return api, api.post("/templates", {"name": "Look"})


def _program(template_id: str) -> dict[str, Any]:
    return {
        "name": "Coffee card",
        "slug": f"coffee-{next(_numbers)}",
        "template_id": template_id,
        "card_size": CARD_SIZE,
        "milestones": [{"at": CARD_SIZE, "title": "Coffee"}],
    }


def _card(api: Api, program: dict[str, Any]) -> Card:
    member = api.post(f"/programs/{program['id']}/members", {})
    return Card(member["id"], member["pass"]["serial_number"], member["pass"]["urls"]["apple"])


def _hand_out(cards: Sequence[Card], simulator: Simulator, scale: Scale) -> None:
    """Neighbours share cards: the n-th phone takes the n-th card and some of those after it."""
    for number in range(scale.phones):
        phone = simulator.fleet.buy(f"Phone {number}")
        for step in range(1 + number % scale.most):
            card = cards[(number + step) % len(cards)]
            assert not any(found.fatal for found in phone.add_link(card.link))
            card.phones.append(phone)
