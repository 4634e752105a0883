"""Pushes of two pass types, the courier to a local APNs, and what becomes of them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from certs import development
from certs.apple import Keyring
from webhooks.couriers.apns import Apns, Push
from webhooks.couriers.outcomes import Outcome
from webhooks.simulators.apns import Apns as LocalApns

TOPIC = development.PASS_TYPE_IDENTIFIER
COFFEE = "pass.dev.passmint.coffee"
NOW = datetime.now(UTC)


@contextmanager
def courier_to(apns: LocalApns, keyring: Keyring, **options: Any) -> Iterator[Apns]:
    url = options.pop("url", apns.url)
    options = {"authority_file": apns.ca_file, "timeout_s": 8.0} | options
    identity = options.pop("identity", lambda topic: keyring.identity(topic, NOW))
    courier = Apns(url, identity, now=lambda: NOW, **options)
    try:
        yield courier
    finally:
        courier.close()


def pushes_to(count: int, topic: str = TOPIC) -> list[Push]:
    return [Push(row, f"{row:064x}", topic) for row in range(count)]


def all_outcomes(courier: Apns, pushes: Sequence[Push]) -> list[tuple[Push, Outcome]]:
    pairs = list(courier.deliver(pushes))
    while courier.under_way:
        pairs += courier.deliver(())
    return pairs


def delivered(courier: Apns, pushes: Sequence[Push]) -> dict[int, Outcome]:
    """The outcome of each row; every push has exactly one, and none gives a token away."""
    pairs = all_outcomes(courier, pushes)
    assert Counter(push for push, _ in pairs) == Counter(pushes)
    for push, outcome in pairs:
        assert push.token not in getattr(outcome, "why", "")
    return {push.row: outcome for push, outcome in pairs}


def kinds(outcomes: dict[int, Outcome]) -> Counter[type[Outcome]]:
    return Counter(type(outcome) for outcome in outcomes.values())


def the_one(outcomes: dict[int, Outcome]) -> Outcome:
    """The outcome that all rows share."""
    [outcome] = set(outcomes.values())
    return outcome
