"""One act per key, whoever asks at once, and however much later."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import delete, select
from werkzeug.test import TestResponse

from passes.services import idempotency
from passes.store.database import Database
from passes.store.tables import IdempotentRequest, Pass
from passes.store.versions import newest_version
from tests.passes.web.answers import pointers, problem
from tests.passes.web.till import NUMBERS, REPLAYED, Till, open_till
from tests.service import Door, serve
from tests.together import together


@pytest.mark.parametrize("path", ["/members/{member}/transactions", "/scans"])
def test_a_write_needs_a_key(till: Till, path: str) -> None:
    draft = {"type": "earn"} if "member" in path else {"code": till.card.code, "intent": "stamp"}
    answer = till.door.post(path.format(member=till.member["id"]), draft)
    assert problem(answer) == (400, "idempotency_key_missing")
    assert till.lines == []


@pytest.mark.parametrize("key", ["k" * 256, "tab\tinside", "\u00a0"])
def test_a_key_has_1_to_255_printable_characters(till: Till, key: str) -> None:
    path, draft = f"/members/{till.member['id']}/transactions", {"type": "earn"}
    assert pointers(till.door.post(path, draft, headers={"Idempotency-Key": key})) == {""}
    longest = till.member["id"].ljust(255, "k")
    answer = till.door.post(path, draft, headers={"Idempotency-Key": longest})
    assert answer.status_code == 201


def test_a_repeat_is_answered_byte_for_byte(till: Till) -> None:
    first = till.earn(4, "key-1")
    till.clock.forward(timedelta(days=29))
    with till.database.writing() as session:
        idempotency.forget_old(session, till.clock())
    till.earn(2, "key-2")
    again = till.earn(4, "key-1")
    assert (again.status_code, again.data) == (first.status_code, first.data)
    assert again.headers[REPLAYED] == "true"
    assert [line.stamps for line in till.lines] == [4, 2]


def test_a_scan_too_is_answered_byte_for_byte(till: Till) -> None:
    first, again = till.scan("key-1"), till.scan("key-1")
    assert (again.status_code, again.data) == (200, first.data)
    assert again.headers[REPLAYED] == "true"
    assert len(till.lines) == 1


def test_a_key_stands_for_one_act(till: Till) -> None:
    till.earn(1, "key-1")
    other = till.service.member(till.door, till.program)
    draft = {"type": "earn", "stamps": 1}
    for answer in (
        till.earn(2, "key-1"),
        till.scan("key-1"),
        till.act(f"/members/{other['id']}/transactions", draft, "key-1"),
    ):
        assert problem(answer) == (422, "idempotency_key_reused")
    assert len(till.lines) == 1


def test_another_merchants_key_is_another_key(till: Till) -> None:
    path, draft = f"/members/{till.member['id']}/transactions", {"type": "earn", "stamps": 3}
    stranger = open_till(till.service, till.service.merchant(f"birch-{next(NUMBERS)}"))
    same = {"Idempotency-Key": "the-same"}
    assert till.door.post(path, draft, headers=same).status_code == 201
    theirs = path.replace(till.member["id"], stranger.member["id"])
    assert stranger.door.post(theirs, draft, headers=same).status_code == 201


def test_a_refused_act_does_not_use_its_key_up(till: Till) -> None:
    till.scan()
    assert problem(till.scan("key-1")) == (409, "cooldown_active")
    till.clock.forward(timedelta(minutes=1))
    answer = till.scan("key-1")
    assert answer.status_code == 200
    assert REPLAYED not in answer.headers


def test_after_thirty_days_a_repeat_gets_the_line_as_it_stands(till: Till) -> None:
    first = till.earn(4, "key-1").json
    till.earn(2, "key-2")
    till.clock.forward(timedelta(days=31))
    with till.database.writing() as session:
        idempotency.forget_old(session, till.clock())
    assert till.kept_answers == 0
    again = till.earn(4, "key-1")
    assert (again.status_code, again.headers[REPLAYED]) == (201, "true")
    assert again.json["transaction"] == first["transaction"]
    assert again.json["rewards_earned"] == first["rewards_earned"]
    assert again.json["member"]["balances"] == {"stamps": 6}
    assert [line.stamps for line in till.lines] == [4, 2]


def test_after_thirty_days_a_key_still_stands_for_one_act(till: Till) -> None:
    till.earn(4, "key-1")
    till.clock.forward(timedelta(days=31))
    with till.database.writing() as session:
        idempotency.forget_old(session, till.clock())
    other = till.service.member(till.door, till.program)
    draft = {"type": "earn", "stamps": 4}
    for answer in (
        till.earn(3, "key-1"),
        till.act(f"/members/{other['id']}/transactions", draft, "key-1"),
        till.scan("key-1"),
    ):
        assert problem(answer) == (422, "idempotency_key_reused")
    assert till.kept_answers == 0


def persistently(till: Till, key: str, answers: list[TestResponse]) -> None:
    """As a till does: busy or in progress means the same again, with the same key."""
    door = till.another_door()
    path, draft = f"/members/{till.member['id']}/transactions", {"type": "earn"}
    answer = till.act(path, draft, key, door)
    while answer.status_code in {409, 503}:
        code = answer.json["code"]
        assert code in {"idempotency_in_progress", "database_unavailable"}, answer.text
        answer = till.act(path, draft, key, door)
    answers.append(answer)


def test_a_hundred_repeats_at_once_are_one_stamp(till: Till) -> None:
    answers: list[TestResponse] = []
    together(*[partial(persistently, till, "key-1", answers)] * 100)
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.data for answer in answers}) == 1
    assert sum(REPLAYED not in answer.headers for answer in answers) == 1
    assert [line.balance_after for line in till.lines] == [1]


def test_a_hundred_stamps_at_once_are_exactly_a_hundred(till: Till) -> None:
    answers: list[TestResponse] = []
    together(*(partial(persistently, till, f"key-{n}", answers) for n in range(100)))
    assert [answer.status_code for answer in answers] == [201] * 100
    assert [line.balance_after for line in till.lines] == list(range(1, 101))
    earned = [reward for answer in answers for reward in answer.json["rewards_earned"]]
    assert sorted((r["cycle"], r["milestone"]) for r in earned) == [
        (cycle, milestone) for cycle in range(10) for milestone in (4, 10)
    ]
    with till.database.reading() as session:
        assert till.card.version == newest_version(session, till.card.pass_type_identifier)


def test_two_tills_at_once_stamp_a_card_once(till: Till) -> None:
    answers: list[TestResponse] = []

    def scan(number: int) -> None:
        draft = {"code": till.card.code, "intent": "stamp"}
        answers.append(till.act("/scans", draft, f"key-{number}", till.another_door()))

    together(*(partial(scan, number) for number in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    assert len(till.lines) == 1


@pytest.mark.parametrize("shared_service", ["postgresql"], indirect=True)
def test_a_first_request_that_still_runs_is_waited_for_two_seconds(till: Till) -> None:
    with till.database.writing() as session:
        key = f"{till.member['id']}-key-1"
        card = till.card
        assert idempotency.begin(session, card.merchant_id, key, "act", card.created_at) is None
        assert problem(till.earn(1, "key-1")) == (409, "idempotency_in_progress")
        session.execute(delete(IdempotentRequest).where(IdempotentRequest.key == key))  # it failed
    assert till.earn(1, "key-1").status_code == 201


@pytest.mark.parametrize("shared_service", ["postgresql"], indirect=True)
def test_a_card_that_stays_locked_is_told_as_a_busy_database(till: Till) -> None:
    with till.database.writing() as session:
        card = select(Pass).where(Pass.id == till.card.id).with_for_update()
        session.execute(card).all()
        busy = till.earn(1, "key-1")
    assert problem(busy) == (503, "database_unavailable")
    assert busy.headers["Retry-After"] == "2"
    assert till.earn(1, "key-1").status_code == 201


@pytest.mark.parametrize("shared_service", ["sqlite"], indirect=True)
def test_a_database_that_stays_locked_is_told_as_busy(till: Till) -> None:
    url = till.database.engine.url.render_as_string(hide_password=False)
    hasty = Database(url, patience_s=0.01)
    client = serve(replace(till.service.parts, database=hasty)).client
    with till.database.writing():
        busy = replace(till, door=Door(client, till.door.key)).earn(1, "key-1")
    hasty.dispose()
    assert problem(busy) == (503, "database_unavailable")
    assert (busy.headers["Retry-After"], busy.json["retry_after_s"]) == ("2", 2)
    assert till.earn(1, "key-1").status_code == 201
