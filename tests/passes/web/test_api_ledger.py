"""Stamps through the API: one act per key, exactly as many as were given, whoever asks at once."""

from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select
from werkzeug.test import TestResponse

from passes.services import counter, idempotency
from passes.services.till import present
from passes.store.database import Database
from passes.store.tables import (
    Delivery,
    Event,
    IdempotentRequest,
    Member,
    Pass,
    Reward,
    Transaction,
)
from passes.store.versions import newest_version
from tests.conftest import Clock, Door, Service, serve
from tests.passes.web.answers import pointers, problem
from tests.together import together

REPLAYED = "Idempotency-Replayed"

_keys = count()


@dataclass(frozen=True)
class Till:
    """A merchant's door, a program and one member's card."""

    service: Service
    door: Door
    program: dict[str, Any]
    member: dict[str, Any]

    @property
    def database(self) -> Database:
        return self.service.parts.database

    @property
    def card(self) -> Pass:
        with self.database.reading() as session:
            return session.get_one(Pass, self.member["pass"]["id"])

    def earn(self, stamps: int = 1, key: str | None = None, **options: Any) -> TestResponse:
        """As a shop system does; each time with another key unless told otherwise."""
        return self.act(
            f"/members/{self.member['id']}/transactions",
            {"type": "earn", "stamps": stamps},
            key,
            **options,
        )

    def scan(self, key: str | None = None, **fields: Any) -> TestResponse:
        """As a till does."""
        draft = {"code": self.card.code, "intent": "stamp"} | fields
        return self.act("/scans", draft, key)

    def act(
        self, path: str, draft: object, key: str | None = None, door: Door | None = None
    ) -> TestResponse:
        """`key` is one of this card's own keys."""
        headers = {"Idempotency-Key": f"{self.member['id']}-{key or next(_keys)}"}
        return (door or self.door).post(path, draft, headers=headers)

    def another_door(self) -> Door:
        """The same key on a connection of its own, for another thread."""
        return Door(self.service.app.test_client(), self.door.key)

    @property
    def lines(self) -> list[Transaction]:
        with self.database.reading() as session:
            mine = select(Transaction).where(Transaction.member_id == self.member["id"])
            return list(session.scalars(mine.order_by(Transaction.balance_after)))

    @property
    def events(self) -> list[str]:
        """The kinds of events of this member, in their order."""
        with self.database.reading() as session:
            mine = Event.merchant_id == self.card.merchant_id
            rows = session.scalars(select(Event).where(mine).order_by(Event.created_at))
            return [row.type for row in rows if row.data.get("member_id") == self.member["id"]]

    @property
    def kept_answers(self) -> int:
        with self.database.reading() as session:
            mine = IdempotentRequest.key.startswith(self.member["id"])
            return len(session.scalars(select(IdempotentRequest).where(mine)).all())


def open_till(service: Service, door: Door, **fields: Any) -> Till:
    program = service.program(door, logo=False, **fields)
    return Till(service, door, program, service.member(door, program))


@pytest.fixture(scope="module")
def shop(shared_service: Service) -> Till:
    """A program that gives any number of stamps at once, for all tests here."""
    return open_till(shared_service, shared_service.merchant(), limits={"max_stamps": 30})


@pytest.fixture
def till(shop: Till) -> Till:
    """A new member's card."""
    return replace(shop, member=shop.service.member(shop.door, shop.program))


@pytest.fixture
def clock(shop: Till) -> Clock:
    now = shop.service.parts.now
    assert isinstance(now, Clock)
    return now


# --- one stamp ------------------------------------------------------------------------------------


def test_a_stamp_is_a_line_of_the_ledger(till: Till, clock: Clock) -> None:
    answer = till.earn(3)
    assert answer.status_code == 201
    assert REPLAYED not in answer.headers
    document = answer.json
    assert document["transaction"] | {"id": "", "created_at": ""} == {
        "id": "",
        "member_id": till.member["id"],
        "program_id": till.program["id"],
        "type": "earn",
        "stamps": 3,
        "balance_after": 3,
        "location_id": None,
        "created_at": "",
    }
    assert document["member"]["balances"] == {"stamps": 3}
    assert document["rewards_earned"] == []
    assert document["push"]["apple"] == "none"
    assert till.events == ["transaction.created"]


def test_phones_are_told_only_when_there_are_any(till: Till) -> None:
    headers = {"Authorization": f"ApplePass {till.card.authentication_token}"}
    path = f"{till.card.pass_type_identifier}/{till.card.serial_number}"
    till.service.client.post(
        f"/apple/v1/devices/phone/registrations/{path}", json={"pushToken": "ab"}, headers=headers
    )
    assert till.earn().json["push"]["apple"] == "queued"
    with till.database.reading() as session:
        assert len(session.scalars(select(Delivery)).all()) == 1


def test_the_stamp_after_the_last_opens_the_next_card(till: Till) -> None:
    for _ in range(2):
        till.earn(5)
    full = till.door.get(f"/members/{till.member['id']}").json["progress"]
    assert (full["current"], full["rewards_ready"]) == (10, ["Coffee"])
    progress = till.earn().json["member"]["progress"]
    assert (progress["current"], progress["target"], progress["next_reward"]) == (1, 10, "Cookie")


def test_a_reward_is_earned_once_per_card(till: Till) -> None:
    earned = [
        (reward["title"], reward["milestone"], reward["cycle"])
        for stamps in (5, 5, 5, 5)
        for reward in till.earn(stamps).json["rewards_earned"]
    ]
    assert earned == [
        ("Cookie", 4, 0),
        ("Coffee", 10, 0),
        ("Cookie", 4, 1),
        ("Coffee", 10, 1),
    ]
    assert till.events.count("reward.earned") == 4


def test_a_whole_card_at_once_earns_its_rewards_and_leaves_the_card_as_it_was(till: Till) -> None:
    till.earn(10)
    version = till.card.version
    again = till.earn(10).json
    assert [reward["title"] for reward in again["rewards_earned"]] == ["Cookie", "Coffee"]
    assert all(reward["id"].startswith("rwd_") for reward in again["rewards_earned"])
    assert till.card.version == version


@pytest.mark.parametrize("shared_service", ["sqlite"], indirect=True)
@settings(max_examples=15, deadline=None)
@given(batches=st.lists(st.integers(1, 30), min_size=1, max_size=8))
def test_rewards_do_not_depend_on_how_stamps_are_batched(shop: Till, batches: list[int]) -> None:
    till, total = replace(shop, member=shop.service.member(shop.door, shop.program)), sum(batches)
    member = till.member
    with till.database.writing() as session:
        person = session.get_one(Member, member["id"])
        for stamps in batches:
            at = present(session, person.merchant_id, person.id)
            counter.earn(session, at, stamps, till.service.parts.now())
    with till.database.reading() as session:
        mine = Reward.member_id == member["id"]
        rewards = session.execute(select(Reward.cycle, Reward.milestone).where(mine)).all()
        assert counter.stamps_of(session, [member["id"]]) == {member["id"]: total}
    one_by_one = [
        ((number - 1) // 10, (number - 1) % 10 + 1)
        for number in range(1, total + 1)
        if (number - 1) % 10 + 1 in {4, 10}
    ]
    assert sorted(map(tuple, rewards)) == one_by_one


# --- one act per key ------------------------------------------------------------------------------


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


def test_a_repeat_is_answered_byte_for_byte(till: Till, clock: Clock) -> None:
    first = till.earn(4, "key-1")
    clock.forward(timedelta(days=29))
    with till.database.writing() as session:
        idempotency.forget_old(session, clock())
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
    stranger = open_till(till.service, till.service.merchant(f"birch-{next(_keys)}"))
    same = {"Idempotency-Key": "the-same"}
    assert till.door.post(path, draft, headers=same).status_code == 201
    theirs = path.replace(till.member["id"], stranger.member["id"])
    assert stranger.door.post(theirs, draft, headers=same).status_code == 201


def test_a_refused_act_does_not_use_its_key_up(till: Till, clock: Clock) -> None:
    till.scan()
    assert problem(till.scan("key-1")) == (409, "cooldown_active")
    clock.forward(timedelta(minutes=1))
    answer = till.scan("key-1")
    assert answer.status_code == 200
    assert REPLAYED not in answer.headers


def test_after_thirty_days_a_repeat_gets_the_line_as_it_stands(till: Till, clock: Clock) -> None:
    first = till.earn(4, "key-1").json
    till.earn(2, "key-2")
    clock.forward(timedelta(days=31))
    with till.database.writing() as session:
        idempotency.forget_old(session, clock())
    assert till.kept_answers == 0
    again = till.earn(4, "key-1")
    assert (again.status_code, again.headers[REPLAYED]) == (201, "true")
    assert again.json["transaction"] == first["transaction"]
    assert again.json["rewards_earned"] == first["rewards_earned"]
    assert again.json["member"]["balances"] == {"stamps": 6}
    assert [line.stamps for line in till.lines] == [4, 2]


def test_after_thirty_days_a_key_still_stands_for_one_act(till: Till, clock: Clock) -> None:
    till.earn(4, "key-1")
    clock.forward(timedelta(days=31))
    with till.database.writing() as session:
        idempotency.forget_old(session, clock())
    other = till.service.member(till.door, till.program)
    draft = {"type": "earn", "stamps": 4}
    for answer in (
        till.earn(3, "key-1"),
        till.act(f"/members/{other['id']}/transactions", draft, "key-1"),
        till.scan("key-1"),
    ):
        assert problem(answer) == (422, "idempotency_key_reused")
    assert till.kept_answers == 0


# --- many at once ---------------------------------------------------------------------------------


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


# --- scans ----------------------------------------------------------------------------------------


def test_a_lookup_shows_the_card_and_changes_nothing(till: Till) -> None:
    draft = {"code": till.card.code, "intent": "lookup"}
    answer = till.door.post("/scans", draft)
    assert answer.status_code == 200
    assert (answer.json["result"], answer.json["transaction"]) == ("found", None)
    assert answer.json["member"]["id"] == till.member["id"]
    assert (till.lines, till.events, till.kept_answers) == ([], [], 0)


def test_a_scan_stamps(till: Till) -> None:
    answer = till.scan(quantity=4)
    assert answer.status_code == 200
    assert answer.json["result"] == "stamped"
    assert answer.json["progress"]["current"] == 4
    assert [reward["title"] for reward in answer.json["rewards_earned"]] == ["Cookie"]
    assert answer.json["push"]["apple"] == "none"


def test_misread_letters_are_understood(till: Till) -> None:
    code = till.card.code
    typed = code.lower().replace("0", "o").replace("1", "l")
    spaced = "-".join(typed[at : at + 4] for at in range(0, len(typed), 4))
    for attempt in (typed, spaced, f" {spaced} ", code.replace("1", "I").replace("0", "O")):
        answer = till.door.post("/scans", {"code": attempt, "intent": "lookup"})
        assert answer.status_code == 200, attempt


@pytest.mark.parametrize("code", ["0000000000000000", "ÄÖÜ€", "ﬀ" * 32, "' OR 1=1 --"])
def test_an_unknown_code_is_told(till: Till, code: str) -> None:
    for intent in ("lookup", "stamp"):
        assert problem(till.scan(code=code, intent=intent)) == (404, "code_unknown")


def test_a_second_scan_has_to_wait_and_then_to_be_confirmed(till: Till, clock: Clock) -> None:
    till.scan()
    clock.forward(timedelta(seconds=2))
    hard = till.scan(override_cooldown=True)
    assert problem(hard) == (409, "cooldown_active")
    assert (hard.json["retry_after_s"], hard.json["can_override"]) == (3, False)
    clock.forward(timedelta(seconds=3))
    soft = till.scan()
    assert problem(soft) == (409, "cooldown_active")
    assert (soft.json["retry_after_s"], soft.json["can_override"]) == (25, True)
    assert till.scan(override_cooldown=True).status_code == 200
    assert till.events[-2:].count("cooldown.overridden") == 1
    clock.forward(timedelta(seconds=30))
    assert till.scan(override_cooldown=True).status_code == 200
    assert till.events.count("cooldown.overridden") == 1
    assert [line.balance_after for line in till.lines] == [1, 2, 3]


def test_a_clock_that_was_set_back_locks_nobody_out(till: Till, clock: Clock) -> None:
    till.scan()
    clock.forward(timedelta(hours=-1))
    assert till.scan().status_code == 200


def test_a_shop_system_knows_what_it_does(till: Till) -> None:
    """The cool-down is for hands that scan twice."""
    assert [till.earn().status_code for _ in range(2)] == [201, 201]


# --- who may, and when ----------------------------------------------------------------------------


def test_another_merchants_member_and_code_are_unknown(till: Till) -> None:
    stranger = till.service.merchant(f"birch-{next(_keys)}")
    path = f"/members/{till.member['id']}/transactions"
    assert problem(till.act(path, {"type": "earn"}, door=stranger)) == (404, "not_found")
    for intent in ("lookup", "stamp"):
        draft = {"code": till.card.code, "intent": intent}
        assert problem(till.act("/scans", draft, door=stranger)) == (404, "code_unknown")
    assert till.lines == []


def test_stamping_needs_its_scope(till: Till) -> None:
    weak = till.door.post("/api_keys", {"name": "weak", "scopes": ["members:write"]}).json
    door = Door(till.service.client, weak["secret"])
    assert problem(till.act("/scans", {"code": "0000", "intent": "lookup"}, door=door)) == (
        403,
        "forbidden_scope",
    )


def test_a_program_gives_at_most_so_many_at_once(shop: Till) -> None:
    till = open_till(shop.service, shop.door)
    assert problem(till.scan(quantity=6)) == (409, "limit_reached")
    assert problem(till.earn(6)) == (409, "limit_reached")
    assert till.scan(quantity=5).status_code == 200


def test_a_paused_program_gives_nothing(shop: Till) -> None:
    till = open_till(shop.service, shop.door)
    till.door.post(f"/programs/{till.program['id']}/pause")
    assert problem(till.earn()) == (409, "program_inactive")
    assert problem(till.scan()) == (409, "program_inactive")
    assert till.scan(intent="lookup").status_code == 200


def test_a_voided_card_takes_no_stamps(till: Till) -> None:
    till.door.post(f"/passes/{till.card.id}/void")
    assert problem(till.earn()) == (409, "pass_voided")
    assert problem(till.scan()) == (409, "pass_voided")


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"stamps": 0}, "/stamps"),
        ({"stamps": -1}, "/stamps"),
        ({"stamps": 31}, "/stamps"),
        ({"stamps": 1.5}, "/stamps"),
        ({"stamps": "2"}, "/stamps"),
        ({"stamps": True}, "/stamps"),
        ({"type": "redeem"}, "/type"),
        ({"stamp": 1}, "/stamp"),
    ],
)
@pytest.mark.parametrize("shared_service", ["sqlite"], indirect=True)
def test_what_is_no_stamp_is_told(till: Till, fields: dict[str, Any], pointer: str) -> None:
    path = f"/members/{till.member['id']}/transactions"
    assert pointers(till.act(path, {"type": "earn"} | fields)) == {pointer}
    assert till.lines == []
