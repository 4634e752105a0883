"""Shops through the API: made, moved, closed, deleted and named by programs."""

import pytest

from tests.passes.web.answers import faults, pointers, problem
from tests.passes.web.shops import DEAK, OBUDA, SZEGED, add, names, new_chain
from tests.service import Door, Service


@pytest.fixture
def door(standing: Service) -> Door:
    return new_chain(standing)


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


def test_a_program_names_only_shops_of_its_merchant(standing: Service, door: Door) -> None:
    program = standing.program(door, logo=False)
    shop = add(door, **DEAK)
    foreign = add(new_chain(standing), **SZEGED)
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


def test_nobody_can_confirm_a_shop_in_the_sea(door: Door) -> None:
    sea = {"name": "Buoy", "latitude": 0.001, "longitude": 0, "confirm_coordinates": True}
    assert faults(door.post("/locations", sea)) == {("/latitude", "null_island")}
    rows = "name,latitude,longitude,confirm_coordinates\nBuoy,0.001,0,yes"
    assert "null_island" in door.bring_in(rows).text
