"""Shops at Google: with the class while a pass can carry them all, else chosen for each holder."""

from typing import Any

from tests.passes.services.chain import point
from tests.webhooks.google_world import World, check_bodies


def build(world: World, first: int, last: int) -> None:
    shops = {f"Shop {number}": point(number) for number in range(first, last)}
    rows = [f"{name},{at.latitude},{at.longitude}" for name, at in shops.items()]
    answer = world.door.bring_in("\n".join(["name,latitude,longitude", *rows]))
    assert answer.status_code == 200, answer.text
    settle(world)


def settle(world: World) -> None:
    """Every change reaches Google."""
    world.service.relocate()
    world.work()


def places(document: dict[str, Any]) -> set[tuple[float, float]]:
    listed = document.get("merchantLocations") or []
    return {(one["latitude"], one["longitude"]) for one in listed}


def of_class(world: World) -> set[tuple[float, float]]:
    [found] = [one for one in world.google.registry.all() if one.id.endswith(world.program["id"])]
    return places(found.document)


def of_object(world: World, member: dict[str, Any]) -> set[tuple[float, float]]:
    return places(world.object(member).document)


def grid(first: int, last: int) -> set[tuple[float, float]]:
    return {(point(number).latitude, point(number).longitude) for number in range(first, last)}


def paths(world: World) -> list[str]:
    check_bodies(world.told())
    return [entry.path.rpartition("/")[0].rpartition("/")[2] for entry in world.told("PATCH")]


def test_ten_shops_are_one_request_for_all_holders(world: World) -> None:
    members = [world.saved(), world.saved()]
    build(world, 0, 10)
    assert paths(world) == ["loyaltyClass"]
    assert of_class(world) == grid(0, 10)
    assert [of_object(world, member) for member in members] == [set(), set()]


def test_beyond_ten_each_holder_has_their_own_and_back(world: World) -> None:
    member = world.saved()
    build(world, 0, 10)
    world.forget()
    build(world, 10, 11)  # the farthest: on a phone the same ten stay
    assert sorted(paths(world)) == ["loyaltyClass", "loyaltyObject"]
    assert of_class(world) == set()
    assert of_object(world, member) == grid(0, 10)
    assert world.at_google(member)["sync"] == "synced"

    world.forget()
    [last] = [one for one in world.door.get("/locations").json["data"] if one["name"] == "Shop 10"]
    world.door.patch(f"/locations/{last['id']}", {"active": False})
    settle(world)
    assert sorted(paths(world)) == ["loyaltyClass", "loyaltyObject"]
    assert of_class(world) == grid(0, 10)
    assert of_object(world, member) == set()


def test_other_words_are_nothing_to_google(world: World) -> None:
    world.saved()
    build(world, 0, 12)
    world.forget()
    for shop in world.door.get("/locations").json["data"]:
        world.door.patch(f"/locations/{shop['id']}", {"relevant_text": {"en": "Come in"}})
    settle(world)
    assert world.told() == []


def test_a_stamp_far_away_is_one_request_with_balance_and_places(world: World) -> None:
    member = world.saved()
    build(world, 0, 40)
    shops = {one["name"]: one["id"] for one in world.door.get("/locations").json["data"]}
    world.forget()
    stamp = {"type": "earn", "location_id": shops["Shop 35"]}
    path = f"/members/{member['id']}/transactions"
    assert world.door.post(path, stamp, headers={"Idempotency-Key": "far"}).status_code == 201
    world.work()
    [entry] = world.told("PATCH")
    assert isinstance(entry.body, dict)
    assert entry.body["loyaltyPoints"]["balance"]["string"] == "1/10"
    at = point(35)
    assert (at.latitude, at.longitude) in places(entry.body)
    assert places(entry.body).isdisjoint(grid(0, 5))
    assert len(places(entry.body)) == 10
