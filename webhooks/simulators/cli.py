"""`passmint simulate`: a wallet in the box, for all without an account at Apple or Google."""

import signal
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

import click

from certs.development import GOOGLE_ISSUER_ID
from certs.errors import CertificateError
from webhooks.simulators.google_server import USER, Google
from webhooks.simulators.server import GoogleAccount, Ports, Simulator, running_simulator
from webhooks.simulators.till import Till
from webhooks.simulators.web import HttpWeb

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.option("--page-port", default=8090, show_default=True, help="The page with the phones.")
@click.option("--apns-port", default=8092, show_default=True, help="The local APNs (HTTPS).")
@click.option("--control-port", default=8091, show_default=True, help="What APNs is to answer.")
@click.option(
    "--authority",
    type=_FILE,
    default=Path("var/certs/authority.pem"),
    show_default=True,
    help="The root and intermediate that the phones trust.",
)
@click.option(
    "--apns-ca-file",
    type=_FILE,
    default=Path("var/apns/ca.pem"),
    show_default=True,
    help="Written: the authority of the local APNs, for PASSMINT_APNS_CA.",
)
@click.option("--google-port", default=8093, show_default=True, help="The local Google.")
@click.option(
    "--google-service-account",
    type=_FILE,
    help="The key file that the service uses; without it there are no Google and no Androids.",
)
@click.option(
    "--google-issuer-id",
    default=GOOGLE_ISSUER_ID,
    show_default=True,
    help="The issuer for whom that account may speak.",
)
@click.option(
    "--service-url",
    default="http://127.0.0.1:8080",
    show_default=True,
    help="Where the till finds the service's API.",
)
@click.option(
    "--api-key-file",
    "api_key_files",
    type=_FILE,
    multiple=True,
    help="A file with an API key (scope ledger:write), one for each merchant; without it nothing "
    "can be stamped.",
)
def simulate(
    *,
    page_port: int,
    apns_port: int,
    control_port: int,
    authority: Path,
    apns_ca_file: Path,
    google_port: int,
    google_service_account: Path | None,
    google_issuer_id: str,
    service_url: str,
    api_key_files: tuple[Path, ...],
) -> None:
    """Run a local APNs and Google with virtual phones on this machine, until Ctrl-C."""
    ended = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    till = Till(service_url.rstrip("/"), api_key_files, HttpWeb, _now) if api_key_files else None
    ports = Ports(apns_port, control_port, page_port, google_port)
    account = (
        GoogleAccount(google_service_account, google_issuer_id) if google_service_account else None
    )
    try:
        with running_simulator(authority, apns_ca_file, ports, till, _now, account) as simulator:
            simulator.fleet.buy("Your iPhone")
            if simulator.google:
                simulator.google.androids.buy("Your Android", USER)
            _announce(simulator)
            ended.wait()
    except CertificateError as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(
            f"Cannot listen on 127.0.0.1 ({error.strerror}); choose other ports."
        ) from error


def _now() -> datetime:
    return datetime.now(UTC)


def _announce(simulator: Simulator) -> None:
    click.echo(f"Phones        {simulator.page_url}")
    click.echo(f"APNs control  {simulator.control_url}/__sim/pushes")
    if simulator.google:
        click.echo(f"Google control {simulator.google.control}/state")
    click.echo("\nFor the service:\n")
    click.echo(f"  PASSMINT_APNS_URL={simulator.apns.url}")
    click.echo(f"  PASSMINT_APNS_CA={simulator.apns.ca_file}")
    if simulator.google:
        _announce_google(simulator.google)
    click.echo("\nCtrl-C ends it.")


def _announce_google(google: Google) -> None:
    click.echo(f"  PASSMINT_GOOGLE_API_URL={google.url}")
    click.echo(f"  PASSMINT_GOOGLE_SAVE_URL={google.save_url}")
    click.echo(f"  PASSMINT_GOOGLE_KEYS_URL={google.keys_url}")
    click.echo(f'\n  and in the key file of the service account: "token_uri": "{google.url}/token"')
