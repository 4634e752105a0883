"""Chains of shops for tests, made through the API."""

import itertools
from typing import Any

from tests.service import Door, Service

DEAK = {"name": "Deák tér", "latitude": 47.4979, "longitude": 19.0544}
OBUDA = {"name": "Óbuda", "latitude": 47.5407, "longitude": 19.0450}
SZEGED = {"name": "Szeged", "latitude": 46.2530, "longitude": 20.1414}

_numbers = itertools.count()


def new_chain(service: Service) -> Door:
    """A merchant without shops, of its own for each test."""
    return service.merchant(f"chain-{next(_numbers)}")


def add(door: Door, **fields: Any) -> dict[str, Any]:
    answer = door.post("/locations", fields)
    assert answer.status_code == 201, answer.text
    return dict(answer.json["location"])


def names(door: Door) -> list[str]:
    return [row["name"] for row in door.get("/locations").json["data"]]
