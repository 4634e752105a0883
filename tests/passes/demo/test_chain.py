"""The chain of the demo, made in a real service; and its shops, which stand where they say."""

import csv
import threading
from collections import defaultdict
from collections.abc import Iterator
from importlib.resources import files
from statistics import mean

import pytest
from werkzeug.serving import make_server

from passes.demo.chain import seed_chain
from passes.demo.client import Api
from passes.loyalty.places import Point, distance_m
from tests.service import OPERATOR_KEY, Service

ROWS = list(
    csv.DictReader(files("passes.demo").joinpath("shops.csv").read_text("utf-8").split("\n"))
)


@pytest.fixture
def operator(service: Service) -> Iterator[Api]:
    """The service over real HTTP, for its operator."""
    server = make_server("127.0.0.1", 0, service.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield Api(f"http://127.0.0.1:{server.server_port}", OPERATOR_KEY)
    server.shutdown()
    thread.join()
    server.server_close()


def points() -> dict[str, list[Point]]:
    """Where the shops are, by city."""
    found: defaultdict[str, list[Point]] = defaultdict(list)
    for row in ROWS:
        found[row["city"]].append(Point(float(row["latitude"]), float(row["longitude"])))
    return found


def test_two_hundred_shops_stand_in_their_cities_each_on_its_own() -> None:
    assert len({row["place"] for row in ROWS}) == 200
    for city, shops in points().items():
        middle = Point(mean(p.latitude for p in shops), mean(p.longitude for p in shops))
        assert max(distance_m(middle, shop) for shop in shops) < 20_000, city
        pairs = [(a, b) for n, a in enumerate(shops) for b in shops[:n]]
        assert min(distance_m(a, b) for a, b in pairs) > 200, city


def test_the_chain_has_shops_and_members_who_were_stamped_in_several_cities(
    operator: Api,
) -> None:
    made = seed_chain(operator)
    api = Api(operator.base_url, made.api_key)
    shops = api.get("/locations?limit=200")["data"]
    assert len(shops) == 200
    assert shops[0]["relevant_text"].keys() == {"en", "hu", "cs", "he"}
    members = [api.get(f"/members/{member_id}") for member_id in made.member_ids]
    assert [member["balances"]["stamps"] for member in members] == [5, 7, 3, 5, 6, 6]
    assert {member["locale"] for member in members} == {"en", "hu", "cs", "he"}


def test_a_second_chain_after_an_interrupted_start_gets_a_name_of_its_own(operator: Api) -> None:
    assert [seed_chain(operator).slug for _ in range(2)] == ["seventh-loaf", "seventh-loaf-2"]
