"""Identities are found in a folder however they are kept, and the right one signs."""

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA256

from certs import issuing
from certs.apple import Keyring
from certs.errors import CertificateError, SigningUnavailable
from tests.certs.bundles import YEAR, Put, der, encrypted_key, load, p12, pem
from tests.certs.conftest import NOW, PASS_TYPE, PASSPHRASE, TEAM, World


def test_a_pem_file_with_certificate_and_key_is_an_identity(world: World, put: Put) -> None:
    leaf = world.leaf()
    path = put("loyalty.pem", world.pem(leaf, world.intermediate.certificate))
    keyring = load(path.parent, world)
    assert keyring.problems == ()
    identity = keyring.identity(PASS_TYPE, NOW)
    assert keyring.only is identity
    assert (identity.pass_type_identifier, identity.team_identifier) == (PASS_TYPE, TEAM)
    assert identity.certificate == leaf
    assert identity.intermediate == world.intermediate.certificate
    assert identity.not_before == leaf.not_valid_before_utc
    assert identity.not_after == leaf.not_valid_after_utc
    assert identity.fingerprint == leaf.fingerprint(SHA256()).hex()
    assert identity.source == "loyalty.pem"


@pytest.mark.parametrize("certificate", ["loyalty.pem", "loyalty.crt", "loyalty.cer"])
@pytest.mark.parametrize("key", ["loyalty.key", "loyalty.key.pem", "made-with-openssl.key"])
def test_a_certificate_finds_its_key_by_public_key(
    world: World, put: Put, folder: Path, certificate: str, key: str
) -> None:
    leaf = world.leaf()
    put(certificate, der(leaf) if certificate.endswith("cer") else pem(leaf))
    put(key, issuing.key_pem(world.key))
    put("noise.key", issuing.key_pem(world.other_key))
    keyring = load(folder, world)
    assert keyring.problems == ()
    assert keyring.identities[PASS_TYPE].source == certificate


def test_an_encrypted_pem_key_opens_with_the_pass_phrase(
    world: World, put: Put, folder: Path
) -> None:
    put("loyalty.pem", pem(world.leaf()) + encrypted_key(world))
    assert PASS_TYPE in load(folder, world, PASSPHRASE).identities


@pytest.mark.parametrize("name", ["loyalty.p12", "loyalty.pfx", "Loyalty.P12"])
def test_pkcs12_opens_with_the_pass_phrase(world: World, put: Put, folder: Path, name: str) -> None:
    put(name, p12(world))
    keyring = load(folder, world, PASSPHRASE)
    assert keyring.problems == ()
    assert keyring.identities[PASS_TYPE].source == name


def test_pkcs12_without_a_pass_phrase_opens(world: World, put: Put, folder: Path) -> None:
    put("loyalty.p12", p12(world, None))
    assert PASS_TYPE in load(folder, world).identities


@pytest.mark.parametrize("suffix", [".pass", ".passphrase"])
def test_a_pass_phrase_file_beside_the_key_goes_before_the_common_one(
    world: World, put: Put, folder: Path, suffix: str
) -> None:
    put("loyalty.cer", der(world.leaf()))
    put("loyalty.key.pem", encrypted_key(world))
    put("loyalty" + suffix, f"{PASSPHRASE}\r\n".encode())
    assert PASS_TYPE in load(folder, world, "the one of another key").identities


def test_several_pass_types_live_side_by_side_and_none_is_the_only_one(
    world: World, put: Put, folder: Path
) -> None:
    put("a.pem", world.pem(world.leaf("pass.com.example.a")))
    put(
        "b.pem",
        world.pem(world.leaf("pass.com.example.b", key=world.other_key), key=world.other_key),
    )
    keyring = load(folder, world)
    assert set(keyring.identities) == {"pass.com.example.a", "pass.com.example.b"}
    assert keyring.only is None
    assert keyring.identity("pass.com.example.b", NOW).source == "b.pem"


@pytest.mark.parametrize("names", [("a.pem", "b.pem"), ("b.pem", "a.pem")])
def test_of_two_valid_certificates_the_one_that_ends_last_signs(
    world: World, put: Put, folder: Path, names: tuple[str, str]
) -> None:
    put(names[0], world.pem(world.leaf(now=NOW - timedelta(days=300))))
    put(names[1], world.pem(world.leaf()))
    keyring = load(folder, world)
    assert keyring.only is not None
    assert keyring.only.source == names[1]
    assert keyring.problems == ()


@pytest.mark.parametrize("shift", [-2 * YEAR, timedelta(days=30)])
def test_an_old_or_a_future_certificate_is_no_problem_beside_a_valid_one(
    world: World, put: Put, folder: Path, shift: timedelta
) -> None:
    put("now.pem", world.pem(world.leaf()))
    put("other.pem", world.pem(world.leaf(now=NOW + shift)))
    keyring = load(folder, world)
    assert keyring.only is not None
    assert keyring.only.source == "now.pem"
    assert keyring.problems == ()


def test_an_intermediate_in_the_folder_is_used_if_the_root_issued_it(
    world: World, put: Put, folder: Path
) -> None:
    next_generation = issuing.new_intermediate(world.root, world.other_key, NOW)
    put("loyalty.pem", world.pem(world.leaf(issuer=next_generation)))
    assert load(folder, world).problems[0].code == "intermediate_mismatch"
    put("AppleWWDRCAG9.cer", der(next_generation.certificate))
    keyring = load(folder, world)
    assert keyring.problems == ()
    assert keyring.identity(PASS_TYPE, NOW).intermediate == next_generation.certificate


def test_an_intermediate_of_a_foreign_root_is_not_used(
    world: World, put: Put, folder: Path
) -> None:
    foreign_root = issuing.new_root(world.other_key, NOW)
    foreign = issuing.new_intermediate(foreign_root, world.other_key, NOW)
    put("loyalty.pem", world.pem(world.leaf(issuer=foreign), foreign.certificate))
    assert load(folder, world).problems[0].code == "intermediate_mismatch"


def test_an_unknown_pass_type_is_told_how_to_order_one() -> None:
    with pytest.raises(SigningUnavailable, match=r"certs csr pass\.com\.example\.x") as caught:
        Keyring({}, ()).identity("pass.com.example.x", NOW)
    assert caught.value.code == "apple_signing_unavailable"
    assert isinstance(caught.value, CertificateError)


def test_one_broken_identity_is_unavailable_for_its_reason_while_the_rest_serves(
    world: World, put: Put, folder: Path
) -> None:
    put("a.pem", world.pem(world.leaf("pass.com.example.a", now=NOW - 2 * YEAR)))
    put("b.pem", world.pem(world.leaf("pass.com.example.b")))
    keyring = load(folder, world)
    assert keyring.identity("pass.com.example.b", NOW).source == "b.pem"
    with pytest.raises(SigningUnavailable, match=r"a\.pem expired on .*renew"):
        keyring.identity("pass.com.example.a", NOW)


def test_a_certificate_that_expires_after_loading_stops_signing(
    world: World, put: Put, folder: Path
) -> None:
    put("loyalty.pem", world.pem(world.leaf()))
    keyring = load(folder, world)
    end = keyring.identities[PASS_TYPE].not_after
    assert keyring.identity(PASS_TYPE, end).source == "loyalty.pem"
    with pytest.raises(SigningUnavailable, match=r"loyalty\.pem expired on"):
        keyring.identity(PASS_TYPE, end + timedelta(seconds=1))


def test_the_key_is_parsed_once_and_its_file_is_not_needed_again(
    world: World, put: Put, folder: Path
) -> None:
    path = put("loyalty.pem", world.pem(world.leaf()))
    keyring = load(folder, world)
    path.unlink()
    key = keyring.identity(PASS_TYPE, NOW).key
    assert keyring.identity(PASS_TYPE, NOW).sign(b"one") != b""
    assert keyring.identity(PASS_TYPE, NOW).key is key


def test_an_identity_does_not_show_its_key(world: World, put: Put, folder: Path) -> None:
    put("loyalty.pem", world.pem(world.leaf()))
    shown = repr(load(folder, world))
    assert "loyalty.pem" in shown
    assert "PrivateKey" not in shown
