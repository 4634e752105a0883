from datetime import timedelta
from pathlib import Path

import pytest
from google.auth.crypt import RSASigner

from certs.apple import Keyring, Problem, identify
from certs.authority import apple_authority, load_authority
from certs.errors import CertificateError
from certs.google import GoogleIdentity
from certs.issuing import certificate_pem
from certs.report import report
from tests.certs.conftest import NOW, PASS_TYPE, TEAM, World

END = NOW + timedelta(days=395)


def keyring(world: World) -> Keyring:
    identity = identify(world.leaf(), world.key, world.authority, "loyalty.pem", NOW)
    return Keyring({PASS_TYPE: identity}, ())


@pytest.mark.parametrize(
    ("before_the_end", "days_left", "state", "message"),
    [
        (timedelta(days=46), 46, "ok", ""),
        (timedelta(days=45, hours=23), 45, "renew", "certs csr " + PASS_TYPE),
        (timedelta(days=15), 15, "renew", "certs csr " + PASS_TYPE),
        (timedelta(days=14), 14, "urgent", "certs csr " + PASS_TYPE),
        (timedelta(days=4), 4, "urgent", "certs csr " + PASS_TYPE),
        (timedelta(days=3), 3, "critical", "certs csr " + PASS_TYPE),
        (timedelta(0), 0, "critical", "certs csr " + PASS_TYPE),
        (timedelta(seconds=-1), -1, "unusable", "loyalty.pem expired on"),
    ],
)
def test_the_state_of_an_identity_follows_its_days(
    world: World, before_the_end: timedelta, days_left: int, state: str, message: str
) -> None:
    row = report(keyring(world), world.authority, None, END - before_the_end)[0]
    assert (row.kind, row.identifier, row.holder) == ("apple", PASS_TYPE, TEAM)
    assert (row.file, row.not_after) == ("loyalty.pem", END)
    assert (row.days_left, row.state) == (days_left, state)
    assert message in row.message
    assert bool(row.message) == bool(message)


def test_the_intermediate_in_use_is_shown_and_a_development_one_said(
    world: World, tmp_path: Path
) -> None:
    path = tmp_path / "authority.pem"
    chain = (world.intermediate.certificate, world.root.certificate)
    path.write_bytes(certificate_pem(*chain))
    row = report(keyring(world), load_authority(path), None, NOW)[1]
    assert (row.kind, row.file, row.state) == ("apple_intermediate", "authority.pem", "ok")
    assert row.message == "authority.pem is trusted instead of Apple; phones refuse these passes."


def test_an_intermediate_from_the_certificates_folder_is_named_so(world: World) -> None:
    row = report(keyring(world), apple_authority(), None, NOW)[1]
    assert (row.file, row.message) == ("certificates folder", "")


def test_a_problem_is_an_unusable_row(world: World) -> None:
    broken = Keyring({}, (Problem("x.pem", None, "key_missing", "x.pem has no key"),))
    (row,) = report(broken, world.authority, None, NOW)
    assert (row.file, row.state, row.message) == ("x.pem", "unusable", "x.pem has no key")
    assert row.days_left is None


def test_googles_account_is_a_row_whether_it_loads_or_not(world: World) -> None:
    nothing = Keyring({}, ())
    signer = RSASigner(world.key, "1")
    google = GoogleIdentity("33", "wallet@example", "google.json", "", signer=signer)
    (row,) = report(nothing, world.authority, google, NOW)
    assert (row.kind, row.identifier, row.holder) == ("google", "33", "wallet@example")
    assert (row.state, row.not_after) == ("ok", None)
    error = CertificateError("service_account_invalid", "google.json is not JSON")
    (row,) = report(nothing, world.authority, error, NOW)
    assert (row.kind, row.state, row.message) == ("google", "unusable", "google.json is not JSON")


def test_nothing_loaded_is_an_empty_report(world: World) -> None:
    assert report(Keyring({}, ()), world.authority, None, NOW) == ()
