"""Runs the demo in the foreground: prepare, serve, seed once, print the links, clean up."""

import signal
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import click
import requests

from certs.errors import CertificateError
from passes.demo.client import DemoFailed
from passes.demo.facts import gather
from passes.demo.ground import Ground, prepare
from passes.demo.processes import Processes
from passes.store import schema
from passes.store.database import Database

_START_LIMIT_S = 60
_PATIENCE_S = 30


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
        _run(prepare(folder, port, public_url, database_url))
    except (DemoFailed, CertificateError) as error:
        raise click.ClickException(str(error)) from error


def _run(ground: Ground) -> None:
    signal.signal(signal.SIGTERM, _interrupt)
    processes = Processes(ground.folder / "log", ground.environment)
    try:
        _serve(ground, processes)
        facts = gather(ground)
        _start_phones(ground, processes, facts)
        _announce(facts)
        processes.watch()
    except KeyboardInterrupt:
        click.echo("\nStopping.")
    finally:
        processes.stop()


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
