"""Commands for what is said to the outside: the worker, what waits to be told, and the doctor."""

import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

import click
from prometheus_client import start_http_server
from sqlalchemy.exc import SQLAlchemyError

from certs.errors import CertificateError
from passes.cli import open_database
from passes.errors import NotFound
from passes.services import deliveries as outbox_lines
from passes.services.trail import trail_of
from passes.settings import SettingsError
from passes.store.database import Database
from passes.store.outbox import AT_ONCE, GAVE_UP
from passes.store.schema import StaleSchema, require_current
from passes.store.tables import Delivery
from passes.web.parts import Parts
from webhooks import google_doctor
from webhooks.doctor import describe, examine, find_subject
from webhooks.google_reach import Finding
from webhooks.google_setup import google_setup
from webhooks.worker import Worker

_SHOWN = 200
_GOOGLE = "google"
_MARKS = {"good": "ok   ", "hint": "look ", "bad": "BAD  "}


def outside_commands(
    compose_worker: Callable[[], Worker], compose_parts: Callable[[], Parts]
) -> tuple[click.Command, ...]:
    """The commands, given how a worker and the parts of the service are put together."""

    @click.command()
    @click.option(
        "--metrics-port",
        type=click.IntRange(1, 65_535),
        help="Show this worker's figures to Prometheus on this port of 127.0.0.1.",
    )
    def worker(metrics_port: int | None) -> None:
        """Tell phones what changed, until SIGTERM. Run one, or many on any hosts."""
        with _explained():
            composed = compose_worker()
        if metrics_port:
            _show_figures(metrics_port)
        run(composed)

    @click.command()
    @click.argument("subject", required=False, metavar="[PASS_ID|google]")
    def doctor(subject: str | None) -> None:
        """Tell what keeps a pass, or all of them, from being updated.

        PASS_ID is an id (pas_…) or a serial number; without one the installation is examined.
        `google` asks Google what it thinks of account, classes, save link, pictures and callback.
        """
        with _explained():
            parts = compose_parts()
            if subject is None:
                _report(examine(parts))
            elif subject == _GOOGLE:
                _report(_ask_google(parts))
            else:
                _describe(parts, subject)

    return (worker, deliveries, doctor)


@click.group()
def deliveries() -> None:
    """What waits to be told to phones, and what was given up."""


@deliveries.command("list")
@click.option("--gave-up", is_flag=True, help="Only what will not be tried again by itself.")
def list_lines(*, gave_up: bool) -> None:
    """List the outbox, oldest first."""
    with _explained(), _database() as database, database.reading() as session:
        state = GAVE_UP if gave_up else None
        rows = outbox_lines.list_deliveries(session, None, state, 0, _SHOWN + 1)
    for row in rows[:_SHOWN]:
        click.echo(_line(row))
    if len(rows) > _SHOWN:
        click.echo(f"… and more than these {_SHOWN}.")
    if not rows:
        click.echo("Nothing waits." if not gave_up else "Nothing was given up.")


@deliveries.command()
@click.argument("delivery_id", metavar="[ID]", required=False)
@click.option("--gave-up", is_flag=True, help="All that were given up.")
def retry(*, delivery_id: str | None, gave_up: bool) -> None:
    """Try a delivery again at once, or all that were given up."""
    if gave_up == bool(delivery_id):
        raise click.UsageError("Give either an ID of `passmint deliveries list`, or --gave-up.")
    with _explained(), _database() as database, database.writing() as session:
        count = 1
        if delivery_id:
            outbox_lines.retry(session, None, delivery_id)
        else:
            count = outbox_lines.retry_given_up(session)
    click.echo(f"{count} to be tried again at once.")


def run(worker: Worker) -> None:
    """Until SIGTERM or Ctrl-C; what was begun is finished first."""

    def stop(_: int, __: FrameType | None) -> None:
        worker.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    worker.run()


@contextmanager
def _explained() -> Iterator[None]:
    """What keeps a command from working, as one sentence with its cure."""
    try:
        yield
    except (SettingsError, StaleSchema, CertificateError) as error:
        raise click.ClickException(str(error)) from error
    except NotFound as error:
        raise click.ClickException(error.detail) from error
    except SQLAlchemyError as error:
        raise click.ClickException("The database does not answer: is it running?") from error


@contextmanager
def _database() -> Iterator[Database]:
    with open_database() as database:
        require_current(database)
        yield database


def _show_figures(port: int) -> None:
    try:
        start_http_server(port, addr="127.0.0.1")
    except OSError as error:
        raise click.ClickException(f"Port {port} cannot be used: {error.strerror}.") from error


def _describe(parts: Parts, subject: str) -> None:
    with parts.database.reading() as session:
        card = find_subject(session, subject)
        if card is None:
            raise click.ClickException(f"There is no pass {subject}: check the id.")
        lines: Sequence[str] = tuple(describe(card, trail_of(session, card, parts.now())))
    click.echo("\n".join(lines))


def _ask_google(parts: Parts) -> Iterable[Finding]:
    setup = google_setup(parts)
    if setup is None:
        raise click.ClickException(
            "No Google account is configured: set PASSMINT_GOOGLE_SERVICE_ACCOUNT and "
            "PASSMINT_GOOGLE_ISSUER_ID, as docs/google.md tells."
        )
    return google_doctor.examine(setup, parts.now)


def _report(findings: Iterable[Finding]) -> None:
    """Every finding on a line; the command fails when something is bad."""
    levels = set()
    for finding in findings:
        click.echo(f"{_MARKS[finding.level]} {finding.subject}: {finding.text}")
        levels.add(finding.level)
    if "bad" in levels:
        raise click.exceptions.Exit(1)


def _line(row: Delivery) -> str:
    due = "at once" if row.due_at == AT_ONCE else f"{row.due_at:%Y-%m-%d %H:%M:%S} UTC"
    when = "gave up" if row.state == GAVE_UP else f"due {due}"
    since = f"{row.waiting_since:%Y-%m-%d %H:%M:%S} UTC"
    why = f": {row.last_error}" if row.last_error else ""
    return (
        f"{row.id}  {row.courier}  {row.target}  {when}, since {since}, {row.attempts} tries{why}"
    )
