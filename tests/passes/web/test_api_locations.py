"""Shops through the API: made, moved, closed, deleted and brought in from a spreadsheet."""

import itertools
from datetime import timedelta
from typing import Any

import pytest
from werkzeug.test import encode_multipart

from tests.conftest import Clock, Door, Service
from tests.passes.web.answers import faults, pointers, problem

DEAK = {"name": "Deák tér", "latitude": 47.4979, "longitude": 19.0544}
OBUDA = {"name": "Óbuda", "latitude": 47.5407, "longitude": 19.0450}
SZEGED = {"name": "Szeged", "latitude": 46.2530, "longitude": 20.1414}


_numbers = itertools.count()


@pytest.fixture
def door(standing: Service) -> Door:
    """A merchant of its own for each test."""
    return standing.merchant(f"chain-{next(_numbers)}")


def add(door: Door, **fields: Any) -> dict[str, Any]:
    answer = door.post("/locations", fields)
    assert answer.status_code == 201, answer.text
    return dict(answer.json["location"])


def names(door: Door) -> list[str]:
    return [row["name"] for row in door.get("/locations").json["data"]]


def lint(door: Door, program: dict[str, Any]) -> dict[tuple[str, str], str]:
    """The hints about shops, by code and pointer."""
    issues = door.get(f"/templates/{program['template_id']}/lint").json["issues"]
    about = [one for one in issues if one["pointer"].startswith(("/locations", "/programs"))]
    return {(one["code"], one["pointer"]): one["hint"] for one in about}


def test_a_shop_is_kept_as_it_was_told(door: Door) -> None:
    text = {"hu": "Már csak {{remaining}} pecsét", "en": "{{remaining}} to go"}
    told = DEAK | {
        "external_id": "7", "address": "Deák tér 1\nBudapest", "relevant_text": text,
        "max_distance_m": 300,
    }  # fmt: skip
    shop = add(door, **told)
    assert {name: shop[name] for name in told} == told
    assert shop["active"] is True
    assert shop["id"].startswith("loc_")
    assert door.get(f"/locations/{shop['id']}").json == shop
    assert door.get("/locations").json["data"] == [shop]


def test_a_shop_that_nobody_can_see_yet_concerns_no_pass(door: Door) -> None:
    answer = door.post("/locations", DEAK).json
    assert (answer["affected_passes"], answer["relocation_id"]) == (0, None)


def test_a_shop_is_changed_by_what_the_patch_names(door: Door) -> None:
    shop = add(door, **DEAK, relevant_text={"en": "a", "hu": "b"})
    path = f"/locations/{shop['id']}"
    revision = door.get(path).headers["ETag"]
    changed = door.patch(path, {"name": "Deák", "relevant_text": {"en": None}}).json["location"]
    assert changed == shop | {"name": "Deák", "relevant_text": {"hu": "b"}}
    late = door.patch(path, {"name": "x"}, headers={"If-Match": revision})
    assert problem(late) == (412, "precondition_failed")


def test_blanks_that_no_card_shows_are_not_kept_and_change_none(
    standing: Service, door: Door
) -> None:
    standing.program(door, logo=False)
    shop = add(door, **DEAK, relevant_text={"en": " {{ remaining }} to go: {{next_reward }} "})
    assert shop["relevant_text"] == {"en": "{{remaining}} to go: {{next_reward}}"}
    path = f"/locations/{shop['id']}"
    told = {"relevant_text": {"en": "{{remaining }} to go: {{ next_reward}}\t"}}
    assert door.patch(path, told).json["relocation_id"] is None
    told = {"relevant_text": {"en": "{{remaining}}  to go: {{next_reward}}"}}
    assert door.patch(path, told).json["relocation_id"]


def test_a_deleted_shop_is_gone_and_its_external_id_free(door: Door) -> None:
    shop = add(door, **DEAK, external_id="7")
    assert door.send("DELETE", f"/locations/{shop['id']}").json["location"]["active"] is False
    assert problem(door.get(f"/locations/{shop['id']}")) == (404, "not_found")
    assert names(door) == []
    assert add(door, **DEAK, external_id="7")["id"] != shop["id"]


def test_two_shops_do_not_share_an_external_id(door: Door) -> None:
    add(door, **DEAK, external_id="7")
    answer = door.post("/locations", OBUDA | {"external_id": "7"})
    assert faults(answer) == {("/external_id", "taken")}
    assert names(door) == ["Deák tér"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("latitude", 90.1),
        ("latitude", "47.5"),
        ("latitude", None),
        ("longitude", -180.5),
        ("longitude", True),
        ("name", ""),
        ("relevant_text", {"xx": "?"}),
        ("relevant_text", {"en": ""}),
        ("relevant_text", {"en": "{{rest}}"}),
        ("relevant_text", {"en": "two\nlines"}),
        ("max_distance_m", 0),
        ("colour", "red"),
    ],
)
def test_what_cannot_be_a_shop_is_refused_where_it_stands(
    door: Door, field: str, value: object
) -> None:
    answer = door.post("/locations", DEAK | {field: value})
    assert {one.split("/")[1] for one in pointers(answer)} == {field}


def test_nobody_has_a_shop_on_null_island(door: Door) -> None:
    answer = door.post("/locations", DEAK | {"latitude": 0.0, "longitude": 0.001})
    assert faults(answer) == {("/latitude", "null_island")}


def test_changed_places_of_latitude_and_longitude_are_noticed(door: Door) -> None:
    add(door, **DEAK)
    swapped = OBUDA | {"latitude": OBUDA["longitude"], "longitude": OBUDA["latitude"]}
    answer = door.post("/locations", swapped)
    assert faults(answer) == {("/latitude", "coordinates_swapped")}
    assert "confirm_coordinates" in answer.json["errors"][0]["detail"]
    sure = door.post("/locations", swapped | {"confirm_coordinates": True})
    assert sure.status_code == 201
    path = f"/locations/{sure.json['location']['id']}"
    assert door.patch(path, {"name": "Riyadh"}).status_code == 200  # nobody asks again


def test_a_shop_far_from_all_others_is_no_mistake(door: Door) -> None:
    add(door, **DEAK)
    for shop in ({"name": "Sydney", "latitude": -33.87, "longitude": 151.21}, SZEGED):
        assert door.post("/locations", shop).status_code == 201


def test_a_spreadsheet_becomes_shops(door: Door) -> None:
    text = (
        "\ufeffexternal_id;Name;latitude;longitude;address;max_distance_m;active;relevant_text;"
        "relevant_text_hu\r\n"
        '1;Deák;47,4979;19,0544;"Deák tér 1; félemelet";300;yes;Close;Közel\r\n'
        "\r\n"
        "2;Óbuda;47,5407;19,0450;;;no;;\r\n"
    )
    told = door.bring_in(text).json
    assert (told["created"], told["updated"], told["unchanged"]) == (2, 0, 0)
    deak, obuda = door.get("/locations").json["data"]
    assert (deak["latitude"], deak["address"]) == (47.4979, "Deák tér 1; félemelet")
    assert deak["relevant_text"] == {"en": "Close", "hu": "Közel"}
    assert (deak["max_distance_m"], deak["active"]) == (300, True)
    assert (obuda["relevant_text"], obuda["active"]) == ({}, False)


def test_what_a_file_does_not_name_stays(door: Door) -> None:
    shop = add(door, **DEAK, external_id="1", address="Deák tér 1", relevant_text={"hu": "b"})
    other = add(door, **SZEGED)
    file = (
        "external_id,name,latitude,longitude,relevant_text_en\n"
        "1,Deák,47.5,19.05,near\n"
        ",Szeged,46.2530,20.1414,\n"
    )
    told = door.bring_in(file).json
    assert (told["created"], told["updated"], told["unchanged"]) == (0, 1, 1)
    changed = door.get(f"/locations/{shop['id']}").json
    assert changed == shop | {
        "name": "Deák", "latitude": 47.5, "longitude": 19.05,
        "relevant_text": {"en": "near", "hu": "b"},
    }  # fmt: skip
    assert door.get(f"/locations/{other['id']}").json == other


def test_a_shop_found_by_its_name_keeps_its_external_id_and_an_empty_cell_confirms_nothing(
    door: Door,
) -> None:
    shop = add(door, **DEAK, external_id="1", active=False)
    columns = "external_id,name,latitude,longitude,active,confirm_coordinates\n"
    assert door.bring_in(f"{columns},Deák tér,47.5,19.05,,\n").json["updated"] == 1
    changed = door.get(f"/locations/{shop['id']}").json
    assert changed == shop | {"latitude": 47.5, "longitude": 19.05, "active": True}
    swapped = door.bring_in(f"{columns},Óbuda,19.0450,47.5407,,\n")
    assert faults(swapped) == {("/2/latitude", "coordinates_swapped")}
    assert door.bring_in(f"{columns},Óbuda,19.0450,47.5407,,yes\n").json["created"] == 1


def test_two_rows_about_one_shop_are_one_too_many(door: Door) -> None:
    add(door, **DEAK, external_id="1")
    file = (
        'external_id,name,latitude,longitude,address\n1,Deák,47.5,19.05,"a\nb"\n,Deák tér,47,19,\n'
    )
    assert faults(door.bring_in(file)) == {("/4/name", "repeated")}


def test_a_dry_run_changes_nothing(door: Door) -> None:
    file = "name,latitude,longitude\nDeák,47.4979,19.0544\n"
    told = door.bring_in(file, "?dry_run=true").json
    assert (told["dry_run"], told["created"]) == (True, 1)
    assert names(door) == []


def test_one_bad_row_keeps_all_out_and_every_fault_is_told_with_its_line(door: Door) -> None:
    file = (
        "name,latitude,longitude,max_distance_m,active,relevant_text_cs\n"
        "Deák,47.4979,19.0544,,,\n"
        "North,95,19.05,,,\n"
        "Word,about 47,19.05,far,maybe,\n"
        ",47.5,19.0,,,{{nobody}}\n"
        "Deák,47.4,19.0,,,\n"
        "Wide,47.4,19.0,,,,\n"
    )
    answer = door.bring_in(file)
    assert {
        ("/4/latitude", "unreadable"),
        ("/4/max_distance_m", "unreadable"),
        ("/4/active", "unreadable"),
        ("/7/", "too_many_cells"),
    } == faults(answer)
    read = file.replace("Wide,47.4,19.0,,,,\n", "").replace("about 47", "47.1")
    answer = door.bring_in(read.replace("far,maybe", ","))
    assert faults(answer) == {
        ("/3/latitude", "less_than_equal"),
        ("/5/name", "missing"),
        ("/5/relevant_text_cs", "placeholder_unknown"),
        ("/6/name", "repeated"),
    }
    assert names(door) == []


def test_a_row_whose_coordinates_changed_places_is_found_among_the_others(door: Door) -> None:
    file = (
        "name,latitude,longitude\n"
        "Deák,47.4979,19.0544\nÓbuda,19.0450,47.5407\nÚjpest,47.5602,19.0890\n"
    )
    assert faults(door.bring_in(file)) == {("/3/latitude", "coordinates_swapped")}


def test_what_was_and_what_is_closed_says_nothing_for_a_place(door: Door) -> None:
    add(door, **DEAK)
    sure = {"longitude": 47.5407, "confirm_coordinates": True}
    moved = add(door, name="Moved", latitude=19.0, **sure)
    add(door, name="Closed", latitude=19.1, active=False, **sure)
    file = "name,latitude,longitude\nMoved,19.0450,47.5407\n"
    assert faults(door.bring_in(file)) == {("/2/latitude", "coordinates_swapped")}
    place = {"latitude": 19.0450, "longitude": 47.5407}
    answer = door.patch(f"/locations/{moved['id']}", place)
    assert faults(answer) == {("/latitude", "coordinates_swapped")}


def test_a_merchant_has_two_thousand_shops_and_no_more(door: Door) -> None:
    def rows(first: int, last: int) -> str:
        shops = (f"{n},{n},47.5,{19 + n / 9_999}" for n in range(first, last))
        return "\n".join(["external_id,name,latitude,longitude", *shops])

    for first, last in ((0, 1_000), (1_000, 1_999)):
        assert door.bring_in(rows(first, last)).json["created"] == last - first
    assert faults(door.bring_in(rows(1_998, 2_001))) == {("", "too_many_locations")}
    assert door.bring_in(rows(1_998, 2_000)).json["created"] == 1
    assert faults(door.post("/locations", DEAK)) == {("", "too_many_locations")}


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        ("name,latitude,longitude\nDe\xe1k,1,2\n".encode("latin-1"), "encoding"),
        (b"name,latitude\nx,1\n", "column_missing"),
        (b"name,latitude,longitude,colour\n", "column_unknown"),
        (b"name,name,latitude,longitude\n", "column_repeated"),
        (b'name,latitude,longitude\n"x,1,2\n', "malformed"),
        (b"name,latitude,longitude\n" + b"x,1,2\n" * 1001, "too_many_rows"),
    ],
)
def test_what_is_no_list_of_shops_is_not_read(door: Door, data: bytes, code: str) -> None:
    assert faults(door.bring_in(data)) == {("/file", code)}


def test_a_file_is_sent_as_a_form_with_one_field(door: Door) -> None:
    answer = door.post("/locations/import", {"file": "x"})
    assert problem(answer) == (415, "unsupported_media_type")
    boundary, body = encode_multipart({"note": "x"})
    content_type = f"multipart/form-data; boundary={boundary}"
    answer = door.post("/locations/import", data=body, content_type=content_type)
    assert pointers(answer) == {"/file", "/note"}


def test_a_program_names_only_shops_of_its_merchant(standing: Service, door: Door) -> None:
    program = standing.program(door, logo=False)
    shop = add(door, **DEAK)
    foreign = add(standing.merchant(f"chain-{next(_numbers)}"), **SZEGED)
    path = f"/programs/{program['id']}"
    wish = {"location_ids": [shop["id"], foreign["id"]], "home_location_id": foreign["id"]}
    assert faults(door.patch(path, wish)) == {
        ("/location_ids/1", "location_unknown"),
        ("/home_location_id", "location_unknown"),
    }
    changed = door.patch(path, {"location_ids": [shop["id"]], "home_location_id": shop["id"]})
    assert changed.json["location_ids"] == [shop["id"]]
    door.send("DELETE", f"/locations/{shop['id']}")
    now = door.get(path).json
    assert (now["location_ids"], now["home_location_id"]) == ([], None)
    assert door.patch(path, {"location_ids": None}).json["location_ids"] is None


def test_lint_tells_what_phones_will_make_of_the_shops(standing: Service, door: Door) -> None:
    program = standing.program(door, logo=False)
    near = add(door, **DEAK, max_distance_m=50, relevant_text={"hu": "a" * 81})
    elsewhere = [add(door, name=f"{n}", latitude=47.0 + n / 100, longitude=19.0) for n in range(9)]
    place, together = f"/locations/{near['id']}", f"/programs/{program['id']}/location_ids"
    told = {
        ("distance_without_effect", f"{place}/max_distance_m"),
        ("place_text_long", f"{place}/relevant_text/hu"),
        ("place_text_missing", together),
        ("distances_differ", together),
    }
    assert set(lint(door, program)) == told
    add(door, **SZEGED)
    assert set(lint(door, program)) == told | {("places_chosen", together)}
    wish = {"location_ids": [one["id"] for one in elsewhere]}
    door.patch(f"/programs/{program['id']}", wish)
    assert set(lint(door, program)) == set()


def test_lint_speaks_of_each_program_with_the_look_by_its_own_shops(
    standing: Service, door: Door
) -> None:
    far = [add(door, name=f"a{n}", latitude=46 + n / 9, longitude=19.0) for n in range(12)]
    close = [add(door, name=f"b{n}", latitude=47.5, longitude=19 + n / 99) for n in range(2)]
    for shop in close:
        door.patch(f"/locations/{shop['id']}", {"max_distance_m": 300})
    many = standing.program(door, logo=False, location_ids=[one["id"] for one in far])
    few = standing.program(
        door, logo=False, name="Lunch", slug="lunch", location_ids=[one["id"] for one in close]
    )
    door.patch(f"/programs/{few['id']}", {"template_id": many["template_id"]})
    [(told, hint)] = lint(door, many).items()
    assert told == ("places_chosen", f"/programs/{many['id']}/location_ids")
    assert f"a card of {many['name']} carries 10 of its 12 shops" in hint


def test_a_row_with_an_id_finds_the_shop_of_its_name_that_had_none(door: Door) -> None:
    door.bring_in("name,latitude,longitude\nDeak,47.4975,19.0540")
    answer = door.bring_in("external_id,name,latitude,longitude\n7,Deak,47.4975,19.0540").json
    assert (answer["created"], answer["updated"]) == (0, 1)
    [shop] = door.get("/locations").json["data"]
    assert (shop["external_id"], shop["name"]) == ("7", "Deak")


def test_nobody_can_confirm_a_shop_in_the_sea(door: Door) -> None:
    sea = {"name": "Buoy", "latitude": 0.001, "longitude": 0, "confirm_coordinates": True}
    assert faults(door.post("/locations", sea)) == {("/latitude", "null_island")}
    rows = "name,latitude,longitude,confirm_coordinates\nBuoy,0.001,0,yes"
    assert "null_island" in door.bring_in(rows).text


@pytest.mark.parametrize("column", ["relevant_text", "relevant_text_en", "relevant_text_hu"])
def test_a_text_at_fault_is_told_by_the_column_it_stands_in(door: Door, column: str) -> None:
    answer = door.bring_in(f"name,latitude,longitude,{column}\nDeak,47.5,19.05,{{{{rest}}}}\n")
    assert faults(answer) == {(f"/2/{column}", "placeholder_unknown")}


def test_two_columns_of_texts_are_not_in_one_language(door: Door) -> None:
    columns = "name,latitude,longitude,relevant_text,relevant_text_en"
    answer = door.bring_in(f"{columns}\nDeak,47.5,19.05,near,close\n")
    assert faults(answer) == {("/file", "column_repeated")}


def test_of_shops_with_one_name_the_oldest_without_an_id_is_given_it(
    standing: Service, door: Door
) -> None:
    add(door, **DEAK, external_id="1")
    second = add(door, **DEAK)
    assert isinstance(standing.parts.now, Clock)
    standing.parts.now.forward(timedelta(seconds=1))
    third = add(door, **DEAK)
    columns = "external_id,name,latitude,longitude\n"
    assert faults(door.bring_in(f"{columns},Deák tér,47.5,19.05\n")) == {("/2/name", "ambiguous")}
    assert door.bring_in(f"{columns}2,Deák tér,47.5,19.05\n").json["updated"] == 1
    kept = {one["id"]: one["external_id"] for one in door.get("/locations").json["data"]}
    assert (kept[second["id"]], kept[third["id"]]) == ("2", None)


@pytest.mark.parametrize("cell", ["4_7.5", "47.5e0", "nan", "٤٧", "47.5.1"])
def test_degrees_are_written_plainly(door: Door, cell: str) -> None:
    answer = door.bring_in(f"name,latitude,longitude\nDeak,{cell},19.05")
    assert answer.status_code == 422
    assert "number of degrees" in answer.text
