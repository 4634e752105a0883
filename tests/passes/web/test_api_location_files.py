"""Shops through the API from a spreadsheet: all its rows or none."""

from datetime import timedelta

import pytest
from werkzeug.test import encode_multipart

from tests.passes.web.answers import faults, pointers, problem
from tests.passes.web.shops import DEAK, SZEGED, add, names, new_chain
from tests.service import Door, Service


@pytest.fixture
def door(standing: Service) -> Door:
    return new_chain(standing)


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


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        ("name,latitude,longitude\nDe\xe1k,1,2\n".encode("latin-1"), "encoding"),
        (b"name,latitude\nx,1\n", "column_missing"),
        (b"name,latitude,longitude,colour\n", "column_unknown"),
        (b"name,name,latitude,longitude\n", "column_repeated"),
        (b"a," * 1_000_000, "too_many_columns"),
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


def test_a_row_with_an_id_finds_the_shop_of_its_name_that_had_none(door: Door) -> None:
    door.bring_in("name,latitude,longitude\nDeak,47.4975,19.0540")
    answer = door.bring_in("external_id,name,latitude,longitude\n7,Deak,47.4975,19.0540").json
    assert (answer["created"], answer["updated"]) == (0, 1)
    [shop] = door.get("/locations").json["data"]
    assert (shop["external_id"], shop["name"]) == ("7", "Deak")


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
    standing.clock.forward(timedelta(seconds=1))
    third = add(door, **DEAK)
    columns = "external_id,name,latitude,longitude\n"
    assert faults(door.bring_in(f"{columns},Deák tér,47.5,19.05\n")) == {("/2/name", "ambiguous")}
    assert door.bring_in(f"{columns}2,Deák tér,47.5,19.05\n").json["updated"] == 1
    kept = {one["id"]: one["external_id"] for one in door.get("/locations").json["data"]}
    assert (kept[second["id"]], kept[third["id"]]) == ("2", None)


@pytest.mark.parametrize("cell", ["1_000", "-5", "300 m", "٣٠٠", "9" * 5_000])
def test_metres_are_written_plainly(door: Door, cell: str) -> None:
    answer = door.bring_in(f"name,latitude,longitude,max_distance_m\nDeak,47.5,19.05,{cell}")
    assert faults(answer) == {("/2/max_distance_m", "unreadable")}
    assert "whole number of metres" in answer.text


@pytest.mark.parametrize("cell", ["4_7.5", "47.5e0", "nan", "٤٧", "47.5.1"])
def test_degrees_are_written_plainly(door: Door, cell: str) -> None:
    answer = door.bring_in(f"name,latitude,longitude\nDeak,{cell},19.05")
    assert answer.status_code == 422
    assert "number of degrees" in answer.text


def test_two_ids_of_one_name_are_two_shops_and_the_first_is_that_which_had_no_id(
    door: Door,
) -> None:
    shop = add(door, **DEAK)
    file = (
        "external_id,name,latitude,longitude\n1,Deák tér,47.4979,19.0544\n2,Deák tér,47.5,19.05\n"
    )
    told = door.bring_in(file).json
    assert (told["created"], told["updated"]) == (1, 1)
    assert door.get(f"/locations/{shop['id']}").json["external_id"] == "1"


def test_rows_without_a_name_are_told_just_that(door: Door) -> None:
    file = "name,latitude,longitude\n,47.4979,19.0544\n,47.5,19.05\n"
    assert faults(door.bring_in(file)) == {("/2/name", "missing"), ("/3/name", "missing")}
