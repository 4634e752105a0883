"""Templates through the API: what a card may look like, and what an expert says about it."""

from typing import Any

import pytest

from passes.services.looks import Look, read_look
from tests.passes.web.answers import faults, pointers, problem
from tests.service import Door, Service, logo_png


def announcing(key: str, value: str = "{{stamps}}") -> dict[str, Any]:
    return {"key": key, "label": "", "value": value, "change_message": "Now %@"}


def plain(key: str) -> dict[str, Any]:
    return {"key": key, "label": "Label", "value": "Value"}


def test_a_template_says_back_what_it_was_told(door: Door) -> None:
    logo = door.upload(logo_png()).json["id"]
    stamp = door.upload(logo_png("#aa2211"), "stamp_on").json["id"]
    draft = {
        "name": "House style",
        "colors": {"background": "#17453b", "foreground": "#ffffff", "label": "#e0e8e4"},
        "logo_id": logo,
        "icon_id": None,
        "strip_id": None,
        "hero_id": None,
        "strip": {
            "mode": "stamps",
            "style": "heart",
            "stamp_on_id": stamp,
            "stamp_off_id": None,
            "reward_id": None,
        },
        "fields": {
            "header": [announcing("count", "{{stamps}} of {{card_size}}")],
            "primary": None,
            "secondary": [plain("hello") | {"change_message": None}],
            "auxiliary": [],
            "back": None,
        },
        "barcode": {"format": "aztec", "alt_text": "{{code}}"},
        "links": [{"uri": "https://lepcso.example/menu", "description": "Menu"}],
        "apple_overrides": {"sharingProhibited": True},
        "google_overrides": {"class": {"countryCode": "HU"}},
    }
    made = door.post("/templates", draft)
    assert made.status_code == 201, made.text
    assert {name: made.json[name] for name in draft} == draft
    read = door.get(f"/templates/{made.json['id']}")
    assert read.json == made.json
    assert read.headers["ETag"] == '"1"'
    assert door.get("/templates").json["data"] == [made.json]


def test_the_style_of_the_strip_is_the_drawn_stamp(service: Service, door: Door) -> None:
    program = service.program(door, logo=False)
    template = f"/templates/{program['template_id']}"
    assert door.get(template).json["strip"]["style"] == "check"
    checks = _look(service, program).brand
    assert door.patch(template, {"strip": {"style": "star"}}).status_code == 200
    stars = _look(service, program).brand
    assert (checks.mark, stars.mark) == ("check", "star")
    assert checks.key != stars.key


def _look(service: Service, program: dict[str, Any]) -> Look:
    with service.parts.database.reading() as session:
        return read_look(session, program["id"])


def test_a_merge_patch_replaces_lists_and_clears_what_is_null(door: Door) -> None:
    template = door.post(
        "/templates",
        {
            "name": "Look",
            "colors": {"background": "#102030"},
            "fields": {"back": [plain("one"), plain("two")]},
            "apple_overrides": {"logoText": "Fern", "sharingProhibited": True},
        },
    ).json
    changed = door.patch(
        f"/templates/{template['id']}",
        {
            "colors": {"background": None},
            "fields": {"back": [plain("three")]},
            "apple_overrides": {"logoText": None},
        },
        headers={"If-Match": '"1"'},
    )
    assert changed.status_code == 200, changed.text
    assert changed.json["colors"]["background"] is None
    assert [field["key"] for field in changed.json["fields"]["back"]] == ["three"]
    assert changed.json["apple_overrides"] == {"sharingProhibited": True}
    stale = door.patch(f"/templates/{template['id']}", {"name": "x"}, headers={"If-Match": '"1"'})
    assert problem(stale) == (412, "precondition_failed")


def test_every_fault_of_a_template_is_told_at_once(door: Door) -> None:
    answer = door.post(
        "/templates",
        {
            "name": "x" * 61,
            "colors": {"background": "#12345", "foreground": "rgb(1,2,3)", "label": 7},
            "strip": {"mode": "stamp", "slots": 10, "style": "skull"},
            "fields": {
                "header": [plain("spa ce"), {"key": "a", "value": "{{balance}} {{ stamps}}"}],
                "primary": [plain("one"), plain("two")],
                "back": [{"key": "long", "value": "x" * 4001}, announcing("m") | {"value": 1}],
                "footer": [],
            },
            "barcode": {"format": "ean13", "alt_text": "{{secret}}"},
            "links": [{"uri": "javascript:alert(1)", "description": ""}],
            "apple_overrides": [],
            "colour": {},
        },
    )
    assert pointers(answer) == {
        "/name",
        "/colors/background",
        "/colors/foreground",
        "/colors/label",
        "/strip/mode",
        "/strip/slots",
        "/strip/style",
        "/fields/header/0/key",
        "/fields/header/1/value",
        "/fields/primary",
        "/fields/back/0/value",
        "/fields/back/1/value",
        "/fields/footer",
        "/barcode/format",
        "/barcode/alt_text",
        "/links/0/uri",
        "/links/0/description",
        "/apple_overrides",
        "/colour",
    }


def test_an_unknown_placeholder_is_named_with_those_that_exist(door: Door) -> None:
    answer = door.post(
        "/templates",
        {"name": "x", "fields": {"back": [{"key": "a", "value": "{{balance}} {{visits}}"}]}},
    )
    assert faults(answer) == {("/fields/back/0/value", "placeholder_unknown")}
    detail = answer.json["errors"][0]["detail"]
    assert "balance, visits" in detail
    assert "next_reward" in detail


@pytest.mark.parametrize("message", ["Now %@ of %@", "No place", "100% %@"])
def test_a_change_message_has_one_place_for_the_value(door: Door, message: str) -> None:
    fields = {"header": [announcing("a") | {"change_message": message}]}
    answer = door.post("/templates", {"name": "x", "fields": fields})
    assert pointers(answer) == {"/fields/header/0/change_message"}


def test_pictures_of_others_are_as_unknown_as_none(service: Service, door: Door) -> None:
    foreign = service.merchant("other").upload(logo_png()).json["id"]
    answers = [
        door.post("/templates", {"name": "x", "logo_id": logo, "strip": {"reward_id": logo}})
        for logo in (foreign, "img_0000000000000000000000")
    ]
    for answer in answers:
        assert faults(answer) == {
            ("/logo_id", "image_unknown"),
            ("/strip/reward_id", "image_unknown"),
        }
    assert answers[0].json | {"request_id": ""} == answers[1].json | {"request_id": ""}


def test_wrong_overrides_are_faults_with_their_place(door: Door) -> None:
    answer = door.post(
        "/templates",
        {
            "name": "x",
            "apple_overrides": {
                "serialNumber": "1",
                "nfc": {},
                "logotext": "typo",
                "maxDistance": "far",
                "beacons": [{"proximityUUID": "no"}],
            },
            "google_overrides": {
                "class": {"reviewStatus": "APPROVED", "countryCode": 7},
                "object": {"state": "EXPIRED"},
                "card": {},
            },
        },
    )
    assert pointers(answer) == {
        "/apple_overrides/serialNumber",
        "/apple_overrides/nfc",
        "/apple_overrides/logotext",
        "/apple_overrides/maxDistance",
        "/apple_overrides/beacons/0/proximityUUID",
        "/google_overrides/class/reviewStatus",
        "/google_overrides/class/countryCode",
        "/google_overrides/object/state",
        "/google_overrides/card",
    }


def test_one_message_per_stamp_is_allowed(door: Door) -> None:
    both = {"header": [announcing("a")], "back": [announcing("b", "{{remaining}}")]}
    answer = door.post("/templates", {"name": "x", "fields": both})
    assert faults(answer) == {("/fields/back/0/change_message", "several_change_messages")}
    calm = both | {"back": [announcing("b", "{{first_name}}")]}  # a stamp does not change this one
    assert door.post("/templates", {"name": "x", "fields": calm}).status_code == 201


def test_a_message_beside_our_own_stamp_count_is_one_too_many(door: Door) -> None:
    fields = {"back": [announcing("mine")]}
    answer = door.post("/templates", {"name": "x", "fields": fields})
    assert faults(answer) == {("/fields/back/0/change_message", "several_change_messages")}
    alone = door.post("/templates", {"name": "x", "fields": fields | {"header": []}})
    assert alone.status_code == 201


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"header": [plain("a")], "back": [plain("a")]}, "/fields/back/0/key"),
        ({"secondary": [plain("stamps")]}, "/fields/secondary/0/key"),
        ({"header": [plain("reward")]}, "/fields/header/0/key"),
        ({"header": [plain("terms")]}, "/fields/header/0/key"),
        ({"back": [plain("card")]}, "/fields/back/0/key"),
    ],
    ids=["own twice", "our count", "our reward", "our terms", "our link"],
)
def test_a_key_is_used_once_on_the_whole_pass(
    door: Door, fields: dict[str, Any], place: str
) -> None:
    answer = door.post("/templates", {"name": "x", "fields": fields})
    assert faults(answer) == {(place, "key_repeated")}


def test_secondary_and_auxiliary_fields_share_one_row(door: Door) -> None:
    four = [plain(key) for key in "abcd"]
    crowded = door.post("/templates", {"name": "x", "fields": {"secondary": four}})
    assert faults(crowded) == {("/fields/secondary", "too_many_fields")}
    alone = {"secondary": four, "auxiliary": []}
    assert door.post("/templates", {"name": "x", "fields": alone}).status_code == 201


def test_a_change_that_would_spoil_passes_changes_nothing(service: Service, door: Door) -> None:
    program = service.program(door)
    member = service.member(door, program, person={"first_name": "Anna"})
    path = f"/templates/{program['template_id']}"
    before = door.get(path).json
    refused = door.patch(path, {"fields": {"secondary": [plain(key) for key in "abcd"]}})
    assert faults(refused) == {("/fields/secondary", "too_many_fields")}
    assert door.get(path).json == before
    assert door.get(f"/passes/{member['pass']['id']}.pkpass").status_code == 200


def test_unreadable_colours_are_accepted_and_told_with_a_proposal(door: Door) -> None:
    colours = {"background": "#777777", "foreground": "#808080", "label": "#FFFFFF"}
    template = door.post("/templates", {"name": "Grey", "colors": colours})
    assert template.status_code == 201, template.text
    issues = door.get(f"/templates/{template.json['id']}/lint").json["issues"]
    low = [issue for issue in issues if issue["code"] == "contrast_low"]
    assert {issue["pointer"] for issue in low} >= {"/colors/foreground"}
    hint = low[0]["hint"]
    assert "1.1:1" in hint
    assert "4.5:1" in hint
    proposal = hint.partition("; ")[2][:7]
    better = door.patch(f"/templates/{template.json['id']}", {"colors": {"foreground": proposal}})
    assert better.status_code == 200, better.text
    issues = door.get(f"/templates/{template.json['id']}/lint").json["issues"]
    assert "/colors/foreground" not in {
        issue["pointer"] for issue in issues if issue["code"] == "contrast_low"
    }


def test_colours_left_out_are_chosen_readable(door: Door) -> None:
    logo = door.upload(logo_png("#f4d35e")).json["id"]
    template = door.post("/templates", {"name": "Look", "logo_id": logo}).json
    codes = [i["code"] for i in door.get(f"/templates/{template['id']}/lint").json["issues"]]
    assert "contrast_low" not in codes


def test_an_expert_misses_a_logo_a_message_and_the_rules(door: Door) -> None:
    template = door.post("/templates", {"name": "x", "fields": {"header": [], "back": []}}).json
    issues = door.get(f"/templates/{template['id']}/lint").json["issues"]
    assert {issue["code"] for issue in issues} >= {"logo_missing", "stamps_silent", "rules_untold"}
    assert all(issue["severity"] in {"warning", "error"} for issue in issues)
    assert all(issue["hint"] and issue["pointer"].startswith("/") for issue in issues)
