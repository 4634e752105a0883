"""What the demo stands on: its folder, its ports, its development identity, its settings."""

import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import make_url

from certs import development
from passes.demo.client import DemoFailed
from passes.settings import checked_database_url, process_environment


@dataclass(frozen=True, slots=True)
class Ground:
    """What the demo stands on: its folder, its address and the service's environment."""

    folder: Path
    port: int
    base_url: str
    database_url: str
    environment: Mapping[str, str]
    root_certificate: Path
    authority: Path

    @property
    def phones_port(self) -> int:
        return self.port + 1

    @property
    def control_port(self) -> int:
        return self.port + 2

    @property
    def apns_port(self) -> int:
        return self.port + 3

    @property
    def google_port(self) -> int:
        return self.port + 4

    @property
    def phones_url(self) -> str:
        return f"http://127.0.0.1:{self.phones_port}/"

    @property
    def facts_file(self) -> Path:
        return self.folder / "demo.json"

    @property
    def local_url(self) -> str:
        """Where this process reaches the service, whatever phones are told."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def workers(self) -> tuple[str, ...]:
        """Their names: PostgreSQL serves any number, SQLite has one writer at a time."""
        is_sqlite = make_url(self.database_url).get_backend_name() == "sqlite"
        return ("worker",) if is_sqlite else ("worker 1", "worker 2")

    @property
    def database_name(self) -> str:
        """Tells databases apart without their password."""
        return make_url(self.database_url).render_as_string(hide_password=True)


def prepare(folder: Path, port: int, public_url: str | None, database_url: str | None) -> Ground:
    """The ground, with all that was not there yet made; DemoFailed when a port is taken."""
    for number in range(port, port + 5):
        _require_free(number)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    keys = folder / "certs" / "development"  # real ones, imported, lie beside it and never mix
    files = development.mint(keys, datetime.now(UTC))
    google = f"http://127.0.0.1:{port + 4}"
    account = development.mint_google(keys, f"{google}/token")
    base_url = (public_url or f"http://127.0.0.1:{port}").rstrip("/")
    database_url = checked_database_url(
        database_url or f"sqlite:///{(folder / 'passmint.db').resolve()}"
    )
    environment = process_environment() | {
        "PASSMINT_PUBLIC_URL": base_url,
        "PASSMINT_DATABASE_URL": database_url,
        "PASSMINT_SECRET_KEY_FILE": str(_secret_key(folder).resolve()),
        "PASSMINT_APPLE_CERTIFICATES": str(files.certificates.resolve()),
        "PASSMINT_APPLE_AUTHORITY": str(files.authority.resolve()),
        "PASSMINT_GOOGLE_SERVICE_ACCOUNT": str(account.resolve()),
        "PASSMINT_GOOGLE_ISSUER_ID": development.GOOGLE_ISSUER_ID,
        "PASSMINT_GOOGLE_API_URL": google,
        "PASSMINT_GOOGLE_SAVE_URL": f"{google}/gp/v/save",
        "PASSMINT_GOOGLE_KEYS_URL": f"{google}/gp/m/issuer/keys",
    }
    return Ground(folder, port, base_url, database_url, environment, files.root, files.authority)


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise DemoFailed(
                f"Port {port} cannot be used ({error.strerror}): end what listens there, or choose "
                "others with PORT=9080 make demo."
            ) from error


def _secret_key(folder: Path) -> Path:
    path = folder / "secret_key"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(48), encoding="ascii")
    return path
