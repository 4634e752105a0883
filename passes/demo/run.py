"""Runs the demo in the foreground: prepare, serve, seed once, print the links, clean up."""

import json
import secrets
import signal
import socket
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

import click
import requests
from sqlalchemy import make_url

from certs import development
from certs.errors import CertificateError
from passes.demo.chain import PHONE, seed_chain
from passes.demo.client import Api, DemoFailed
from passes.demo.processes import Processes
from passes.demo.seed import Seeded, seed
from passes.services.api_keys import mint_key
from passes.settings import checked_database_url, process_environment
from passes.store import schema
from passes.store.database import Database

_START_LIMIT_S = 60
_PATIENCE_S = 30


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


@click.command()
@click.option(
    "--port",
    type=click.IntRange(1024, 65_531),
    envvar="PORT",
    default=8080,
    show_default=True,
    show_envvar=True,
    help="The service's; the four ports after it are taken for the wallet in the box.",
)
@click.option(
    "--public-url",
    envvar=["PUBLIC_URL", "PASSMINT_PUBLIC_URL"],
    help="The address inside the passes, when another one than this port leads here.",
)
@click.option(
    "--database-url",
    envvar="PASSMINT_DATABASE_URL",
    show_envvar=True,
    help="PostgreSQL instead of the SQLite file in the folder.",
)
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("var"),
    show_default=True,
    help="Where everything the demo makes is kept.",
)
def demo(port: int, public_url: str | None, database_url: str | None, folder: Path) -> None:
    """Run the whole service here with a demo merchant, until Ctrl-C."""
    try:
        _run(_prepare(folder, port, public_url, database_url))
    except (DemoFailed, CertificateError) as error:
        raise click.ClickException(str(error)) from error


def _run(ground: Ground) -> None:
    signal.signal(signal.SIGTERM, _interrupt)
    processes = Processes(ground.folder / "log", ground.environment)
    try:
        _serve(ground, processes)
        facts = _facts(ground)
        _start_phones(ground, processes, facts)
        _announce(facts)
        processes.watch()
    except KeyboardInterrupt:
        click.echo("\nStopping.")
    finally:
        processes.stop()


def _prepare(folder: Path, port: int, public_url: str | None, database_url: str | None) -> Ground:
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


def _serve(ground: Ground, processes: Processes) -> None:
    """The web server, until it answers."""
    schema.migrate(Database(ground.database_url))
    options = ("--config", "python:passes.web.server", "--bind", f"127.0.0.1:{ground.port}")
    processes.start("web server", "gunicorn", "wsgi:app()", *options)
    _await(processes, f"{ground.local_url}/readyz", "The web server")


def _start_phones(ground: Ground, processes: Processes, facts: Mapping[str, Any]) -> None:
    """A local APNs with virtual iPhones that have the cards, and the worker that pushes to them."""
    ca_file = ground.folder / "certs" / "development" / "apns.pem"
    key_file = _key_file(ground.folder / "api_key", facts["api_key"])
    chain_key_file = _key_file(ground.folder / "chain_api_key", facts["chain"]["api_key"])
    processes.start(
        "wallet in the box",
        *("wsgi", "simulate", "--service-url", ground.local_url),
        *("--page-port", str(ground.phones_port), "--control-port", str(ground.control_port)),
        *("--apns-port", str(ground.apns_port), "--apns-ca-file", str(ca_file)),
        *("--authority", str(ground.authority)),
        *("--api-key-file", str(key_file), "--api-key-file", str(chain_key_file)),
        *("--google-port", str(ground.google_port)),
        *("--google-service-account", ground.environment["PASSMINT_GOOGLE_SERVICE_ACCOUNT"]),
    )
    phones = f"{ground.phones_url}phones"
    _await(processes, phones, "The wallet in the box")
    worker_needs = {
        "PASSMINT_APNS_URL": f"https://127.0.0.1:{ground.apns_port}",
        "PASSMINT_APNS_CA": str(ca_file.resolve()),
    }
    for name in ground.workers:
        processes.start(name, "wsgi", "worker", **worker_needs)
    first = requests.get(phones, timeout=_PATIENCE_S).json()["phones"][0]
    owner = {"name": facts["chain"]["phone"]}
    second = requests.post(phones, json=owner, timeout=_PATIENCE_S).json()
    for phone, url in ((first, facts["pkpass_url"]), (second, facts["chain"]["pkpass_url"])):
        requests.post(f"{phones}/{phone['id']}/add", json={"url": url}, timeout=_PATIENCE_S)


def _key_file(path: Path, key: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(key, encoding="ascii")
    return path


def _await(processes: Processes, url: str, what: str) -> None:
    """Until the address answers."""
    give_up = time.monotonic() + _START_LIMIT_S
    while time.monotonic() < give_up:
        processes.check()
        try:
            if requests.get(url, timeout=2).ok:
                return
        except requests.RequestException:
            pass
        time.sleep(0.1)
    raise DemoFailed(f"{what} is not ready after {_START_LIMIT_S} s.")


def _interrupt(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt


def _facts(ground: Ground) -> dict[str, Any]:
    """The facts of var/demo.json: of an earlier run as far as its merchants are still there."""
    known = _known_facts(ground)
    operator = Api(ground.local_url, known.get("admin_key", ""))
    if not operator.exists("/merchants"):
        operator = Api(ground.local_url, _admin_key(ground))
    chain = known.get("chain", {})
    if not _is_there(operator, known):
        known = _made(seed(operator))
    if not _is_there(operator, chain):
        chain = _made(seed_chain(operator)) | {"phone": PHONE}
    facts = known | _card_links(ground, known) | _house_links(ground)
    facts |= {"admin_key": operator.key, "chain": chain | _card_links(ground, chain)}
    text = json.dumps(facts, indent=2, ensure_ascii=False) + "\n"
    ground.facts_file.touch(mode=0o600)
    ground.facts_file.write_text(text, encoding="utf-8")
    return facts


def _known_facts(ground: Ground) -> dict[str, Any]:
    try:
        facts = json.loads(ground.facts_file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    same_database = isinstance(facts, dict) and facts.get("database") == ground.database_name
    return facts if same_database else {}


def _is_there(operator: Api, facts: Mapping[str, Any]) -> bool:
    merchant_id = facts.get("merchant_id")
    return bool(merchant_id) and operator.exists(f"/merchants/{merchant_id}")


def _made(seeded: Seeded) -> dict[str, Any]:
    """A merchant's facts; its first member's card is on a virtual phone."""
    return asdict(seeded) | {"member_id": seeded.member_ids[0]}


def _admin_key(ground: Ground) -> str:
    with Database(ground.database_url).writing() as session:
        return mint_key(session, None, "demo", ["admin"], datetime.now(UTC))[1]


def _card_links(ground: Ground, merchant: Mapping[str, Any]) -> dict[str, Any]:
    """Where the merchant's program is joined, and its first member's card."""
    member = Api(ground.local_url, merchant["api_key"]).get(f"/members/{merchant['member_id']}")
    card = member["pass"]
    return {
        "pass_id": card["id"],
        "serial_number": card["serial_number"],
        "join_url": f"{ground.base_url}/j/{merchant['slug']}",
        "card_url": card["urls"]["landing"],
        "pkpass_url": card["urls"]["apple"],
        "google_url": card["urls"]["google"],
    }


def _house_links(ground: Ground) -> dict[str, str]:
    return {
        "database": ground.database_name,
        "apple_root_certificate": str(ground.root_certificate.resolve()),
        "base_url": ground.base_url,
        "docs_url": f"{ground.base_url}/docs",
        "phones_url": ground.phones_url,
        "apns_control_url": f"http://127.0.0.1:{ground.control_port}",
        "google_control_url": f"http://127.0.0.1:{ground.google_port}/__sim",
    }


def _announce(facts: Mapping[str, Any]) -> None:
    rows = (
        ("Join", facts["join_url"]),
        ("Card", facts["card_url"]),
        ("Apple Wallet file", facts["pkpass_url"]),
        ("Card of the chain", facts["chain"]["card_url"]),
        ("Virtual phones", facts["phones_url"]),
        ("API key", facts["api_key"]),
        ("API documentation", facts["docs_url"]),
    )
    click.echo("\nPassmint runs. Everything below is also in demo.json.\n")
    for name, value in rows:
        click.echo(f"  {name:<19}{value}")
    click.echo(
        "\n  Press Stamp on the phones' page and watch the card change. "
        f"{facts['chain']['phone']}\n  has the card of a chain with 200 shops: "
        "walk it to one and watch its lock screen."
    )
    click.echo(
        "\n  These passes are signed by a development identity: real phones refuse them.\n"
        "  A certificate from Apple is imported with: "
        ".venv/bin/passmint certs import YOUR_CERTIFICATE.cer\n"
        "  docs/certificates.md tells how to order it, the README how to run the service with it.\n"
        "\n  Ctrl-C ends it.\n"
    )


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
