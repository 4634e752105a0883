"""The outbox from outside: each merchant sees what waits for their own customers, nobody else's."""

from typing import Any

import pytest
from sqlalchemy import update

from passes.services import google_sync
from passes.store import outbox
from passes.store.tables import Delivery
from tests.passes.web.answers import problem
from tests.service import Door, Service

Document = dict[str, Any]


def wait_for_all(service: Service, door: Door) -> tuple[Document, Document]:
    """A program whose class, whose card's object and whose card's phone are to be told."""
    program = service.program(door, logo=False, introduced=True)
    member = service.member(door, program)
    service.carry(member, f"phone of {member['id']}", "ab12")
    with service.parts.database.writing() as session:
        google_sync.want_object(session, member["pass"]["id"], service.parts.now())
    service.stamp(member, 1)
    return program, member


def targets(door: Door) -> set[str]:
    return {row["target"] for row in door.get("/deliveries").get_json()["data"]}


@pytest.fixture(scope="module")
def busy(shared_service: Service) -> tuple[Service, Door, set[str], Door]:
    """A merchant, who waits at Google too, and another one."""
    mine, other = shared_service.merchant("mine"), shared_service.merchant("other")
    program, member = wait_for_all(shared_service, mine)
    wait_for_all(shared_service, other)
    at_google = {f"class:{program['id']}", f"object:{member['pass']['id']}"}
    return shared_service, mine, at_google, other


def test_a_merchant_sees_their_phones_objects_and_classes(
    busy: tuple[Service, Door, set[str], Door],
) -> None:
    service, mine, at_google, other = busy
    seen = targets(mine)
    [phone] = seen - at_google
    assert phone.startswith("dev_")
    assert len(targets(other)) == 3
    assert seen & targets(other) == set()
    assert seen | targets(other) <= targets(service.operator)


def test_a_merchant_tries_their_own_google_rows_again_and_no_others(
    busy: tuple[Service, Door, set[str], Door],
) -> None:
    service, mine, at_google, other = busy
    with service.parts.database.writing() as session:
        given_up = update(Delivery).where(Delivery.target.in_(at_google))
        session.execute(given_up.values(state=outbox.GAVE_UP))
    rows = mine.get("/deliveries?state=gave_up").get_json()["data"]
    assert {row["target"] for row in rows} == at_google
    for row in rows:
        assert problem(other.post(f"/deliveries/{row['id']}/retry")) == (404, "not_found")
        assert mine.post(f"/deliveries/{row['id']}/retry").get_json()["state"] == "waiting"
