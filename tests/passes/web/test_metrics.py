"""Figures and alarms of the outbox: what waits, since when, and what nobody will hear any more."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, text, update

from passes.store import outbox, pauses
from passes.store.tables import Delivery, Device
from passes.web.parts import Parts
from tests.service import Clock, serve

QUEUE = "pass.com.example.one"


@pytest.fixture
def watched(make_parts: Callable[..., Parts]) -> FlaskClient:
    """A service with two phones that wait and one that was given up."""
    parts = make_parts(METRICS_TOKEN="figures")
    now = parts.now()
    with parts.database.writing() as session:
        session.add_all(
            Device(
                id=name,
                library_identifier=name,
                pass_type_identifier=QUEUE,
                push_token="ab",
                token_at=now,
                created_at=now,
            )
            for name in ("dev_1", "dev_2", "dev_3")
        )
        session.flush()
        everybody = select(Device.id, Device.pass_type_identifier)
        outbox.enqueue(session, outbox.APNS, everybody, outbox.AT_THE_TILL, now)
        third = update(Delivery).where(Delivery.target == "dev_3")
        session.execute(third.values(state=outbox.GAVE_UP))
    return serve(parts).client


def figures(client: FlaskClient) -> dict[str, float]:
    answer = client.get("/metrics", headers={"Authorization": "Bearer figures"})
    assert answer.status_code == 200
    lines = re.findall(r"^(passmint_outbox\S+) (\S+)$", answer.text, re.MULTILINE)
    return {name: float(value) for name, value in lines}


def warnings(client: FlaskClient) -> list[Any]:
    answer = client.get("/readyz")
    assert answer.status_code == 200
    return list(answer.json["warnings"])


def test_figures_tell_what_waits_and_since_when(watched: FlaskClient, clock: Clock) -> None:
    clock.forward(timedelta(seconds=90))
    assert figures(watched) == {
        'passmint_outbox_rows{courier="apns",state="waiting"}': 2,
        'passmint_outbox_rows{courier="apns",state="gave_up"}': 1,
        'passmint_outbox_oldest_seconds{courier="apns",state="waiting"}': 90,
        'passmint_outbox_oldest_seconds{courier="apns",state="gave_up"}': 90,
    }


def test_a_clock_that_was_set_back_shows_no_negative_age(
    watched: FlaskClient, clock: Clock
) -> None:
    clock.forward(timedelta(hours=-1))
    assert min(figures(watched).values()) == 0


def test_a_queue_that_stands_still_is_a_figure_and_an_alarm(
    watched: FlaskClient, parts: Parts, clock: Clock
) -> None:
    with parts.database.writing() as session:
        until = clock() + timedelta(minutes=5)
        pauses.pause(session, outbox.APNS, QUEUE, "renew the certificate", clock(), until)
    paused = f'passmint_outbox_paused{{courier="apns",queue="{QUEUE}"}}'
    assert figures(watched)[paused] == 1
    [alarm] = [line for line in warnings(watched) if "stands still" in line]
    assert alarm.startswith(f"apns of {QUEUE} stands still since ")
    assert alarm.endswith(" UTC: renew the certificate")
    clock.forward(timedelta(minutes=5))
    assert paused not in figures(watched)
    assert not [line for line in warnings(watched) if "stands still" in line]


def test_readiness_warns_of_what_was_given_up_and_of_an_old_backlog(
    watched: FlaskClient, clock: Clock
) -> None:
    assert any("1 deliveries by apns were given up" in line for line in warnings(watched))
    assert not any("the oldest" in line for line in warnings(watched))
    clock.forward(timedelta(minutes=6))
    [late] = [line for line in warnings(watched) if "the oldest" in line]
    assert late.startswith("2 deliveries by apns wait, the oldest for 6 minutes: ")


def test_other_figures_are_there_without_the_database(watched: FlaskClient, parts: Parts) -> None:
    with parts.database.writing() as session:
        session.execute(text("DROP TABLE deliveries"))
    answer = watched.get("/metrics", headers={"Authorization": "Bearer figures"})
    assert "passmint_certificate_days_left" in answer.text
    assert "passmint_outbox" not in answer.text
