from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    load_pem_private_key,
    pkcs12,
)

from certs import development, issuing
from certs.cli import certs
from tests.certs.conftest import NOW, PASS_TYPE, PASSPHRASE, TEAM, World

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, world: World) -> Run:
    """Run a command in an empty folder where the test chain is trusted."""
    monkeypatch.chdir(tmp_path)
    chain = (world.intermediate.certificate, world.root.certificate)
    Path("authority.pem").write_bytes(issuing.certificate_pem(*chain))

    def invoke(command: str, **options: object) -> Result:
        environment = {"PASSMINT_APPLE_AUTHORITY": "authority.pem"}
        environment |= {str(k): str(v) for k, v in options.items() if k.isupper()}
        keyboard = str(options.get("keyboard", ""))
        return CliRunner().invoke(certs, command.split(), env=environment, input=keyboard)

    return invoke


def failed(result: Result, *words: str) -> None:
    """One sentence on stderr, exit code 1, no traceback."""
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    for word in words:
        assert word in result.stderr


def requested_key() -> rsa.RSAPublicKey:
    upload = Path(f"var/certs/apple/requests/{PASS_TYPE}.certSigningRequest")
    request = x509.load_pem_x509_csr(upload.read_bytes())
    assert request.is_signature_valid
    key = request.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    assert key.key_size == 2048
    return key


def apple_issues(world: World, encoding: Encoding = Encoding.DER) -> None:
    """Put Apple's answer to the waiting request into the download `pass.cer`."""
    subject = issuing.pass_subject(PASS_TYPE, TEAM)
    certificate = issuing.issue_pass_certificate(
        world.intermediate, requested_key(), subject, PASS_TYPE, NOW
    )
    Path("pass.cer").write_bytes(certificate.public_bytes(encoding))


def stored() -> list[Path]:
    return sorted(Path("var/certs/apple").glob("*.*"))


@pytest.mark.parametrize("encoding", [Encoding.DER, Encoding.PEM])
def test_request_answer_import_and_check(run: Run, world: World, encoding: Encoding) -> None:
    asked = run(f"csr {PASS_TYPE}")
    assert asked.exit_code == 0
    assert f"requests/{PASS_TYPE}.certSigningRequest" in asked.output
    assert "passmint certs import" in asked.output
    key = Path(f"var/certs/apple/requests/{PASS_TYPE}.key.pem")
    assert key.stat().st_mode & 0o777 == 0o600
    apple_issues(world, encoding)
    imported = run("import pass.cer")
    assert "PASSPHRASE" not in imported.output
    assert imported.exit_code == 0, imported.output
    assert f"{PASS_TYPE} of team {TEAM}" in imported.output
    (identity,) = stored()
    assert identity.stat().st_mode & 0o777 == 0o600
    assert not key.exists()
    checked = run("check")
    assert checked.exit_code == 0
    assert f"{PASS_TYPE}  {TEAM}" in checked.output
    assert " 394 " in checked.output
    assert "phones refuse" in checked.output


def test_an_encrypted_request_stays_encrypted_and_asks_for_its_pass_phrase(
    run: Run, world: World
) -> None:
    asked = run(f"csr {PASS_TYPE} --encrypt", keyboard=f"{PASSPHRASE}\n{PASSPHRASE}\n")
    assert asked.exit_code == 0
    key = Path(f"var/certs/apple/requests/{PASS_TYPE}.key.pem").read_bytes()
    assert load_pem_private_key(key, PASSPHRASE.encode())
    apple_issues(world)
    imported = run("import pass.cer", keyboard=f"{PASSPHRASE}\n")
    assert imported.exit_code == 0, imported.output
    assert PASSPHRASE not in asked.output + imported.output
    (path,) = stored()
    assert b"ENCRYPTED PRIVATE KEY" in path.read_bytes()
    for place in (
        "PASSMINT_APPLE_PASSPHRASE",
        "PASSMINT_APPLE_PASSPHRASE_FILE",
        f"{path.stem}.pass",
    ):
        assert place in imported.output
    locked = run("check")
    assert locked.exit_code == 1
    assert "no pass phrase is known" in locked.output
    Path("secret").write_text(PASSPHRASE + "\n", encoding="utf-8")
    assert run("check --passphrase-file secret").exit_code == 0
    assert run("check", PASSMINT_APPLE_PASSPHRASE_FILE="secret").exit_code == 0
    assert run("check", PASSMINT_APPLE_PASSPHRASE=PASSPHRASE).exit_code == 0
    path.with_suffix(".pass").write_text(PASSPHRASE, encoding="utf-8")
    assert run("check").exit_code == 0


def test_a_request_key_can_be_encrypted_by_a_file(run: Run) -> None:
    Path("secret").write_text(PASSPHRASE, encoding="utf-8")
    assert run(f"csr {PASS_TYPE} --passphrase-file secret").exit_code == 0
    key = Path(f"var/certs/apple/requests/{PASS_TYPE}.key.pem").read_bytes()
    assert load_pem_private_key(key, PASSPHRASE.encode())


def test_a_pass_phrase_is_not_taken_from_the_command_line(run: Run) -> None:
    for command in ("check", "import pass.cer"):
        refused = run(f"{command} --passphrase hunter2")
        assert refused.exit_code == 2
        assert "No such option" in refused.output


def test_a_p12_is_imported_as_it_is(run: Run, world: World) -> None:
    locked = BestAvailableEncryption(PASSPHRASE.encode())
    data = pkcs12.serialize_key_and_certificates(None, world.key, world.leaf(), None, locked)
    Path("export.P12").write_bytes(data)
    failed(run("import export.P12", PASSMINT_APPLE_PASSPHRASE="wrong"), "export.P12", "pass phrase")
    assert stored() == []
    assert run("import export.P12", PASSMINT_APPLE_PASSPHRASE=PASSPHRASE).exit_code == 0
    (path,) = stored()
    assert (path.suffix, path.read_bytes()) == (".p12", data)
    assert run("check", PASSMINT_APPLE_PASSPHRASE=PASSPHRASE).exit_code == 0


def test_a_key_made_elsewhere_is_named(run: Run, world: World) -> None:
    Path("pass.cer").write_bytes(world.leaf().public_bytes(Encoding.DER))
    Path("my.key").write_bytes(issuing.key_pem(world.key))
    failed(run("import pass.cer"), "pass.cer", "--key")
    assert run("import pass.cer --key my.key").exit_code == 0
    assert run("check").exit_code == 0
    assert Path("my.key").exists()


@pytest.mark.parametrize("place", ["answer", "folder"])
def test_another_generation_may_come_with_the_answer_or_lie_in_the_folder(
    run: Run, world: World, place: str
) -> None:
    generation = issuing.new_intermediate(world.root, world.other_key, NOW)
    leaf = world.leaf(issuer=generation)
    chain = (leaf, generation.certificate)
    Path("pass.pem").write_bytes(world.pem(*chain[: 2 if place == "answer" else 1]))
    Path("var/certs/apple").mkdir(parents=True)
    if place == "folder":
        failed(run("import pass.pem"), "issued by")
        der = generation.certificate.public_bytes(Encoding.DER)
        Path("var/certs/apple/generation.cer").write_bytes(der)
    assert run("import pass.pem").exit_code == 0
    assert run("check").exit_code == 0


def test_of_several_keys_in_a_file_the_fitting_one_is_taken(run: Run, world: World) -> None:
    Path("pass.cer").write_bytes(world.leaf().public_bytes(Encoding.DER))
    keys = issuing.key_pem(world.other_key) + issuing.key_pem(world.key)
    Path("my.key").write_bytes(keys)
    assert run("import pass.cer --key my.key").exit_code == 0


def test_a_renewal_is_stored_beside_the_old_one_and_signs(run: Run, world: World) -> None:
    for _ in range(2):
        run(f"csr {PASS_TYPE}")
        apple_issues(world)
        assert run("import pass.cer").exit_code == 0
    assert len(stored()) == 2
    checked = run("check")
    assert checked.exit_code == 0
    assert checked.output.count(PASS_TYPE + "  ") == 1


def test_what_cannot_sign_is_not_stored_and_the_request_waits_on(run: Run, world: World) -> None:
    run(f"csr {PASS_TYPE}")
    apple_issues(world)
    for trust in ({"PASSMINT_APPLE_AUTHORITY": ""}, {"PASSMINT_APPLE_AUTHORITY": "nowhere.pem"}):
        failed(run("import pass.cer", **trust), ".")
    Path("wrong.key").write_bytes(issuing.key_pem(world.other_key))
    failed(run("import pass.cer --key wrong.key"), "belongs to another")
    failed(run("import authority.pem"), "authority.pem", "Pass Type ID")
    failed(run("import nowhere.cer"), "nowhere.cer cannot be read")
    assert stored() == []
    assert run("import pass.cer").exit_code == 0


def test_a_waiting_request_is_not_overwritten(run: Run) -> None:
    run(f"csr {PASS_TYPE}")
    before = requested_key()
    failed(run(f"csr {PASS_TYPE}"), "waiting already", "delete it")
    assert requested_key() == before


def test_a_pass_type_that_is_none_is_told(run: Run) -> None:
    failed(run("csr ../../etc/passwd"), "is not a pass type identifier")
    assert not Path("var").exists()


def test_a_folder_that_cannot_be_written_is_told(run: Run) -> None:
    failed(run(f"csr {PASS_TYPE} --folder authority.pem/apple"), "cannot be written")


def test_development_identities_are_made_and_shown_with_the_settings_they_need(run: Run) -> None:
    made = run("dev --pass-type pass.dev.a --pass-type pass.dev.b")
    assert made.exit_code == 0
    settings = dict(
        line.strip().split("=", 1) for line in made.output.splitlines() if "PASSMINT_" in line
    )
    assert set(settings) == {
        "PASSMINT_APPLE_CERTIFICATES",
        "PASSMINT_APPLE_AUTHORITY",
        "PASSMINT_GOOGLE_SERVICE_ACCOUNT",
        "PASSMINT_GOOGLE_ISSUER_ID",
    }
    checked = run("check", **settings)
    assert checked.exit_code == 0, checked.output
    for shown in ("pass.dev.a", "pass.dev.b", "google", "gserviceaccount", "intermediate"):
        assert shown in checked.output


def test_check_tells_how_to_begin_when_there_is_nothing(run: Run) -> None:
    missing = run("check")
    assert missing.exit_code == 1
    assert "create it" in missing.output
    Path("var/certs/apple").mkdir(parents=True)
    failed(run("check"), "certs csr", "certs dev")


def test_check_fails_when_one_of_several_is_unusable(run: Run, world: World) -> None:
    folder = Path("var/certs/apple")
    folder.mkdir(parents=True)
    (folder / "good.pem").write_bytes(world.pem(world.leaf()))
    assert run("check").exit_code == 0
    (folder / "bad.pem").write_bytes(b"")
    checked = run("check")
    assert checked.exit_code == 1
    assert "good.pem" in checked.output
    assert "bad.pem is damaged" in checked.output


def test_google_alone_can_be_checked(run: Run) -> None:
    account = development.mint_google(Path())
    assert run(f"check --google-service-account {account} --google-issuer-id 33").exit_code == 0
    checked = run(f"check --google-service-account {account} --google-issuer-id x")
    assert checked.exit_code == 1
    assert "is not a number" in checked.output
