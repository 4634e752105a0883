"""Members through the API."""

import pytest

from tests.service import PUBLIC_URL, Door, Service


def test_a_member_joins_with_pass_links_and_the_welcome_stamp(service: Service, door: Door) -> None:
    program = service.program(door, welcome={"stamps": 1})
    answer = door.post(
        f"/programs/{program['id']}/members",
        {"external_id": "7", "person": {"first_name": "נועה", "birthday": "1990-02-28"}},
    )
    assert answer.status_code == 201, answer.text
    member = answer.json
    assert member["balances"] == {"stamps": 1}
    assert member["progress"] == {
        "current": 1,
        "target": 10,
        "remaining": 3,
        "next_reward": "Cookie",
        "rewards_ready": [],
    }
    assert member["person"]["birthday"] == "1990-02-28"
    landing = member["pass"]["urls"]["landing"]
    assert landing.startswith(f"{PUBLIC_URL}/p/")
    assert member["pass"]["urls"]["apple"] == f"{landing}.pkpass"
    assert answer.headers["ETag"] == '"1"'


def test_a_known_external_id_answers_with_the_member_unchanged(
    service: Service, door: Door
) -> None:
    program = service.program(door, welcome={"stamps": 1})
    first = service.member(door, program, external_id="7", person={"first_name": "Anna"})
    again = door.post(
        f"/programs/{program['id']}/members",
        {"external_id": "7", "person": {"first_name": "Eve"}},
    )
    assert again.status_code == 200
    assert again.json == first


def test_the_same_external_id_in_another_program_is_another_member(
    service: Service, door: Door
) -> None:
    one, two = service.program(door), service.program(door)
    first = service.member(door, one, external_id="7")
    second = service.member(door, two, external_id="7")
    assert first["id"] != second["id"]


def test_a_merge_patch_changes_what_it_names_and_nothing_else(service: Service, door: Door) -> None:
    member = service.member(
        door, service.program(door), person={"first_name": "Anna", "email": "a@b.example"}
    )
    path = f"/members/{member['id']}"
    changed = door.patch(path, {"person": {"email": None, "last_name": "Žižková"}})
    assert changed.status_code == 200, changed.text
    person = changed.json["person"]
    assert (person["first_name"], person["last_name"]) == ("Anna", "Žižková")
    assert person["email"] is None
    assert door.get(path).json == changed.json


def test_a_changed_language_changes_the_card(service: Service, door: Door) -> None:
    member = service.member(door, service.program(door))
    assert door.get(f"/passes/{member['pass']['id']}").json["locale"] == "en"
    door.patch(f"/members/{member['id']}", {"locale": "he"})
    assert door.get(f"/passes/{member['pass']['id']}").json["locale"] == "he"


def test_if_match_refuses_a_change_on_top_of_an_unseen_one(service: Service, door: Door) -> None:
    member = service.member(door, service.program(door))
    path = f"/members/{member['id']}"
    stale = door.get(path).headers["ETag"]
    assert door.patch(path, {"locale": "hu"}, headers={"If-Match": stale}).status_code == 200
    refused = door.patch(path, {"locale": "cs"}, headers={"If-Match": stale})
    assert refused.status_code == 412
    assert refused.json["code"] == "precondition_failed"
    assert door.get(path).json["locale"] == "hu"


def test_a_taken_external_id_is_a_fault_with_a_pointer(service: Service, door: Door) -> None:
    program = service.program(door)
    service.member(door, program, external_id="1")
    other = service.member(door, program, external_id="2")
    answer = door.patch(f"/members/{other['id']}", {"external_id": "1"})
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == "/external_id"


def test_pages_follow_each_other_without_gap_or_repetition(service: Service, door: Door) -> None:
    program = service.program(door)
    made = [service.member(door, program)["id"] for _ in range(7)]
    seen, path = [], "/members?limit=3"
    while path:
        page = door.get(path).json
        seen += [member["id"] for member in page["data"]]
        path = f"/members?limit=3&cursor={page['next_cursor']}" if page["has_more"] else ""
    assert sorted(seen) == sorted(made)
    assert len(seen) == len(set(seen))


def test_a_list_can_be_narrowed_to_a_program_and_an_external_id(
    service: Service, door: Door
) -> None:
    one, two = service.program(door), service.program(door)
    wanted = service.member(door, one, external_id="7")
    service.member(door, two, external_id="7")
    service.member(door, one, external_id="8")
    page = door.get(f"/members?program_id={one['id']}&external_id=7").json
    assert [member["id"] for member in page["data"]] == [wanted["id"]]


@pytest.mark.parametrize("cursor", ["x", "e30", "%00", "9" * 500])
def test_a_broken_cursor_is_refused(door: Door, cursor: str) -> None:
    answer = door.get(f"/members?cursor={cursor}")
    assert answer.status_code == 422
    assert answer.json["errors"][0]["code"] == "cursor_invalid"


def test_nobody_joins_a_program_that_is_not_active(service: Service, door: Door) -> None:
    program = service.program(door)
    door.post(f"/programs/{program['id']}/pause")
    answer = door.post(f"/programs/{program['id']}/members", {})
    assert answer.status_code == 409
    assert answer.json["code"] == "program_inactive"


def test_required_fields_and_consents_are_asked_for_all_at_once(
    service: Service, door: Door
) -> None:
    enrolment = {
        "fields": [{"key": "email", "required": True}, {"key": "first_name", "required": True}],
        "consents": [{"purpose": "terms", "text": "I agree.", "required": True}],
    }
    program = service.program(door, enrolment=enrolment)
    answer = door.post(f"/programs/{program['id']}/members", {"person": {"first_name": "Anna"}})
    assert answer.status_code == 422
    faults = {(fault["pointer"], fault["code"]) for fault in answer.json["errors"]}
    assert faults == {("/person/email", "missing"), ("/consents", "consent_required")}
    assert door.get("/members").json["data"] == []
