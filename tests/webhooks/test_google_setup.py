"""`passmint doctor google`: what of ours is examined, as it is typed, against a local Google."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import update

from certs.development import GOOGLE_ISSUER_ID
from passes.services import google_sync
from passes.store.tables import Pass, Program
from passes.web.parts import Parts
from tests.service import PUBLIC_URL, Service
from webhooks.cli import outside_commands
from webhooks.google_setup import google_setup
from webhooks.simulators.google_server import Google, running_google
from webhooks.worker import Worker


@pytest.fixture(scope="module")
def google(google_account: Path) -> Iterator[Google]:
    with running_google(google_account, GOOGLE_ISSUER_ID, now=lambda: datetime.now(UTC)) as google:
        yield google


@pytest.fixture
def configured(service: Service, google: Google, google_account: Path, tmp_path: Path) -> Parts:
    """A service whose Google is the local one."""
    account = tmp_path / "account.json"
    document = json.loads(google_account.read_text()) | {"token_uri": f"{google.url}/token"}
    account.write_text(json.dumps(document))
    changes = {
        "google_service_account": account,
        "google_issuer_id": GOOGLE_ISSUER_ID,
        "google_api_url": google.url,
        "google_save_url": google.save_url,
    }
    settings = service.parts.settings.model_copy(update=changes)
    return replace(service.parts, settings=settings)


def doctor(parts: Parts) -> Result:
    def compose_worker() -> Worker:
        raise AssertionError

    commands = outside_commands(compose_worker, lambda: parts)
    group = click.Group("passmint", {str(command.name): command for command in commands})
    return CliRunner().invoke(group, ["doctor", "google"])


def test_what_is_examined_is_ours_and_at_google(service: Service, configured: Parts) -> None:
    door = service.merchant()
    asked, _, paused = (service.program(door, card_size=2, milestones=[]) for _ in range(3))
    member = service.member(door, asked)
    door.post(f"/programs/{paused['id']}/pause")
    with service.parts.database.writing() as session:
        chosen = Program.id.in_([asked["id"], paused["id"]])
        session.execute(update(Program).where(chosen).values(google_sync=google_sync.SYNCED))
        mine = Pass.id == member["pass"]["id"]
        session.execute(update(Pass).where(mine).values(google_version=1))
    setup = google_setup(configured)
    assert setup
    class_id = f"{GOOGLE_ISSUER_ID}.{asked['id']}"
    assert setup.class_ids == [class_id]
    assert setup.sample == (class_id, f"{GOOGLE_ISSUER_ID}.{member['pass']['id']}")
    assert setup.callback_url == f"{PUBLIC_URL}/google/callback"
    assert len(setup.picture_urls) == len({0, 1, 2}) + len({"logo"})
    for url in setup.picture_urls:
        assert service.client.get(url.removeprefix(PUBLIC_URL)).content_type == "image/png"


def test_an_installation_nobody_tapped_in_has_nothing_at_google(configured: Parts) -> None:
    setup = google_setup(configured)
    assert setup
    assert (setup.class_ids, setup.picture_urls, setup.sample) == ([], [], None)


def test_findings_are_lines_and_what_is_bad_fails_the_command(
    configured: Parts, google: Google
) -> None:
    google.reset()
    google.panel.turn({"account_linked": False})
    result = doctor(configured)
    assert result.exit_code == 1
    assert "ok    token: Google gives this account access tokens.\n" in result.output
    assert "BAD   issuer: " in result.output
    assert "console" in result.output
    assert "PRIVATE" not in result.output


def test_a_good_account_is_told_line_by_line(configured: Parts, google: Google) -> None:
    google.reset()
    lines = doctor(configured).output.splitlines()
    assert "look  save link: Not tried: no card is at Google yet." in lines
    assert any(line.startswith("ok    issuer: ") for line in lines)
    assert any(line.startswith("look  demo mode: ") for line in lines)


def test_without_an_account_the_cure_is_told(parts: Parts) -> None:
    result = doctor(parts)
    assert result.exit_code == 1
    assert "PASSMINT_GOOGLE_SERVICE_ACCOUNT" in result.output
