from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID

from certs import issuing
from certs.apple import Keyring, load_identities
from certs.authority import apple_authority
from certs.errors import CertificateError, SigningUnavailable
from tests.certs.conftest import NOW, PASS_TYPE, PASSPHRASE, TEAM, World

Put = Callable[[str, bytes], Path]
YEAR = timedelta(days=365)


def load(folder: Path, world: World, passphrase: str | None = None) -> Keyring:
    return load_identities(folder, world.authority, passphrase, NOW)


def encrypted_key(world: World) -> bytes:
    encryption = BestAvailableEncryption(PASSPHRASE.encode())
    return world.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def p12(world: World, passphrase: str | None = PASSPHRASE) -> bytes:
    encryption = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    chain = [world.intermediate.certificate, world.root.certificate]
    return pkcs12.serialize_key_and_certificates(None, world.key, world.leaf(), chain, encryption)


def changed_subject(oid: x509.ObjectIdentifier, value: str | None) -> x509.Name:
    attributes = [one for one in issuing.pass_subject(PASS_TYPE, TEAM) if one.oid != oid]
    if value is not None:
        attributes.append(x509.NameAttribute(oid, value))
    return x509.Name(attributes)


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def pem(certificate: x509.Certificate) -> bytes:
    return issuing.certificate_pem(certificate)


# --- every usual way of keeping an identity ------------------------------------------------------


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


# --- several identities --------------------------------------------------------------------------


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


# --- what is wrong, and the cure -----------------------------------------------------------------


def only_problem(keyring: Keyring, code: str, *words: str) -> None:
    assert keyring.identities == {}
    assert [one.code for one in keyring.problems] == [code]
    for word in words:
        assert word in keyring.problems[0].message
    assert PASSPHRASE not in str(keyring)
    assert "PRIVATE KEY--" not in str(keyring)


@pytest.mark.parametrize(
    ("oid", "value", "code", "words"),
    [
        (NameOID.USER_ID, None, "not_a_pass_certificate", "Pass Type ID"),
        (NameOID.USER_ID, "pass.com.example.x", "pass_type_mismatch", "download"),
        (NameOID.COMMON_NAME, "Pass Type ID: pass.x", "pass_type_mismatch", "download"),
        (NameOID.COMMON_NAME, PASS_TYPE, "pass_type_mismatch", "download"),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, None, "team_missing", "download"),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, "ABCDE1234", "team_missing", "ten characters"),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, "abcde12345", "team_missing", "ten characters"),
    ],
)
def test_a_wrong_subject_is_told(
    world: World,
    put: Put,
    folder: Path,
    oid: x509.ObjectIdentifier,
    value: str | None,
    code: str,
    words: str,
) -> None:
    put("loyalty.pem", world.pem(world.leaf(subject=changed_subject(oid, value))))
    only_problem(load(folder, world), code, "loyalty.pem", words)


def test_a_wrong_pass_type_extension_is_told(world: World, put: Put, folder: Path) -> None:
    subject = issuing.pass_subject(PASS_TYPE, TEAM)
    put("loyalty.pem", world.pem(world.leaf("pass.com.example.x", subject=subject)))
    only_problem(load(folder, world), "pass_type_mismatch", "loyalty.pem", PASS_TYPE)


def test_a_certificate_without_the_pass_type_extension_is_told(
    world: World, put: Put, folder: Path
) -> None:
    push_certificate = (
        x509.CertificateBuilder()
        .subject_name(issuing.pass_subject(PASS_TYPE, TEAM))
        .issuer_name(world.intermediate.certificate.subject)
        .public_key(world.key.public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + YEAR)
        .sign(world.intermediate.key, SHA256())
    )
    put("push.pem", world.pem(push_certificate))
    only_problem(load(folder, world), "not_a_pass_certificate", "push.pem", "Pass Type ID")


@pytest.mark.parametrize("key", ["loyalty.pem", "loyalty.key"])
def test_a_key_of_another_certificate_is_told(
    world: World, put: Put, folder: Path, key: str
) -> None:
    put("loyalty.pem", pem(world.leaf()))
    with (folder / key).open("ab") as file:
        file.write(issuing.key_pem(world.other_key))
    only_problem(load(folder, world), "key_mismatch", "loyalty.pem", "request")


def test_a_missing_key_is_told(world: World, put: Put, folder: Path) -> None:
    put("loyalty.cer", der(world.leaf()))
    only_problem(load(folder, world), "key_missing", "loyalty.cer", "loyalty.key", ".p12")


def test_a_certificate_of_another_generation_is_told_with_both_names(
    world: World, put: Put, folder: Path
) -> None:
    put("loyalty.pem", world.pem(world.leaf()))
    keyring = load_identities(folder, apple_authority(), None, NOW)
    only_problem(keyring, "intermediate_mismatch", "loyalty.pem", "G4", "DEV", "apple.com/cert")


def test_the_right_issuer_name_with_another_key_is_told(
    world: World, put: Put, folder: Path
) -> None:
    impostor = issuing.new_intermediate(world.root, world.other_key, NOW)
    put("loyalty.pem", world.pem(world.leaf(issuer=impostor)))
    only_problem(load(folder, world), "intermediate_mismatch", "PASSMINT_APPLE_AUTHORITY")


def test_a_forged_signature_with_the_right_key_identifier_is_told(
    world: World, put: Put, folder: Path
) -> None:
    forger = issuing.Issuer(world.intermediate.certificate, world.other_key)
    put("loyalty.pem", world.pem(world.leaf(issuer=forger)))
    only_problem(load(folder, world), "intermediate_mismatch", "loyalty.pem")


def test_the_right_signature_with_another_key_identifier_is_told(
    world: World, put: Put, folder: Path
) -> None:
    sister = issuing.new_intermediate(world.root, world.other_key, NOW)
    mixed = issuing.Issuer(sister.certificate, world.intermediate.key)
    put("loyalty.pem", world.pem(world.leaf(issuer=mixed)))
    only_problem(load(folder, world), "intermediate_mismatch", "loyalty.pem")


@pytest.mark.parametrize(
    ("shift", "code", "word"),
    [
        (-2 * YEAR, "certificate_expired", "renew"),
        (timedelta(days=2), "certificate_not_yet_valid", "clock"),
    ],
)
def test_a_certificate_outside_its_dates_is_told(
    world: World, put: Put, folder: Path, shift: timedelta, code: str, word: str
) -> None:
    put("loyalty.pem", world.pem(world.leaf(now=NOW + shift)))
    only_problem(load(folder, world), code, "loyalty.pem", word)


def test_the_end_of_the_intermediate_ends_the_identity(
    world: World, put: Put, folder: Path
) -> None:
    old = issuing.new_intermediate(world.root, world.other_key, NOW - 12 * YEAR)
    put("loyalty.pem", world.pem(world.leaf(issuer=old), old.certificate))
    only_problem(load(folder, world), "certificate_expired", "loyalty.pem")


@pytest.mark.parametrize("content", ["pem", "p12"])
@pytest.mark.parametrize(
    ("passphrase", "code", "word"),
    [
        (None, "passphrase_missing", "PASSMINT_APPLE_PASSPHRASE_FILE"),
        ("hunter2", "passphrase_wrong", "loyalty.pass"),
    ],
)
def test_a_locked_key_is_told_and_nothing_secret_with_it(
    world: World,
    put: Put,
    folder: Path,
    content: str,
    passphrase: str | None,
    code: str,
    word: str,
) -> None:
    data = p12(world) if content == "p12" else pem(world.leaf()) + encrypted_key(world)
    put(f"loyalty.{content}", data)
    keyring = load(folder, world, passphrase)
    only_problem(keyring, code, f"loyalty.{content}", word)
    assert "hunter2" not in str(keyring)


def test_a_locked_key_file_is_told_once_for_its_certificate(
    world: World, put: Put, folder: Path
) -> None:
    put("loyalty.cer", der(world.leaf()))
    put("loyalty.key", encrypted_key(world))
    keyring = load(folder, world)
    only_problem(keyring, "passphrase_missing", "loyalty.key")
    assert keyring.problems[0].pass_type_identifier == PASS_TYPE
    with pytest.raises(SigningUnavailable, match=r"loyalty\.key is encrypted"):
        keyring.identity(PASS_TYPE, NOW)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("empty.pem", b""),
        ("cut.pem", b"-----BEGIN CERTIFICATE-----\nMIIE"),
        ("text.pem", b"hello"),
        ("broken.crt", b"-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----\n"),
        ("noise.cer", bytes(range(256))),
        ("noise.p12", bytes(range(256))),
    ],
)
def test_a_damaged_file_is_told_and_the_rest_serves(
    world: World, put: Put, folder: Path, name: str, data: bytes
) -> None:
    put("loyalty.pem", world.pem(world.leaf()))
    put(name, data)
    keyring = load(folder, world)
    assert PASS_TYPE in keyring.identities
    assert [(one.file, one.code) for one in keyring.problems] == [(name, "certificate_unreadable")]
    assert "again" in keyring.problems[0].message


def test_a_damaged_key_is_told(world: World, put: Put, folder: Path) -> None:
    key = issuing.key_pem(world.key)
    put("loyalty.pem", pem(world.leaf()) + key.replace(key[200:260], b"A" * 60))
    only_problem(load(folder, world), "key_unreadable", "loyalty.pem", "export")


def test_an_elliptic_key_is_told(world: World, put: Put, folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    put(
        "loyalty.key",
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )
    only_problem(load(folder, world), "key_unsuitable", "loyalty.key", "RSA")


def test_a_missing_folder_is_told(world: World, tmp_path: Path) -> None:
    only_problem(load(tmp_path / "nowhere", world), "folder_unreadable", "nowhere", "create it")


def test_files_of_other_kinds_and_folders_inside_are_left_alone(
    world: World, put: Put, folder: Path
) -> None:
    put("README.txt", b"hello")
    put(".hidden.pem", b"hello")
    put("loyalty.pass", b"hello")
    (folder / "requests").mkdir()
    assert load(folder, world) == Keyring({}, ())


# --- asking for an identity ----------------------------------------------------------------------


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
