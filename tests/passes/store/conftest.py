"""An outbox with a line of another courier in it as noise."""

from collections.abc import Iterator

import pytest
from sqlalchemy import delete, select

from passes.store import outbox
from passes.store.database import Database
from passes.store.outbox import AT_THE_TILL
from passes.store.tables import Delivery, Device, QueuePause
from tests.conftest import database_of_its_own
from tests.passes.store.box import NOW, OTHER_QUEUE, PHONES, QUEUE, Box


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shared(request: pytest.FixtureRequest) -> Iterator[Database]:
    """One database for all tests here: they touch three tables, which `box` empties."""
    with database_of_its_own(request) as url:
        database = Database(url)
        yield database
        database.dispose()


@pytest.fixture
def box(shared: Database) -> Box:
    with shared.writing() as session:
        for table in (Delivery, QueuePause, Device):
            session.execute(delete(table))
        session.add_all(
            Device(
                id=phone,
                library_identifier=phone,
                pass_type_identifier=QUEUE if number % 2 == 0 else OTHER_QUEUE,
                push_token="ab",
                token_at=NOW,
                created_at=NOW,
            )
            for number, phone in enumerate(PHONES)
        )
        session.flush()
        noise = select(Device.id, Device.pass_type_identifier).where(Device.id == PHONES[0])
        outbox.enqueue(session, "another", noise, AT_THE_TILL, NOW)
    return Box(shared)
