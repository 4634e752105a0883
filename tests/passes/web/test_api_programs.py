"""Programs through the API: drafted, opened, drawn, closed."""

import io
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import select

from certs import development
from passes.store.tables import Delivery, ProgramPicture
from passes.web.application import create_app
from passes.web.parts import Parts
from tests.passes.web.answers import faults, pointers, problem
from tests.service import OPERATOR_KEY, PUBLIC_URL, Door, Service, logo_png, serve


def draft(door: Door, **fields: Any) -> dict[str, Any]:
    template = door.post("/templates", {"name": "Look"}).json
    made = {"name": "Card", "slug": "card", "template_id": template["id"], "card_size": 10}
    return made | fields


def heroes(service: Service, program: dict[str, Any]) -> dict[int, str]:
    """The SHA-256 of the stored hero for each count of stamps."""
    mine = (ProgramPicture.program_id == program["id"]) & (ProgramPicture.kind == "hero")
    with service.parts.database.reading() as session:
        rows = session.scalars(select(ProgramPicture).where(mine))
        return {row.filled: row.sha256 for row in rows}


def test_a_program_starts_as_a_draft_with_the_only_certificate(door: Door) -> None:
    made = door.post("/programs", draft(door, welcome={"stamps": 2}, terms="Be kind."))
    assert made.status_code == 201, made.text
    program = made.json
    assert program["status"] == "draft"
    assert program["pass_type_identifier"] == development.PASS_TYPE_IDENTIFIER
    assert program["welcome"] == {"stamps": 2}
    assert program["join_url"] == f"{PUBLIC_URL}/j/card"
    assert door.get(f"/programs/{program['id']}").json == program
    assert door.get("/programs").json["data"] == [program]


def test_milestones_are_kept_in_the_order_of_the_card(door: Door) -> None:
    milestones = [{"at": 10, "title": "Coffee"}, {"at": 4, "title": "Cookie"}]
    program = door.post("/programs", draft(door, milestones=milestones)).json
    assert [milestone["at"] for milestone in program["milestones"]] == [4, 10]


def test_every_fault_of_a_program_is_told_at_once(door: Door) -> None:
    answer = door.post(
        "/programs",
        draft(
            door,
            name="",
            slug="-",
            type="points",
            card_size=5,
            milestones=[{"at": 6, "title": "x"}, {"at": 2, "title": "a"}, {"at": 2, "title": "b"}],
            welcome={"stamps": 6},
            unit_label="x" * 21,
            terms="x" * 4001,
            enrolment={"fields": [{"key": "shoe_size"}], "consents": [{"purpose": "terms"}]},
            pass_type_identifier="loyalty",
            reward="x",
        ),
    )
    assert pointers(answer) == {
        "/name",
        "/slug",
        "/type",
        "/milestones/0/at",
        "/milestones/2/at",
        "/welcome/stamps",
        "/unit_label",
        "/terms",
        "/enrolment/fields/0/key",
        "/enrolment/consents/0/text",
        "/pass_type_identifier",
        "/reward",
    }


@pytest.mark.parametrize("size", [0, 31, "10", 10.0, True, None])
def test_a_card_has_one_to_thirty_slots(door: Door, size: object) -> None:
    assert pointers(door.post("/programs", draft(door, card_size=size))) == {"/card_size"}


def test_a_slug_is_unique_in_the_whole_service(service: Service, door: Door) -> None:
    door.post("/programs", draft(door))
    other = service.merchant("other")
    assert faults(other.post("/programs", draft(other))) == {("/slug", "taken")}


def test_a_foreign_template_is_as_unknown_as_none(service: Service, door: Door) -> None:
    other = service.merchant("other")
    foreign = draft(other)["template_id"]
    answers = [
        door.post("/programs", draft(door, template_id=template))
        for template in (foreign, "tpl_0000000000000000000000")
    ]
    for answer in answers:
        assert faults(answer) == {("/template_id", "template_unknown")}
    assert answers[0].json | {"request_id": ""} == answers[1].json | {"request_id": ""}


def test_a_program_opens_pauses_opens_again_and_ends(door: Door) -> None:
    path = f"/programs/{door.post('/programs', draft(door)).json['id']}"
    assert problem(door.post(f"{path}/pause")) == (409, "conflict")
    moves = ("activate", "pause", "activate", "activate", "archive")
    assert [door.post(f"{path}/{move}").json["status"] for move in moves] == [
        "active",
        "paused",
        "active",
        "active",
        "archived",
    ]
    assert problem(door.post(f"{path}/activate")) == (409, "conflict")


def test_only_an_open_program_takes_members(service: Service, door: Door) -> None:
    program = service.program(door)
    path = f"/programs/{program['id']}"
    card = service.member(door, program)["pass"]
    door.post(f"{path}/pause")
    assert problem(door.post(f"{path}/members", {})) == (409, "program_inactive")
    assert door.get(f"/passes/{card['id']}.pkpass").status_code == 200


def test_activation_stores_a_hero_for_every_count(service: Service, door: Door) -> None:
    program = service.program(door, card_size=4, milestones=[{"at": 4, "title": "Tea"}])
    stored = heroes(service, program)
    assert sorted(stored) == [0, 1, 2, 3, 4]
    assert len(set(stored.values())) == 5
    for sha256 in stored.values():
        picture = service.client.get(f"/i/{sha256}.png")
        with Image.open(io.BytesIO(picture.data)) as image:
            assert (image.format, image.size) == ("PNG", (1032, 336))


@pytest.mark.parametrize("is_configured", [True, False])
def test_activation_tells_google_of_the_program_where_there_is_one(
    parts: Parts, is_configured: bool
) -> None:
    service = serve(parts if is_configured else replace(parts, google=None))
    program = service.program(service.merchant(), logo=False, introduced=True)
    with parts.database.reading() as session:
        waiting = list(session.scalars(select(Delivery.target)))
    assert waiting == ([f"class:{program['id']}"] if is_configured else [])


def test_pictures_are_for_everybody_and_for_ever(service: Service, door: Door) -> None:
    sha256 = heroes(service, service.program(door, card_size=1, milestones=[]))[0]
    picture = service.client.get(f"/i/{sha256}.png")
    assert picture.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert picture.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert picture.headers["ETag"] == f'"{sha256}"'
    again = service.client.get(f"/i/{sha256}.png", headers={"If-None-Match": f'"{sha256}"'})
    assert (again.status_code, again.data) == (304, b"")
    assert problem(service.client.get(f"/i/{'0' * 64}.png")) == (404, "not_found")


def test_a_new_look_is_drawn_at_once_and_the_old_pictures_stay(
    service: Service, door: Door
) -> None:
    program = service.program(door, card_size=3, milestones=[])
    before = heroes(service, program)
    path = f"/templates/{program['template_id']}"
    assert door.patch(path, {"name": "Only a name"}).status_code == 200
    assert heroes(service, program) == before
    assert door.patch(path, {"colors": {"background": "#7A1F3D"}}).status_code == 200
    after = heroes(service, program)
    assert sorted(after) == sorted(before)
    assert not set(after.values()) & set(before.values())
    for sha256 in before.values():
        assert service.client.get(f"/i/{sha256}.png").status_code == 200


def test_a_larger_card_gets_its_heroes(service: Service, door: Door) -> None:
    program = service.program(door, card_size=2, milestones=[])
    answer = door.patch(f"/programs/{program['id']}", {"card_size": 4})
    assert answer.status_code == 200, answer.text
    assert sorted(heroes(service, program)) == [0, 1, 2, 3, 4]


def test_a_smaller_card_must_keep_its_milestones(service: Service, door: Door) -> None:
    program = service.program(door)
    answer = door.patch(f"/programs/{program['id']}", {"card_size": 5})
    assert faults(answer) == {("/milestones/1/at", "value_error")}


def test_if_match_guards_a_program_and_its_moves(service: Service, door: Door) -> None:
    program = service.program(door)
    path = f"/programs/{program['id']}"
    tag = door.get(path).headers["ETag"]
    changed = door.patch(path, {"terms": "New."}, headers={"If-Match": tag})
    assert changed.headers["ETag"] != tag
    for answer in (
        door.patch(path, {"terms": "Newer."}, headers={"If-Match": tag}),
        door.post(f"{path}/pause", headers={"If-Match": tag}),
    ):
        assert problem(answer) == (412, "precondition_failed")
    assert door.get(path).json["status"] == "active"


def test_two_changes_at_the_same_moment_lose_nothing(service: Service, door: Door) -> None:
    path = f"/programs/{service.program(door)['id']}"
    together = threading.Barrier(2)

    def change(patch: dict[str, str]) -> int:
        client = Door(service.app.test_client(), door.key)
        together.wait(timeout=10)
        return client.patch(path, patch).status_code

    with ThreadPoolExecutor(2) as pool:
        for number in range(5):
            wishes = {"terms": f"Terms {number}"}, {"unit_label": f"Bean {number}"}
            statuses = list(pool.map(change, wishes))
            now = door.get(path).json
            for wish, status in zip(wishes, statuses, strict=True):
                assert status in {200, 409}
                kept = all(now[name] == value for name, value in wish.items())
                assert kept == (status == 200)
            assert 200 in statuses


def test_a_pass_type_is_fixed_once_a_card_was_issued(
    service: Service, door: Door, identities: development.DevelopmentFiles
) -> None:
    path = f"/programs/{door.post('/programs', draft(door)).json['id']}"
    other = {"pass_type_identifier": "pass.example.other"}
    assert door.patch(path, other).json["pass_type_identifier"] == "pass.example.other"
    door.patch(path, {"pass_type_identifier": development.PASS_TYPE_IDENTIFIER})
    door.post(f"{path}/activate")
    service.member(door, door.get(path).json)
    assert faults(door.patch(path, other)) == {("/pass_type_identifier", "pass_type_fixed")}


def test_without_exactly_one_certificate_a_program_names_its_pass_type(
    make_parts: Callable[..., Parts],
) -> None:
    parts = make_parts()
    bare = Parts(
        settings=parts.settings,
        database=parts.database,
        keyring=type(parts.keyring)({}, ()),
        authority=parts.authority,
        google=None,
        now=parts.now,
        artwork=parts.artwork,
    )
    client = create_app(bare).test_client()
    service = Service(client.application, bare, client, Door(client, OPERATOR_KEY))
    door = service.merchant()
    answer = door.post("/programs", draft(door))
    assert faults(answer) == {("/pass_type_identifier", "pass_type_missing")}
    assert "/v1/certificates" in answer.json["errors"][0]["detail"]
    named = door.post("/programs", draft(door, pass_type_identifier="pass.example.fern"))
    assert named.status_code == 201


def test_a_logo_can_change_while_cards_are_out(service: Service, door: Door) -> None:
    program = service.program(door)
    card = service.member(door, program)["pass"]
    before = door.get(f"/passes/{card['id']}.pkpass").data
    logo = door.upload(logo_png("#b0413e", 300)).json["id"]
    assert door.patch(f"/templates/{program['template_id']}", {"logo_id": logo}).status_code == 200
    assert door.get(f"/passes/{card['id']}.pkpass").data != before
