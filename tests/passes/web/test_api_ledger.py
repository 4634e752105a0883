"""Stamps through the API: exactly as many as were given, by whoever may give them."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from passes.services import counter
from passes.services.till import present
from passes.store.tables import Delivery, Member, Reward
from tests.passes.web.answers import pointers, problem
from tests.passes.web.till import NUMBERS, REPLAYED, Till, open_till
from tests.service import Door


def test_a_stamp_is_a_line_of_the_ledger(till: Till) -> None:
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
def test_rewards_do_not_depend_on_how_stamps_are_batched(
    shared_till: Till, batches: list[int]
) -> None:
    till, total = (
        replace(
            shared_till, member=shared_till.service.member(shared_till.door, shared_till.program)
        ),
        sum(batches),
    )
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


def test_a_second_scan_has_to_wait_and_then_to_be_confirmed(till: Till) -> None:
    till.scan()
    till.clock.forward(timedelta(seconds=2))
    hard = till.scan(override_cooldown=True)
    assert problem(hard) == (409, "cooldown_active")
    assert (hard.json["retry_after_s"], hard.json["can_override"]) == (3, False)
    till.clock.forward(timedelta(seconds=3))
    soft = till.scan()
    assert problem(soft) == (409, "cooldown_active")
    assert (soft.json["retry_after_s"], soft.json["can_override"]) == (25, True)
    assert till.scan(override_cooldown=True).status_code == 200
    assert till.events[-2:].count("cooldown.overridden") == 1
    till.clock.forward(timedelta(seconds=30))
    assert till.scan(override_cooldown=True).status_code == 200
    assert till.events.count("cooldown.overridden") == 1
    assert [line.balance_after for line in till.lines] == [1, 2, 3]


def test_a_clock_that_was_set_back_locks_nobody_out(till: Till) -> None:
    till.scan()
    till.clock.forward(timedelta(hours=-1))
    assert till.scan().status_code == 200


def test_a_shop_system_knows_what_it_does(till: Till) -> None:
    """The cool-down is for hands that scan twice."""
    assert [till.earn().status_code for _ in range(2)] == [201, 201]


def test_another_merchants_member_and_code_are_unknown(till: Till) -> None:
    stranger = till.service.merchant(f"birch-{next(NUMBERS)}")
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


def test_a_program_gives_at_most_so_many_at_once(shared_till: Till) -> None:
    till = open_till(shared_till.service, shared_till.door)
    assert problem(till.scan(quantity=6)) == (409, "limit_reached")
    assert problem(till.earn(6)) == (409, "limit_reached")
    assert till.scan(quantity=5).status_code == 200


def test_a_paused_program_gives_nothing(shared_till: Till) -> None:
    till = open_till(shared_till.service, shared_till.door)
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
