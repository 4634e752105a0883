"""Apple's web service, case by case: G log, and what can be told of a pass's way afterwards."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from passes.services import phone_logs
from passes.store.database import Database
from passes.store.tables import Delivery, PhoneLog
from tests.service import Clock, serve
from tests.webhooks.apple_scene import Scene


def test_g1_lines_are_kept(scene: Scene) -> None:
    answer = scene.phone.send("POST", "/log", json={"logs": ["a", "b"]})
    assert answer.status_code == 200
    assert scene.count(PhoneLog) == 2


@pytest.mark.parametrize("body", [b"", b'{"logs": []}', b"{}"])
def test_g2_g3_nothing_to_say_is_fine(scene: Scene, body: bytes) -> None:
    assert scene.phone.send("POST", "/log", data=body).status_code == 200
    assert scene.count(PhoneLog) == 0


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"logs": "a"}', b'{"logs": [1]}', b"logs[]=a"])
def test_g4_g6_what_is_no_log_is_400(scene: Scene, body: bytes) -> None:
    assert scene.phone.send("POST", "/log", data=body).status_code == 400


def test_g6_old_complaints_are_forgotten(scene: Scene, clock: Clock) -> None:
    scene.phone.send("POST", "/log", json={"logs": ["[2026-11-22 10:00:00 +0000] something"]})
    for days, left in ((29, 1), (2, 0)):
        clock.forward(timedelta(days=days))
        with scene.service.parts.database.writing() as session:
            phone_logs.forget_old_logs(session, clock())
        assert scene.count(PhoneLog) == left


def test_g5_the_log_cannot_be_read(scene: Scene) -> None:
    assert scene.phone.send("GET", "/log").status_code == 405


@pytest.mark.parametrize(
    ("line", "level", "pass_type", "serial", "moment"),
    [
        (
            (
                "[2024-07-08 10:22:35 AM +0200] Web service error for pass.com.example.x "
                "(https://cards.example/apple): Response to 'What changed?' request included 1 "
                "serial numbers but the lastUpdated tag (7) remained the same."
            ),
            "error",
            "pass.com.example.x",
            None,
            datetime(2024, 7, 8, 8, 22, 35, tzinfo=UTC),
        ),
        (
            (
                "[2024-07-08 14:22:35 +0200] Get pass task (pass type pass.com.example.x, serial "
                "number ser_1, if-modified-since (null); with web service url https://c/apple) "
                "encountered error: Unexpected response code 500"
            ),
            "error",
            "pass.com.example.x",
            "ser_1",
            datetime(2024, 7, 8, 12, 22, 35, tzinfo=UTC),
        ),
        (
            (
                "[2024-07-08 01:00:00 PM +0000] Register task (for device D, pass type "
                "pass.com.example.x, serial number ser_1; with web service url https://c/apple) "
                "encountered error: Authentication failure"
            ),
            "error",
            "pass.com.example.x",
            "ser_1",
            datetime(2024, 7, 8, 13, 0, tzinfo=UTC),
        ),
        (
            (
                "[nonsense] Server requested update to serial number 'ser_1', but the pass was "
                "unchanged."
            ),
            "warning",
            None,
            "ser_1",
            None,
        ),
    ],
)
def test_g7_a_line_is_read_by_its_grammar(
    scene: Scene,
    line: str,
    level: str,
    pass_type: str | None,
    serial: str | None,
    moment: datetime | None,
) -> None:
    scene.phone.send("POST", "/log", json={"logs": [line]})
    with scene.service.parts.database.reading() as session:
        kept = session.scalars(select(PhoneLog)).one()
    assert (kept.level, kept.pass_type_identifier, kept.serial_number) == (level, pass_type, serial)
    assert kept.reported_at == moment


def test_g8_too_much_is_capped_escaped_and_throttled(scene: Scene) -> None:
    assert scene.phone.send("POST", "/log", json={"logs": ["x" * 9000]}).status_code == 413
    lines = ["bad \x00\x1b[31m \u2028 line"] * 200
    assert scene.phone.send("POST", "/log", json={"logs": lines}).status_code == 200
    assert scene.count(PhoneLog) == 50
    with scene.service.parts.database.reading() as session:
        assert set(session.scalars(select(PhoneLog.message))) == {"bad   [31m   line"}
    answers = [scene.phone.send("POST", "/log", data=b"") for _ in range(70)]
    assert answers[-1].status_code == 429
    assert answers[-1].headers["Retry-After"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_answer_that_is_ready_needs_no_line_in_the_trail(scene: Scene) -> None:
    """While somebody else holds the one write lock for longer than we wait for it."""
    scene.phone.register(scene.card())
    parts = scene.service.parts
    url = parts.database.engine.url.render_as_string(hide_password=False)
    hurried = Database(url, patience_s=0.05)
    phone = replace(scene.phone, service=serve(replace(parts, database=hurried)))
    with parts.database.writing():
        assert phone.list().status_code == 200
        assert phone.fetch(scene.card()).status_code == 200
    hurried.dispose()
    assert scene.card().fetched_at is None


def test_the_trail_tells_how_far_a_change_came(scene: Scene) -> None:
    def diagnosis() -> str:
        answer = scene.door.get(f"/passes/{scene.card().id}").json
        return str(answer["apple"]["diagnosis"])

    assert "Nobody has downloaded" in diagnosis()
    apple = scene.members[0]["pass"]["urls"]["apple"]
    scene.service.client.get(apple.removeprefix("https://cards.example"))
    assert "no phone is registered" in diagnosis()
    scene.phone.register(scene.card())
    assert "All is well" in diagnosis()
    scene.stamp()
    assert "waits in the outbox" in diagnosis()
    complaint = f"Get pass task (pass type x, serial number {scene.card().serial_number}, …)"
    scene.phone.send("POST", "/log", json={"logs": [complaint]})
    with scene.service.parts.database.writing() as session:
        session.execute(Delivery.__table__.delete())
    assert "complained" in diagnosis()
    scene.phone.fetch(scene.card())
    assert "All is well" in diagnosis()
    steps = scene.door.get(f"/passes/{scene.card().id}").json["apple"]["trail"]
    told = {step["step"] for step in steps if step["at"]}
    assert told == {"downloaded", "registered", "fetched"}
