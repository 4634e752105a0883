"""The shops of the merchants whose keys the simulator was given: where phones can walk to."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from urllib.parse import quote

from webhooks.simulators.service_api import ServiceApi, ServiceError
from webhooks.simulators.whereabouts import Position, distance_m, position_of

_KEPT = timedelta(seconds=20)  # before the service is asked again
_AT_SHOP_M = 200.0  # as near as that, a stamp is given there
_SAME_M = 25.0  # as near as that, a place on a card is this shop
_PAGE = "/v1/locations?limit=200"


@dataclass(frozen=True, slots=True)
class Shop:
    """An open shop; `api` is that of its merchant."""

    id: str
    name: str
    address: str
    position: Position
    api: ServiceApi


class Shops:
    """What the service says of its merchants' shops, asked now and then; safe for threads."""

    def __init__(self, apis: Sequence[ServiceApi], now: Callable[[], datetime]) -> None:
        self._apis = apis
        self._now = now
        self._shops: tuple[Shop, ...] = ()
        self._asked: datetime | None = None
        self._lock = Lock()

    def all(self) -> tuple[Shop, ...]:
        """Every open shop, one merchant's after the other's; of who refuses, none.

        One caller asks the service, those who come meanwhile are told what was known before.
        """
        if self._is_time():
            self._shops = tuple(shop for api in self._apis for shop in _shops_of(api))
        return self._shops

    def where(self, position: Position | None, api: ServiceApi) -> Shop | None:
        """The merchant's shop in which somebody stands."""
        if position is None:
            return None
        mine = [shop for shop in self.all() if shop.api == api]
        return _nearest(mine, position, _AT_SHOP_M)

    def _is_time(self) -> bool:
        with self._lock:
            now = self._now()
            if self._asked is not None and now - self._asked < _KEPT:
                return False
            self._asked = now
            return True


def name_of(shops: Sequence[Shop], position: Position) -> str:
    """What the shop at exactly this place is called; empty when there is none."""
    found = _nearest(shops, position, _SAME_M)
    return found.name if found else ""


def _nearest(shops: Sequence[Shop], position: Position, within_m: float) -> Shop | None:
    measured = ((distance_m(shop.position, position), shop) for shop in shops)
    found = [pair for pair in measured if pair[0] <= within_m]
    return min(found, key=lambda pair: pair[0])[1] if found else None


def _shops_of(api: ServiceApi) -> list[Shop]:
    try:
        return [shop for row in _rows(api) if (shop := _shop(row, api))]
    except ServiceError:
        return []


def _rows(api: ServiceApi) -> Iterator[Mapping[str, object]]:
    path = _PAGE
    while path:
        page = api.get(path)
        data = page.get("data")
        yield from [one for one in data if isinstance(one, dict)] if isinstance(data, list) else ()
        cursor = page.get("next_cursor")
        path = f"{_PAGE}&cursor={quote(cursor, safe='')}" if isinstance(cursor, str) else ""


def _shop(row: Mapping[str, object], api: ServiceApi) -> Shop | None:
    position = position_of(row.get("latitude"), row.get("longitude"))
    if position is None or row.get("active") is not True:
        return None
    shop_id, name, address = (str(row.get(key, "")) for key in ("id", "name", "address"))
    return Shop(shop_id, name, address, position, api)
