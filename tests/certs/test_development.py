import json
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from certs import development
from certs.apple import load_identities
from certs.authority import load_authority
from certs.errors import CertificateError
from certs.google import load_google_identity
from tests.certs.conftest import NOW

OTHER_TYPE = "pass.dev.passmint.coffee"


@pytest.fixture(scope="module")
def minted(tmp_path_factory: pytest.TempPathFactory) -> development.DevelopmentFiles:
    return development.mint(tmp_path_factory.mktemp("certs"), NOW)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_minted_identity_loads_under_its_own_authority(
    minted: development.DevelopmentFiles,
) -> None:
    authority = load_authority(minted.authority)
    keyring = load_identities(minted.certificates, authority, None, NOW)
    assert keyring.problems == ()
    identity = keyring.identity("pass.dev.passmint.loyalty", NOW)
    assert identity.team_identifier == "DEVELOPMNT"
    assert identity.not_after == NOW + timedelta(days=395)
    root = x509.load_pem_x509_certificate(minted.root.read_bytes())
    assert root == authority.root


def test_the_chain_has_apples_shape(minted: development.DevelopmentFiles) -> None:
    authority = load_authority(minted.authority)
    intermediate = authority.intermediates[0].extensions
    constraints = intermediate.get_extension_for_class(x509.BasicConstraints).value
    assert (constraints.ca, constraints.path_length) == (True, 0)
    leaf = x509.load_pem_x509_certificate(minted.identity.read_bytes()).extensions
    usage = leaf.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert [one.dotted_string for one in usage] == [
        ExtendedKeyUsageOID.CLIENT_AUTH.dotted_string,
        "1.2.840.113635.100.4.14",
    ]
    assert leaf.get_extension_for_class(x509.KeyUsage).value.digital_signature
    present = {one.oid.dotted_string for one in leaf}
    assert {"1.2.840.113635.100.6.1.16", "1.2.840.113635.100.6.3.2"} <= present


def test_keys_are_for_the_owner_alone(minted: development.DevelopmentFiles) -> None:
    holds_key = [
        path
        for path in minted.root.parent.rglob("*")
        if path.is_file() and b"PRIVATE KEY" in path.read_bytes()
    ]
    assert len(holds_key) == 2
    assert {mode(path) for path in holds_key} == {0o600}
    assert mode(minted.authority) == mode(minted.root) == 0o644


def test_what_is_there_and_valid_is_used_again(minted: development.DevelopmentFiles) -> None:
    folder = minted.root.parent
    before = {path: path.read_bytes() for path in folder.rglob("*.pem")}
    assert development.mint(folder, NOW + timedelta(days=300)) == minted
    assert {path: path.read_bytes() for path in folder.rglob("*.pem")} == before


def test_several_pass_types_share_one_root_and_an_expired_one_is_made_again(
    tmp_path: Path,
) -> None:
    first = development.mint(tmp_path, NOW)
    second = development.mint(tmp_path, NOW, OTHER_TYPE)
    assert second.root.read_bytes() == first.root.read_bytes()
    root = first.root.read_bytes()
    later = NOW + timedelta(days=400)
    development.mint(tmp_path, later)
    assert first.root.read_bytes() == root
    keyring = load_identities(first.certificates, load_authority(first.authority), None, later)
    assert set(keyring.identities) == {development.PASS_TYPE_IDENTIFIER}
    assert [one.pass_type_identifier for one in keyring.problems] == [OTHER_TYPE]


def test_an_authority_that_would_end_before_its_leaf_is_made_again(tmp_path: Path) -> None:
    root = development.mint(tmp_path, NOW).root.read_bytes()
    in_nine_years = NOW + timedelta(days=9 * 365)
    files = development.mint(tmp_path, in_nine_years)
    assert files.root.read_bytes() != root
    authority = load_authority(files.authority)
    keyring = load_identities(files.certificates, authority, None, in_nine_years)
    assert keyring.identities[development.PASS_TYPE_IDENTIFIER].not_after == (
        in_nine_years + timedelta(days=395)
    )


@pytest.mark.parametrize("lost", ["authority.pem", "authority.key.pem", "apple"])
def test_a_half_lost_folder_is_made_whole(tmp_path: Path, lost: str) -> None:
    files = development.mint(tmp_path, NOW)
    if lost == "apple":
        files.identity.write_bytes(b"")
    else:
        (tmp_path / lost).unlink()
    files = development.mint(tmp_path, NOW)
    keyring = load_identities(files.certificates, load_authority(files.authority), None, NOW)
    assert keyring.problems == ()
    assert set(keyring.identities) == {development.PASS_TYPE_IDENTIFIER}


@pytest.mark.parametrize(
    "pass_type", ["", "loyalty", "pass.", "pass.../../x", "pass.a b", "pass." + "x" * 46]
)
def test_a_pass_type_that_is_none_is_told(tmp_path: Path, pass_type: str) -> None:
    with pytest.raises(CertificateError, match=r"write one like pass\.com") as caught:
        development.mint(tmp_path, NOW, pass_type)
    assert caught.value.code == "pass_type_invalid"
    assert list(tmp_path.iterdir()) == []


def test_a_google_account_of_googles_shape_is_made_once(tmp_path: Path) -> None:
    path = development.mint_google(tmp_path)
    content = path.read_bytes()
    assert mode(path) == 0o600
    assert json.loads(content)["token_uri"] == "https://oauth2.googleapis.com/token"
    identity = load_google_identity(path, development.GOOGLE_ISSUER_ID)
    assert identity.email.endswith(".iam.gserviceaccount.com")
    assert development.mint_google(tmp_path).read_bytes() == content
