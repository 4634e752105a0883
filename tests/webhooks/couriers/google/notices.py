"""Notices for Google about one class and its objects, a courier, and what becomes of them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from passes.wallets.google import class_json, object_json
from tests.passes.wallets.google_cards import CLASS_ID, class_facts, face, object_facts
from tests.webhooks.couriers.google.double import Double
from webhooks.couriers.google_rest import GoogleRest, Notice, Upsert
from webhooks.couriers.outcomes import Outcome

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ISSUER = CLASS_ID.partition(".")[0]


def class_notice(row: int = 1, **body: object) -> Upsert:
    return Upsert(row, "loyaltyClass", CLASS_ID, class_json(class_facts()) | body, notify=False)


def object_notice(
    row: int = 2, number: int = 0, stamps: int = 3, *, notify: bool = False, **body: object
) -> Upsert:
    facts = object_facts(object_id=f"{ISSUER}.pas_{number:022}")
    document = object_json(face(stamps=stamps), facts)
    return Upsert(row, "loyaltyObject", facts.object_id, document | body, notify)


@contextmanager
def courier_to(google: Double, tmp_path: Path, **options: Any) -> Iterator[GoogleRest]:
    options = {"api_url": google.url, "reserve": lambda turns: [0.0] * turns} | options
    courier = GoogleRest(tmp_path / "key.json", now=lambda: NOW, **options)
    try:
        yield courier
    finally:
        courier.close()


def told(courier: GoogleRest, notices: Sequence[Notice]) -> dict[int, Outcome]:
    """The outcome of each row; every notice has exactly one, and none tells a secret."""
    pairs = list(courier.deliver(notices))
    assert sorted(notice.row for notice, _ in pairs) == sorted(notice.row for notice in notices)
    assert "ya29" not in repr(pairs)
    assert "PRIVATE KEY" not in repr(pairs)
    return {notice.row: outcome for notice, outcome in pairs}


def the_one(outcomes: dict[int, Outcome]) -> Any:
    [outcome] = set(outcomes.values())
    return outcome
