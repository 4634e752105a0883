"""Commands for whoever runs the service."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from time import sleep
from typing import BinaryIO, get_args

import click
from sqlalchemy.exc import OperationalError

from passes.demo.run import demo
from passes.errors import FieldFault, Invalid, NotFound
from passes.services import location_files, location_plans
from passes.services.api_keys import all_keys, mint_key, revoke_key
from passes.services.drafts import Scope
from passes.services.merchants import find_merchant
from passes.services.misplaced import passes_left
from passes.services.recovery import tell_everybody_again
from passes.services.relocations import find_relocation, relocating
from passes.settings import SettingsError, load_settings
from passes.store import schema
from passes.store.database import Database

_WATCH_S = 0.5


@click.command()
def migrate() -> None:
    """Bring the database up to date. Safe to run on many hosts at once."""
    try:
        with open_database() as database:
            revision = schema.migrate(database)
    except OperationalError as error:
        raise click.ClickException(f"The database does not answer: {error.orig}") from error
    click.echo(f"The database is at revision {revision}.")


@click.command()
def restored() -> None:
    """After the database was restored from a backup: bring every phone to what it says.

    Phones were told of changes that are lost now. Run it once, before the service starts again.
    """
    with open_database() as database:
        try:
            schema.require_current(database)
        except schema.StaleSchema as error:
            raise click.ClickException(str(error)) from error
        with database.writing() as session:
            programs = tell_everybody_again(session, datetime.now(UTC))
    click.echo(f"The phones of {programs} programs are told anew as soon as a worker runs.")


@click.group()
def keys() -> None:
    """Keys for the API."""


@keys.command("create")
@click.option("--admin", is_flag=True, help="An operator's key, which may do everything.")
@click.option("--merchant", "merchant_id", help="The merchant the key belongs to: mer_…")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(get_args(Scope)),
    help="What the key may do; repeat for more.",
)
@click.option("--name", default="command line", show_default=True)
def create_key(*, admin: bool, merchant_id: str | None, scopes: tuple[str, ...], name: str) -> None:
    """Mint a key and print its secret, once."""
    if admin == bool(merchant_id):
        raise click.UsageError("Give either --admin, or --merchant mer_… with --scope.")
    if merchant_id and not scopes:
        raise click.UsageError("Name at least one --scope, for example members:write.")
    with open_database() as database, database.writing() as session:
        try:
            owner = find_merchant(session, merchant_id).id if merchant_id else None
        except NotFound as error:
            raise click.ClickException(error.detail) from error
        _, secret = mint_key(session, owner, name, scopes or ("admin",), datetime.now(UTC))
    click.echo(secret)


@keys.command("list")
def list_keys() -> None:
    """List all keys: id, owner, name, scopes. Secrets are not kept."""
    with open_database() as database, database.reading() as session:
        for key in all_keys(session):
            state = f"revoked {key.revoked_at:%Y-%m-%d}" if key.revoked_at else "in force"
            owner = key.merchant_id or "operator"
            click.echo(f"{key.id}  {owner}  {state}  {','.join(key.scopes)}  {key.name}")


@keys.command("revoke")
@click.argument("key_id")
def revoke(key_id: str) -> None:
    """Revoke a key, an operator's too: from the next request on it is refused."""
    try:
        with open_database() as database, database.writing() as session:
            revoke_key(session, None, key_id, datetime.now(UTC))
    except NotFound as error:
        raise click.ClickException(error.detail) from error
    click.echo(f"{key_id} is revoked.")


@click.group()
def locations() -> None:
    """Merchants' shops."""


@locations.command("import")
@click.argument("file", type=click.File("rb"))
@click.option("--merchant", "merchant_id", required=True, help="Whose shops they are: mer_…")
@click.option("--dry-run", is_flag=True, help="Find every fault and change nothing.")
@click.option("--watch", is_flag=True, help="Stay until a worker has changed all cards.")
def import_locations(file: BinaryIO, merchant_id: str, *, dry_run: bool, watch: bool) -> None:
    """Add and change shops from a CSV file: all its rows or none."""
    data = file.read()
    with open_database() as database:
        try:
            rows = location_files.read_rows(data)
            plan, relocation_id = _bring_in(database, merchant_id, rows, dry_run=dry_run)
        except NotFound as error:
            raise click.ClickException(error.detail) from error
        except Invalid as error:
            raise click.ClickException("\n".join(map(_sentence, error.faults))) from error
        verb = "would be" if dry_run else "are"
        click.echo(
            f"{plan.created} {verb} new, {plan.updated} {verb} changed, {plan.unchanged} stay."
        )
        if relocation_id and watch:
            _watch(database, merchant_id, relocation_id)
        elif relocation_id:
            click.echo(f"The cards follow as soon as a worker runs: {relocation_id}.")


def _bring_in(
    database: Database,
    merchant_id: str,
    rows: Sequence[location_files.Row],
    *,
    dry_run: bool,
) -> tuple[location_plans.Plan, str | None]:
    now = datetime.now(UTC)
    if dry_run:
        with database.reading() as session:
            return location_plans.plan_changes(session, merchant_id, rows), None
    with database.writing() as session, relocating(session, merchant_id, now) as begun:
        plan = location_plans.plan_changes(session, merchant_id, rows)
        location_plans.carry_out(session, merchant_id, plan, now)
    return plan, begun.relocation_id


def _sentence(fault: FieldFault) -> str:
    """`/4/latitude` is what an editor calls line 4."""
    line, _, column = fault.pointer.strip("/").partition("/")
    where = f"line {line}, {column}" if column else line
    return f"{where}: {fault.detail}"


def _watch(database: Database, merchant_id: str, relocation_id: str) -> None:
    """A bar that grows with the cards; whoever leaves it interrupts nothing."""
    with database.reading() as session:
        before = find_relocation(session, merchant_id, relocation_id).checked
        left = passes_left(session, merchant_id)
    with click.progressbar(length=left, label="Cards") as bar:
        while True:
            with database.reading() as session:
                work = find_relocation(session, merchant_id, relocation_id)
            bar.update(work.checked - before - bar.pos)
            if work.finished_at is not None:
                return
            sleep(_WATCH_S)


@contextmanager
def open_database() -> Iterator[Database]:
    """The database of this environment, for a command that needs nothing else."""
    try:
        database = Database(load_settings().database_url)
    except SettingsError as error:
        raise click.ClickException(str(error)) from error
    try:
        yield database
    finally:
        database.dispose()


COMMANDS: tuple[click.Command, ...] = (migrate, restored, keys, locations, demo)
