"""What is told of shops before customers see them."""

from typing import Any

import pytest

from tests.passes.web.shops import DEAK, SZEGED, add, new_chain
from tests.service import Door, Service


@pytest.fixture
def door(standing: Service) -> Door:
    return new_chain(standing)


def lint(door: Door, program: dict[str, Any]) -> dict[tuple[str, str], str]:
    """The hints about shops, by code and pointer."""
    issues = door.get(f"/templates/{program['template_id']}/lint").json["issues"]
    about = [one for one in issues if one["pointer"].startswith(("/locations", "/programs"))]
    return {(one["code"], one["pointer"]): one["hint"] for one in about}


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
