"""The control plane: faults, held answers, the journal, and orders that make no sense."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.webhooks.simulators.google_room import (
    CLASS,
    ISSUER,
    OBJECT,
    Room,
    object_document,
    opened_room,
    points,
    until,
)
from webhooks.simulators.google_script import Rule, Script, rules_from_json
from webhooks.simulators.script import ScriptError

AN_OBJECT = f"loyaltyObject/{OBJECT}"


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as threads:
        yield threads


def script(room: Room, **rule: Any) -> None:
    room.order("script", rules=[rule])


def balance(room: Room) -> str:
    [shown] = room.state()["objects"]
    return str(shown["document"]["loyaltyPoints"]["balance"]["string"])


def patch(room: Room, value: str) -> requests.Response:
    url = f"{room.google.url}/walletobjects/v1/{AN_OBJECT}"
    headers = dict(room.api.headers)
    return requests.patch(url, json=points(value), headers=headers, timeout=5)


# Rules -----------------------------------------------------------------------------------------


def test_rules_decide_by_method_path_count_and_turn() -> None:
    rules = Script()
    rules.add(
        Rule(answer="status", method="PATCH", path="/loyaltyObject/", next=2),
        Rule(answer="reset", every=3),
    )

    def answers(method: str, path: str, times: int) -> list[str]:
        return [rules.rule_for(method, path).answer for _ in range(times)]

    assert answers("PATCH", "/v1/loyaltyObject/1.a", 5) == [
        "status",
        "status",
        "course",
        "course",
        "reset",
    ]
    assert answers("GET", "/v1/loyaltyObject/1.a", 3) == ["course", "course", "reset"]
    rules.clear()
    assert answers("GET", "/", 3) == ["course"] * 3
    rules.add(Rule(answer="stall", every=2, next=1))
    assert answers("GET", "/", 4) == ["course", "stall", "course", "course"]


@pytest.mark.parametrize(
    ("document", "word"),
    [
        (None, "tuple"),
        ([{}], "answer"),
        ([{"answer": "sleep"}], "answer"),
        ([{"answer": "status", "status": 200}], "status"),
        ([{"answer": "reset", "next": 0}], "next"),
        ([{"answer": "reset", "delay_s": -1}], "delay_s"),
        ([{"answer": "reset", "colour": "red"}], "colour"),
    ],
)
def test_a_rule_that_cannot_be_followed_is_named(document: object, word: str) -> None:
    with pytest.raises(ScriptError, match=word):
        rules_from_json(document)


# Faults ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_fault_has_googles_body_and_changes_nothing(room: Room, status: int) -> None:
    room.stock()
    reason = "rateLimitExceeded"
    script(
        room, answer="status", method="PATCH", status=status, reason=reason, retry_after=7, next=1
    )
    answer = room.call("PATCH", AN_OBJECT, points("4/10"))
    assert (answer.status_code, answer.headers["Retry-After"]) == (status, "7")
    assert answer.json()["error"]["errors"][0]["reason"] == reason
    assert balance(room) == "3/10"
    room.done("PATCH", AN_OBJECT, points("4/10"))
    assert balance(room) == "4/10"


def test_a_fault_can_hide_that_the_request_was_obeyed(room: Room) -> None:
    room.stock()
    script(room, answer="status", method="PATCH", status=500, applied=True, next=1)
    assert room.call("PATCH", AN_OBJECT, points("4/10")).status_code == 500
    assert balance(room) == "4/10"


def test_a_connection_can_be_reset(room: Room) -> None:
    room.stock()
    script(room, answer="reset", method="PATCH", next=1)
    with pytest.raises(requests.ConnectionError):
        patch(room, "4/10")
    [entry] = room.state("requests?method=PATCH")
    assert entry["status"] == 0


def test_an_answer_can_never_come(room: Room) -> None:
    room.stock()
    script(room, answer="stall", method="PATCH", next=1)
    url = f"{room.google.url}/walletobjects/v1/{AN_OBJECT}"
    with pytest.raises(requests.ReadTimeout):
        room.api.patch(url, json=points("4/10"), timeout=0.1)


def test_an_answer_can_be_late(room: Room) -> None:
    script(room, answer="course", path="issuer", delay_s=0.2, next=1)
    slow = room.call("GET", f"issuer/{ISSUER}").elapsed
    assert slow.total_seconds() >= 0.2
    assert room.call("GET", f"issuer/{ISSUER}").elapsed < slow


def test_the_token_endpoint_can_fail_too(room: Room) -> None:
    script(room, answer="status", path="/token", status=503)
    assert requests.post(f"{room.google.url}/token", timeout=5).status_code == 503


def test_a_request_held_on_its_way_is_obeyed_when_it_is_released(
    room: Room, threads: ThreadPoolExecutor
) -> None:
    room.stock()
    script(room, answer="hold", method="PATCH", next=1)
    old = threads.submit(patch, room, "4/10")
    until(lambda: len(room.state()["held"]) == 1, room)
    [entry] = room.state("requests?method=PATCH")
    assert entry["status"] is None
    assert patch(room, "5/10").ok
    assert balance(room) == "5/10"
    assert room.order("release") == [entry["number"]]
    assert old.result(5).ok
    assert balance(room) == "4/10"  # an older state overtook a newer one


def test_answers_held_back_can_be_released_one_by_one(
    room: Room, threads: ThreadPoolExecutor
) -> None:
    room.stock()
    script(room, answer="hold", method="PATCH", applied=True, next=2)
    first = threads.submit(patch, room, "4/10")
    until(lambda: balance(room) == "4/10", room)
    second = threads.submit(patch, room, "5/10")
    until(lambda: len(room.state()["held"]) == 2, room)
    assert balance(room) == "5/10"
    older, newer = room.state()["held"]
    assert room.order("release", number=newer) == [newer]
    assert second.result(5).ok
    assert not first.done()
    assert room.order("release", number=older) == [older]
    assert first.result(5).ok
    assert balance(room) == "5/10"  # neither was obeyed twice


def test_what_is_held_ends_with_the_simulator(
    google_account: Path, threads: ThreadPoolExecutor
) -> None:
    with opened_room(google_account) as room:
        room.stock()
        script(room, answer="hold", method="PATCH")
        waiting = threads.submit(patch, room, "4/10")
        until(lambda: len(room.state()["held"]) == 1, room)
    with pytest.raises(requests.ConnectionError):
        waiting.result(5)


# Journal and orders ----------------------------------------------------------------------------


def test_the_journal_has_bodies_answers_and_what_broke_which_rule(room: Room) -> None:
    room.stock()
    room.refused(400, "PATCH", AN_OBJECT, {"heroImage": {}})
    *_, entry = room.state(f"requests?method=PATCH&path={OBJECT}")
    assert entry["body"] == {"heroImage": {}}
    assert (entry["status"], entry["reason"]) == (400, "invalidResource")
    assert entry["findings"] == [
        "not_exactly_one(heroImage): Exactly one of sourceUri and privateImageId."
    ]
    assert room.state(f"requests?after={entry['number']}") == []


def test_a_reset_brings_back_a_good_day_but_keeps_what_google_never_forgets(room: Room) -> None:
    room.stock()
    room.order("knobs", demo=True, ahead_s=60)
    script(room, answer="status", method="PATCH", status=500)
    room.order("reset")
    state = room.state()
    assert (state["knobs"]["demo"], state["knobs"]["ahead_s"]) == (False, 0)
    assert [one["id"] for one in state["classes"] + state["objects"]] == [CLASS, OBJECT]
    assert room.state("requests") == []
    room.done("PATCH", AN_OBJECT, points("4/10"))


def test_a_link_is_tapped_by_order_as_well(room: Room) -> None:
    room.stock()
    saved = room.order("save", link=room.link(), user="anna@example.com")
    assert saved == {"objects": [OBJECT], "already": []}


@pytest.mark.parametrize(
    ("name", "document", "word"),
    [
        ("knobs", {"colour": "red"}, "colour"),
        ("knobs", {"review": "maybe"}, "review"),
        ("knobs", {"rate_per_s": -1}, "rate_per_s"),
        ("script", {}, "tuple"),
        ("release", {"number": "7"}, "number"),
        ("review", {"class_id": CLASS, "status": "DRAFT"}, "status"),
        ("review", {"class_id": "1.x", "status": "APPROVED"}, "not found"),
        ("save", {"link": "x"}, "user"),
        ("save", {"link": "x", "user": "anna"}, "JWT"),
        ("remove", {}, "object_id"),
        ("callbacks", {"object_id": OBJECT, "flaw": "ugly"}, "flaw"),
        ("callbacks", {"object_id": OBJECT, "event": "sell"}, "event"),
        ("callbacks", {"object_id": f"{ISSUER}.none"}, "not found"),
        ("callbacks", {}, "object_id"),
    ],
)
def test_an_order_that_makes_no_sense_says_why(
    room: Room, name: str, document: dict[str, Any], word: str
) -> None:
    answer = requests.post(f"{room.google.control}/{name}", json=document, timeout=5)
    assert answer.status_code == 422
    assert word in answer.json()["error"]


def test_unknown_orders_and_bodies_are_refused(room: Room) -> None:
    control = room.google.control
    assert requests.get(f"{control}/secrets", timeout=5).status_code == 404
    assert requests.post(f"{control}/state", timeout=5).status_code == 404
    assert requests.post(f"{control}/knobs", data="[1]", timeout=5).status_code == 422


def test_a_new_object_and_its_edition_are_in_the_state(room: Room) -> None:
    room.stock()
    room.done("PUT", AN_OBJECT, object_document(state="COMPLETED"))
    [shown] = room.state()["objects"]
    assert (shown["edition"], shown["holders"]) == (2, [])
