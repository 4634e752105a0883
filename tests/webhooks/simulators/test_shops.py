"""The shops that phones can walk to, as the service tells them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.webhooks.simulators.google_room import Clock
from webhooks.simulators.service_api import ServiceApi
from webhooks.simulators.shops import Shops, name_of
from webhooks.simulators.web import Unreachable, WebAnswer
from webhooks.simulators.whereabouts import Position


def row(number: int, **changes: Any) -> dict[str, Any]:
    """A shop; the next number stands 111 m further north."""
    latitude = 47.5 + number / 1000
    shop = {"id": f"loc_{number}", "name": f"Shop {number}", "active": True}
    return shop | {"latitude": latitude, "longitude": 19.0} | changes


class Service:
    """One merchant's list of shops, page by page; None: no answer."""

    def __init__(self, *pages: list[dict[str, Any]]) -> None:
        self.pages = pages
        self.urls: list[str] = []
        self.answer: WebAnswer | None = WebAnswer(200, {})

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> WebAnswer:
        assert (method, body) == ("GET", None)
        assert headers == {"Authorization": "Bearer wk_x"}
        self.urls.append(url.removeprefix("http://service"))
        if self.answer is None:
            raise Unreachable("no answer")
        if self.answer.status != 200:
            return self.answer
        at = int(url.partition("cursor=")[2] or 0)
        more = str(at + 1) if at + 1 < len(self.pages) else None
        document = {"data": self.pages[at], "next_cursor": more}
        return WebAnswer(200, {}, json.dumps(document).encode())


def api(service: Service, folder: Path, name: str = "key") -> ServiceApi:
    file = folder / name
    file.write_text("wk_x")
    return ServiceApi("http://service", file, lambda: service)


def test_all_pages_are_read_and_closed_or_misplaced_shops_left_out(tmp_path: Path) -> None:
    service = Service([row(1), row(2, active=False)], [row(3), row(4, latitude=None)])
    shops = Shops([api(service, tmp_path)], Clock())
    assert [shop.name for shop in shops.all()] == ["Shop 1", "Shop 3"]
    assert service.urls == ["/v1/locations?limit=200", "/v1/locations?limit=200&cursor=1"]


def test_the_service_is_asked_again_only_after_a_while(tmp_path: Path) -> None:
    service, clock = Service([row(1)]), Clock()
    shops = Shops([api(service, tmp_path)], clock)
    assert shops.all() == shops.all()
    service.pages = ([row(1, name="Renamed")],)
    clock.forward(seconds=19)
    assert shops.all()[0].name == "Shop 1"
    clock.forward(seconds=1)
    assert shops.all()[0].name == "Renamed"
    assert len(service.urls) == 2


@pytest.mark.parametrize(
    "answer", [None, WebAnswer(403, {}, b"{}"), WebAnswer(404, {}), WebAnswer(500, {})]
)
def test_of_a_merchant_that_does_not_tell_there_are_no_shops(
    tmp_path: Path, answer: WebAnswer | None
) -> None:
    silent, other = Service([row(1)]), Service([row(2)])
    silent.answer = answer
    shops = Shops([api(silent, tmp_path), api(other, tmp_path, "other")], Clock())
    assert [shop.id for shop in shops.all()] == ["loc_2"]


def test_somebody_stands_in_the_nearest_shop_of_the_same_merchant(tmp_path: Path) -> None:
    mine, theirs = api(Service([row(1), row(3)]), tmp_path), api(Service([row(2)]), tmp_path, "b")
    shops = Shops([mine, theirs], Clock())
    here = Position(47.5025, 19.0)  # 56 m from 2 and from 3, 167 m from 1
    found = shops.where(here, mine)
    assert found
    assert found.id == "loc_3"
    assert shops.where(Position(47.51, 19.0), mine) is None
    assert shops.where(None, mine) is None


def test_a_place_on_a_card_has_the_name_of_the_shop_that_stands_there(tmp_path: Path) -> None:
    shops = Shops([api(Service([row(1), row(2)]), tmp_path)], Clock()).all()
    assert name_of(shops, Position(47.502, 19.0)) == "Shop 2"
    assert name_of(shops, Position(47.5015, 19.0)) == ""
