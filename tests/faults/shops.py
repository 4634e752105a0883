"""A chain's shops: what its merchant told the service and when, and what a card shows of them.

Found from what was told alone, whatever the service keeps of it.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from random import Random

from passes.loyalty.places import Point, Visit, anchors_of, chart
from tests.faults.tills import insist, insist_on_file

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_SHOPS = 30
_SOUTH_WEST, _NORTH_EAST = (46.0, 16.5), (48.5, 22.5)
_LATEST = 50  # visits that the service looks at
_REMAINING = "{{remaining}}"

Place = tuple[float, float, str]


@dataclass(frozen=True)
class Shop:
    """As the merchant knows it; what is said nearby may have a placeholder."""

    external_id: str
    latitude: float
    longitude: float
    text: str
    active: bool = True

    @property
    def point(self) -> Point:
        return Point(self.latitude, self.longitude)


Shops = Mapping[str, Shop]  # by id, the oldest first


@dataclass(frozen=True)
class Told:
    """How the shops stand; the service cannot have known before `at`."""

    at: datetime
    shops: Shops


@dataclass
class Chain:
    """`told` begins with the shops when all was at rest; `acknowledged` are ids of relocations."""

    service_url: str
    api_key: str = field(repr=False)
    told: list[Told] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)

    @classmethod
    def opened(cls, service_url: str, api_key: str) -> "Chain":
        """With some thirty shops, the same ones every time."""
        dice, chain = Random(0), cls(service_url, api_key)  # noqa: S311  # no secret
        drawn = [Shop(f"{n:02}", *somewhere(dice), text_of("hello")) for n in range(_SHOPS)]
        chain._send_file(drawn)
        ids = {one["external_id"]: one["id"] for one in chain.listed()}
        chain.told.append(Told(LONG_AGO, {ids[shop.external_id]: shop for shop in drawn}))
        return chain

    @property
    def shops(self) -> Shops:
        return self.told[-1].shops

    @property
    def open_ids(self) -> list[str]:
        return [shop_id for shop_id, shop in self.shops.items() if shop.active]

    def change(self, shop_id: str, shop: Shop) -> None:
        """One shop is as given from now on."""
        draft = asdict(shop)
        draft["relevant_text"] = {"en": draft.pop("text")}
        began = datetime.now(UTC)
        url = f"{self.service_url}/v1/locations/{shop_id}"
        self._note(began, {shop_id: shop}, insist("PATCH", url, self._headers, draft))

    def change_all(self, shops: Shops) -> None:
        """All of these are as given from now on: one file, one change."""
        began = datetime.now(UTC)
        self._note(began, shops, self._send_file(shops.values()))

    def listed(self) -> list[dict[str, object]]:
        """The shops as the service tells them."""
        url = f"{self.service_url}/v1/locations?limit=200"
        return list(insist("GET", url, self._headers, None)["data"])

    def settle(self) -> None:
        """What was told so far is history."""
        self.told[:] = [Told(LONG_AGO, self.shops)]
        self.acknowledged.clear()

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.api_key}"}

    def _send_file(self, shops: Iterable[Shop]) -> Mapping[str, object]:
        url = f"{self.service_url}/v1/locations/import"
        return dict(insist_on_file(url, self._headers, _file_of(shops)))

    def _note(self, began: datetime, changed: Shops, answer: Mapping[str, object]) -> None:
        self.told.append(Told(began, {**self.shops, **changed}))
        if relocation_id := answer["relocation_id"]:
            self.acknowledged.append(str(relocation_id))


def somewhere(dice: Random) -> tuple[float, float]:
    """A place in a small country."""
    latitude, longitude = map(dice.uniform, _SOUTH_WEST, _NORTH_EAST)
    return round(latitude, 6), round(longitude, 6)


def text_of(word: str) -> str:
    """What a shop says nearby: every stamp changes it."""
    return f"{_REMAINING} to go, {word}"


def shown(shops: Shops, visits: Sequence[Visit], remaining: int) -> frozenset[Place]:
    """What a card with this history shows of the shops."""
    open_shops = tuple((shop_id, shop.point) for shop_id, shop in shops.items() if shop.active)
    latest = sorted(visits, key=lambda visit: visit.at)[: -_LATEST - 1 : -1]
    anchors = [(shop_id, shops[shop_id].point) for shop_id in anchors_of(latest)]
    chosen = (shops[shop_id] for shop_id in chart(open_shops).choose(anchors, None))
    return frozenset(
        (one.latitude, one.longitude, one.text.replace(_REMAINING, str(remaining)))
        for one in chosen
    )


def _file_of(shops: Iterable[Shop]) -> bytes:
    out = io.StringIO()
    columns = ("external_id", "name", "latitude", "longitude", "relevant_text_en", "active")
    writer = csv.writer(out)
    writer.writerow(columns)
    for one in shops:
        place = (one.latitude, one.longitude)
        name, active = f"Shop {one.external_id}", str(one.active).lower()
        writer.writerow((one.external_id, name, *place, one.text, active))
    return out.getvalue().encode()
