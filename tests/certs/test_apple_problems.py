"""What is wrong with a certificate or its key is told with the cure, and the rest serves."""

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from certs import issuing
from certs.apple import Keyring, load_identities
from certs.authority import apple_authority
from certs.errors import SigningUnavailable
from tests.certs.bundles import YEAR, Put, der, encrypted_key, load, p12, pem
from tests.certs.conftest import NOW, PASS_TYPE, PASSPHRASE, TEAM, World


def changed_subject(oid: x509.ObjectIdentifier, value: str | None) -> x509.Name:
    attributes = [one for one in issuing.pass_subject(PASS_TYPE, TEAM) if one.oid != oid]
    if value is not None:
        attributes.append(x509.NameAttribute(oid, value))
    return x509.Name(attributes)


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
