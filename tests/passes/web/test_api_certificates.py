"""Several pass types of which some cannot be signed: the rest serves, and everybody is told why."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from certs import development, issuing
from certs.apple import load_identities
from certs.authority import load_authority
from certs.errors import CertificateError
from passes.web.application import create_app
from passes.web.parts import Parts
from tests.passes.web.answers import problem
from tests.passes.web.packages import Package
from tests.service import OPERATOR_KEY, Clock, Door, Service

GOOD, EXPIRED, MISMATCHED, ABSENT = (
    f"pass.example.{name}" for name in ("good", "expired", "mismatched", "absent")
)


@pytest.fixture(scope="session")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> development.DevelopmentFiles:
    """A folder with a good certificate, one that is over and one without its key."""
    folder = tmp_path_factory.mktemp("mixed")
    now = datetime.now(UTC)
    files = development.mint(folder, now, GOOD)
    development.mint(folder, now - timedelta(days=700), EXPIRED)
    other = development.mint(folder, now, MISMATCHED).identity
    other.write_bytes(
        other.read_bytes().partition(b"-----BEGIN PRIVATE KEY")[0]
        + issuing.key_pem(issuing.new_key())
    )
    return files


@pytest.fixture
def service(parts: Parts, mixed: development.DevelopmentFiles, clock: Clock) -> Service:
    authority = load_authority(mixed.authority)
    keyring = load_identities(mixed.certificates, authority, None, clock())
    parts = replace(parts, authority=authority, keyring=keyring)
    client = create_app(parts).test_client()
    return Service(client.application, parts, client, Door(client, OPERATOR_KEY))


def test_only_the_pass_type_at_fault_is_unavailable(service: Service, door: Door) -> None:
    cards = {
        pass_type: service.member(door, service.program(door, pass_type_identifier=pass_type))
        for pass_type in (GOOD, EXPIRED, MISMATCHED, ABSENT)
    }
    Package.of(_download(door, cards[GOOD]))
    for pass_type, words in (
        (EXPIRED, ("expired", "passmint certs csr")),
        (MISMATCHED, ("key", ".pem")),
        (ABSENT, (ABSENT, "passmint certs csr")),
    ):
        answer = _download(door, cards[pass_type])
        assert problem(answer) == (503, "apple_signing_unavailable")
        assert all(word in answer.json["detail"] for word in words), answer.json["detail"]


def test_the_table_tells_what_is_loaded_and_what_is_wrong(service: Service, door: Door) -> None:
    table = door.get("/certificates").json
    assert table["development_authority"] is True
    rows = {row["identifier"]: row for row in table["data"] if row["kind"] == "apple"}
    assert rows.keys() == {GOOD, EXPIRED, MISMATCHED}
    assert rows[GOOD]["state"] == "ok"
    assert rows[GOOD]["days_left"] > 45
    for pass_type in (EXPIRED, MISMATCHED):
        assert rows[pass_type]["state"] == "unusable"
        assert rows[pass_type]["message"]
    assert {row["kind"] for row in table["data"]} == {"apple", "apple_intermediate", "google"}
    assert "PRIVATE" not in str(table)


def test_readiness_warns_of_what_cannot_be_signed(service: Service) -> None:
    answer = service.client.get("/readyz")
    assert answer.status_code == 200, answer.text
    warnings = answer.json["warnings"]
    assert any("expired" in warning for warning in warnings)
    assert any(f"{MISMATCHED}.pem" in warning for warning in warnings)
    assert any("real phones refuse" in warning for warning in warnings)


def test_a_certificate_that_ends_while_we_run_is_noticed(
    service: Service, door: Door, clock: Clock
) -> None:
    card = service.member(door, service.program(door, pass_type_identifier=GOOD))
    assert _download(door, card).status_code == 200
    clock.forward(timedelta(days=4000))
    assert problem(_download(door, card)) == (503, "apple_signing_unavailable")
    rows = door.get("/certificates").json["data"]
    [row] = [row for row in rows if row["identifier"] == GOOD]
    assert row["state"] == "unusable"
    warnings = service.client.get("/readyz").json["warnings"]
    assert any(f"{GOOD}.pem" in warning for warning in warnings)


def test_nothing_at_all_to_sign_with_is_not_ready(parts: Parts) -> None:
    bare = replace(parts, keyring=type(parts.keyring)({}, ()), google=None)
    answer = create_app(bare).test_client().get("/readyz")
    assert answer.status_code == 503
    assert "passmint certs check" in answer.json["checks"]["signing"]


def test_google_without_a_usable_account_is_unavailable_alone(parts: Parts, tmp_path: Path) -> None:
    broken = CertificateError("google_unreadable", f"{tmp_path} is no key file")
    for google in (None, broken):
        client = create_app(replace(parts, google=google)).test_client()
        service = Service(client.application, parts, client, Door(client, OPERATOR_KEY))
        door = service.merchant(f"m{'x' if google else 'y'}")
        member = service.member(door, service.program(door))
        path = member["pass"]["urls"]["google"].removeprefix(parts.settings.public_url)
        assert problem(client.get(path)) == (503, "google_unavailable")
        card = door.get(f"/passes/{member['pass']['id']}")
        assert (card.json["google"]["class_id"], card.json["google"]["object_id"]) == (None, None)
        assert _download(door, member).status_code == 200


def _download(door: Door, member: dict[str, Any]) -> Any:
    return door.get(f"/passes/{member['pass']['id']}.pkpass")
