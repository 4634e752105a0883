"""A till beside the phones: it reads the barcode of a card and gives its member a stamp.

It knows the service by its public API alone: a lookup by code, then the member's transaction, with
the shop in which the phone stands.
"""

import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote

from webhooks.simulators.service_api import ServiceApi, ServiceError
from webhooks.simulators.shops import Shops
from webhooks.simulators.web import Web
from webhooks.simulators.whereabouts import Position


class Till:
    """A till of one or several merchants, by files with their API keys."""

    def __init__(
        self,
        service_url: str,
        key_files: Sequence[Path],
        make_web: Callable[[], Web],
        now: Callable[[], datetime],
    ) -> None:
        self._apis = [ServiceApi(service_url, file, make_web) for file in key_files]
        self.shops = Shops(self._apis, now)

    def stamp(self, code: str, position: Position | None = None) -> str:
        """Give one stamp to the card with this barcode; says what it has now. ServiceError."""
        api, member = self._find(code)
        shop = self.shops.where(position, api)
        document = {"type": "earn", "stamps": 1} | ({"location_id": shop.id} if shop else {})
        path = f"/v1/members/{quote(member, safe='')}/transactions"
        earned = api.post(path, document, str(uuid.uuid4()))
        place = f" at {shop.name}" if shop else ""
        return f"Stamped{place}: {_text(earned, 'transaction', 'balance_after')} stamps in all"

    def _find(self, code: str) -> tuple[ServiceApi, str]:
        """Whose card it is: the merchant's API and the member."""
        for api in self._apis:
            try:
                found = api.post("/v1/scans", {"code": code, "intent": "lookup"})
            except ServiceError as error:
                if error.status != HTTPStatus.NOT_FOUND or api is self._apis[-1]:
                    raise
            else:
                return api, _text(found, "member", "id")
        raise ServiceError("The till has no API key.")


def _text(document: dict[str, object], part: str, key: str) -> str:
    inner = document.get(part)
    if not isinstance(inner, dict) or key not in inner:
        raise ServiceError(f"The service's answer has no {part}.{key}.")
    return str(inner[key])
