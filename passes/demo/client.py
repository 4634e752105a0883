"""A merchant's system in miniature: what the demo knows, it knows from the public API."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import requests

_TIMEOUT_S = 30
_NOTHING: Mapping[str, str] = {}


class DemoFailed(Exception):
    """The demo cannot go on; the message says why."""


@dataclass(frozen=True, slots=True)
class Api:
    """Calls the API with one key; an operator's key names the merchant it acts for."""

    base_url: str
    key: str = field(repr=False)
    merchant_id: str | None = None

    def exists(self, path: str) -> bool:
        return self._send("GET", path).ok

    def get(self, path: str) -> Any:  # foreign JSON
        return self._answer(self._send("GET", path))

    def post(self, path: str, document: object) -> Any:  # foreign JSON
        return self._answer(self._send("POST", path, json=document))

    def act(self, path: str, document: object) -> Any:  # foreign JSON
        """A ledger write under a key of its own."""
        headers = {"Idempotency-Key": str(uuid4())}
        return self._answer(self._send("POST", path, headers, json=document))

    def upload(self, path: str, name: str, content: bytes, **form: str) -> Any:  # foreign JSON
        """A file, with the other fields of its form."""
        return self._answer(self._send("POST", path, data=form, files={"file": (name, content)}))

    def _send(
        self, method: str, path: str, extra: Mapping[str, str] = _NOTHING, **body: Any
    ) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.key}", **extra}
        if self.merchant_id:
            headers["Passmint-Merchant"] = self.merchant_id
        url = f"{self.base_url}/v1{path}"
        return requests.request(method, url, headers=headers, timeout=_TIMEOUT_S, **body)

    def _answer(self, response: requests.Response) -> Any:  # foreign JSON
        if not response.ok:
            raise DemoFailed(f"The API answered {response.status_code}: {response.text}")
        return response.json()
