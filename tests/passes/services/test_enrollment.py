"""Joining at the same moment, from many sides."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import func, select

from passes.errors import Conflict, Invalid
from passes.services import enrollment
from passes.services.drafts import ConsentDraft, MemberDraft
from passes.store.tables import Consent, Member, Pass, Program, Transaction
from tests.service import Door, Service

THREADS = 20


def count(service: Service, program: dict[str, Any], table: type[Any]) -> int:
    with service.parts.database.reading() as session:
        mine = select(func.count()).where(table.program_id == program["id"])
        return session.scalar(mine) or 0


def at_once(act: Callable[[], str]) -> list[str]:
    """What each of many threads got, all starting together."""
    together = threading.Barrier(THREADS)

    def one(_: int) -> str:
        together.wait(timeout=20)
        return act()

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(one, range(THREADS)))


def test_many_requests_for_one_customer_make_one_member(service: Service, door: Door) -> None:
    program = service.program(door, welcome={"stamps": 2})
    path = f"/programs/{program['id']}/members"

    def join() -> str:
        client = Door(service.app.test_client(), door.key)
        answer = client.post(path, {"external_id": "7", "person": {"first_name": "Anna"}})
        assert answer.status_code in {200, 201}, answer.text
        return f"{answer.status_code} {answer.json['id']} {answer.json['pass']['id']}"

    answers = at_once(join)
    assert sum(answer.startswith("201") for answer in answers) == 1
    assert len({answer.partition(" ")[2] for answer in answers}) == 1
    assert [count(service, program, table) for table in (Member, Pass, Transaction)] == [1, 1, 1]
    assert door.get(f"/members/{answers[0].split()[1]}").json["balances"] == {"stamps": 2}


def test_a_join_form_sent_twice_makes_one_member(service: Service, door: Door) -> None:
    program = service.program(door, welcome={"stamps": 1})
    database, now = service.parts.database, service.parts.now()

    def join() -> str:
        with database.writing() as session:
            row = session.get_one(Program, program["id"])
            return enrollment.enrol(session, row, MemberDraft(), now, door="form").member.id

    assert len(set(at_once(join))) == 1
    assert [count(service, program, table) for table in (Member, Pass, Transaction)] == [1, 1, 1]


def test_two_customers_without_an_id_are_two_members(service: Service, door: Door) -> None:
    program = service.program(door)
    first, second = service.member(door, program), service.member(door, program)
    assert first["id"] != second["id"]
    assert count(service, program, Member) == 2


def test_a_consent_is_kept_with_the_words_that_were_shown(service: Service, door: Door) -> None:
    asked = [{"purpose": "terms", "text": "I agree to the terms.", "required": True}]
    program = service.program(door, enrolment={"consents": asked})
    member = service.member(
        door, program, consents=[{"purpose": "terms", "granted": True}], source="till"
    )
    door.patch(
        f"/members/{member['id']}",
        {"consents": [{"purpose": "terms", "granted": False, "text": "I take it back."}]},
    )
    with service.parts.database.reading() as session:
        log = session.scalars(
            select(Consent).where(Consent.member_id == member["id"]).order_by(Consent.id)
        ).all()
    assert [(line.granted, line.text, line.source) for line in log] == [
        (True, "I agree to the terms.", "till"),
        (False, "I take it back.", "till"),
    ]


def test_a_member_who_cannot_join_leaves_nothing_behind(service: Service, door: Door) -> None:
    asked = [{"purpose": "terms", "text": "I agree.", "required": True}]
    program = service.program(door, enrolment={"consents": asked})
    refused = MemberDraft(consents=[ConsentDraft(purpose="terms", granted=False)])
    database, now = service.parts.database, service.parts.now()
    with pytest.raises(Invalid), database.writing() as session:
        enrollment.enrol(session, session.get_one(Program, program["id"]), refused, now)
    door.post(f"/programs/{program['id']}/archive")
    with pytest.raises(Conflict), database.writing() as session:
        enrollment.enrol(session, session.get_one(Program, program["id"]), refused, now)
    assert [count(service, program, table) for table in (Member, Pass)] == [0, 0]


@pytest.mark.parametrize(
    ("wishes", "locale"),
    [
        ({"locale": "cs"}, "cs"),
        ({"accept_language": "he-IL"}, "he"),
        ({"locale": "hu", "accept_language": "he"}, "hu"),
        ({"accept_language": "fr"}, "en"),
    ],
)
def test_a_card_speaks_the_members_language_else_the_browsers_else_the_shops(
    service: Service, door: Door, wishes: dict[str, str], locale: str
) -> None:
    program = service.program(door, card_size=1, milestones=[])
    draft = MemberDraft.model_validate({"locale": wishes.get("locale")})
    accepted = wishes.get("accept_language")
    with service.parts.database.writing() as session:
        row = session.get_one(Program, program["id"])
        joined = enrollment.enrol(
            session, row, draft, service.parts.now(), accept_language=accepted
        )
        assert joined.card.locale == locale
