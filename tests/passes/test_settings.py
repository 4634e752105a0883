"""Settings: all faults at once, secrets from files, and a table in the docs that is true."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr
from pydantic_core import PydanticUndefined

from certs.development import DevelopmentFiles
from passes.settings import PREFIX, Settings, SettingsError, is_loopback
from passes.store import schema
from passes.store.database import Database

ROOT = Path(__file__).parents[2]
SECRET = "0123456789abcdef0123456789abcdef"
ENOUGH = {"PASSMINT_PUBLIC_URL": "https://cards.example", "PASSMINT_SECRET_KEY": SECRET}
START = "import wsgi; wsgi.app()"


def faults(environ: dict[str, str]) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        Settings.read(environ)
    return str(caught.value).splitlines()


def table() -> str:
    """What docs/settings.md has to say."""
    lines = ["| Variable | Default | What it is |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        match field.default:
            case default if default is PydanticUndefined:
                default = "required"
            case None:
                default = "–"
            case default:
                default = f"`{default}`"
        lines.append(f"| `{PREFIX}{name.upper()}` | {default} | {field.description} |")
    return "\n".join(lines)


def test_the_table_in_the_docs_is_true() -> None:
    told = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    assert table() in told


def test_two_settings_are_enough() -> None:
    settings = Settings.read(ENOUGH | {"HOME": "/root", "PASSMINT_METRICS_TOKEN": ""})
    assert settings.public_url == "https://cards.example"
    assert settings.database_url == "sqlite:///var/passmint.db"
    assert settings.metrics_token is None


def test_all_faults_are_told_at_once_with_the_names_of_the_variables(tmp_path: Path) -> None:
    told = faults(
        {
            "PASSMINT_PUBLIC_URL": "http://cards.example",
            "PASSMINT_SECRET_KEY": "short",
            "PASSMINT_DATABASE_URL": "mysql://root:hunter2@db/x",
            "PASSMINT_GOOGLE_ISSUER_ID": "3388000000012345678",
            "PASSMINT_PROXY_HOPS": "many",
            "PASSMINT_METRICS_TOKEN_FILE": str(tmp_path / "nothing"),
            "PASSMINT_PUBLIC_ULR": "https://typo.example",
        }
    )
    for name, words in {
        "PASSMINT_PUBLIC_URL": "https://",
        "PASSMINT_SECRET_KEY": "at least 32",
        "PASSMINT_DATABASE_URL": "postgresql://",
        "PASSMINT_GOOGLE_ISSUER_ID": "PASSMINT_GOOGLE_SERVICE_ACCOUNT",
        "PASSMINT_PROXY_HOPS": "integer",
        "PASSMINT_METRICS_TOKEN_FILE": "cannot be read",
        "PASSMINT_PUBLIC_ULR": "docs/settings.md",
    }.items():
        assert any(line.startswith(name) and words in line for line in told), (name, told)
    assert "hunter2" not in "\n".join(told)


def test_what_is_missing_is_named() -> None:
    assert faults({}) == ["PASSMINT_PUBLIC_URL is required", "PASSMINT_SECRET_KEY is required"]


def test_of_a_file_only_the_line_end_is_left_out(tmp_path: Path) -> None:
    phrase = tmp_path / "phrase"
    phrase.write_bytes(b" two words \r\n")
    settings = Settings.read(
        {
            "PASSMINT_PUBLIC_URL": "https://cards.example",
            "PASSMINT_SECRET_KEY": SECRET,
            "PASSMINT_APPLE_PASSPHRASE_FILE": str(phrase),
        }
    )
    assert settings.apple_passphrase == SecretStr(" two words ")


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(SECRET + "\n", encoding="utf-8")
    environ = {
        "PASSMINT_PUBLIC_URL": "https://cards.example",
        "PASSMINT_SECRET_KEY_FILE": str(secret),
    }
    settings = Settings.read(environ)
    assert settings.secret_key == SecretStr(SECRET)
    assert SECRET not in repr(settings)
    assert "PASSMINT_SECRET_KEY is given by value and by file: keep one" in faults(
        environ | {"PASSMINT_SECRET_KEY": SECRET}
    )


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://cards.example/", "https://cards.example"),
        ("https://cards.example/v1/", "https://cards.example"),
        ("HTTPS://cards.example:8443//", "https://cards.example:8443"),
        (" http://localhost:8080 ", "http://localhost:8080"),
        ("http://127.0.0.1:8080/v1", "http://127.0.0.1:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_a_public_url_is_put_in_one_shape(given: str, kept: str) -> None:
    assert Settings.read(ENOUGH | {"PASSMINT_PUBLIC_URL": given}).public_url == kept


@pytest.mark.parametrize(
    "given",
    [
        "cards.example",
        "ftp://cards.example",
        "https://",
        "http://192.168.1.7:8080",
        "http://localhost.example",
        "https://cards.example/shop",
        "https://cards.example?x=1",
        "https://cards.example#x",
        "https://user:password@cards.example",
        "https://cards.example:port",
    ],
)
def test_a_public_url_that_phones_cannot_use_is_refused(given: str) -> None:
    [fault] = faults(ENOUGH | {"PASSMINT_PUBLIC_URL": given})
    assert fault.startswith("PASSMINT_PUBLIC_URL: ")


def test_loopback_is_this_machine_alone() -> None:
    assert all(is_loopback(host) for host in ("localhost", "127.0.0.1", "127.9.9.9", "::1"))
    assert not any(is_loopback(host) for host in (None, "", "10.0.0.1", "localhost.example"))


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("postgres://u:p@h/n", "postgresql+psycopg://u:p@h/n"),
        ("postgresql://u:p@h:5432/n?sslmode=require", None),
        ("sqlite:////srv/passmint.db", "sqlite:////srv/passmint.db"),
    ],
)
def test_a_database_url_is_spelled_as_the_driver_wants_it(given: str, kept: str | None) -> None:
    found = Settings.read(ENOUGH | {"PASSMINT_DATABASE_URL": given}).database_url
    assert found == (kept or given.replace("postgresql://", "postgresql+psycopg://"))


def start(tmp_path: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    here = {"PYTHONPATH": str(ROOT), "PASSMINT_DATABASE_URL": f"sqlite:///{tmp_path}/passmint.db"}
    return subprocess.run(
        [sys.executable, "-c", START],
        env=clean | here | environ,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_start_without_settings_is_one_clear_text(tmp_path: Path) -> None:
    ended = start(tmp_path)
    assert ended.returncode == 4
    assert ended.stderr == (
        "Passmint cannot start.\nPASSMINT_PUBLIC_URL is required\nPASSMINT_SECRET_KEY is required\n"
    )


def test_start_on_a_stale_schema_names_the_command(tmp_path: Path) -> None:
    ended = start(tmp_path, **ENOUGH)
    assert ended.returncode == 4
    assert "`passmint migrate`" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_start_without_database_says_so_and_keeps_the_password(tmp_path: Path) -> None:
    silent = "postgresql://passmint:hunter2@127.0.0.1:1/passmint"
    ended = start(tmp_path, **ENOUGH, PASSMINT_DATABASE_URL=silent)
    assert ended.returncode == 4
    assert "the database does not answer" in ended.stderr
    assert "hunter2" not in ended.stderr
    assert "Traceback" not in ended.stderr


def test_start_shouts_about_a_development_authority(
    tmp_path: Path, identities: DevelopmentFiles
) -> None:
    database = Database(f"sqlite:///{tmp_path}/passmint.db")
    schema.migrate(database)
    database.dispose()
    ended = start(tmp_path, **ENOUGH, PASSMINT_APPLE_AUTHORITY=str(identities.authority))
    assert ended.returncode == 0, ended.stderr
    assert "DEVELOPMENT AUTHORITY" in ended.stderr
