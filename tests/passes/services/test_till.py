"""A card at the till is read as it stands once it is locked; who only looks waits for nobody."""

import pytest
from sqlalchemy import event, text

from passes.services import phones
from passes.services.till import look_up, present
from passes.store.tables import Member, Pass
from tests.conftest import Door, Service

MOST_STATEMENTS = 12  # of a stamp on a card that one phone carries; each is paid for at the till

on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@on_postgresql
def test_what_was_read_before_the_lock_was_had_is_read_again(service: Service, door: Door) -> None:
    member = service.member(door, service.program(door, logo=False))
    database = service.parts.database
    with database.writing() as session:
        card = session.get_one(Pass, member["pass"]["id"])
        assert not card.voided
        with database.writing() as other:
            other.get_one(Pass, card.id).voided = True
        assert present(session, card.merchant_id, member["id"]).card.voided


@on_postgresql
def test_who_looks_a_card_up_does_not_wait_for_a_stamp(service: Service, door: Door) -> None:
    member = service.member(door, service.program(door, logo=False))
    database = service.parts.database
    with database.writing() as stamping:
        merchant_id = stamping.get_one(Member, member["id"]).merchant_id
        code = present(stamping, merchant_id, member["id"]).card.code
        with database.writing() as looking:
            looking.execute(text("SET LOCAL lock_timeout = 100"))
            assert look_up(looking, merchant_id, code).member.id == member["id"]


def test_a_stamp_asks_the_database_little(service: Service, door: Door) -> None:
    program = service.program(door, logo=False)
    member = service.member(door, program)
    pass_type, now = program["pass_type_identifier"], service.parts.now()
    with service.parts.database.writing() as session:
        found = phones.find_pass(session, pass_type, member["pass"]["serial_number"])
        assert found
        phones.register(session, found, "phone", pass_type, "ab12", now)
    asked: list[str] = []
    event.listen(
        service.parts.database.engine, "before_cursor_execute", lambda *sent: asked.append(sent[2])
    )
    key = {"Idempotency-Key": "a-stamp"}
    answer = door.post(f"/members/{member['id']}/transactions", {"type": "earn"}, headers=key)
    assert (answer.status_code, answer.json["push"]["apple"]) == (201, "queued")
    assert len(asked) <= MOST_STATEMENTS, asked
