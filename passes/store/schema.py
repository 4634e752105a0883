"""The schema: bring it up to date, one process at a time, or refuse to run on a stale one."""

from functools import cache
from importlib.resources import as_file, files

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from passes.store.database import Database

# Any constant will do, as long as every host uses the same: "passmint" in ASCII.
_ADVISORY_LOCK = 0x706173736D696E74


class StaleSchema(Exception):
    """The database is older (or newer) than this program; the message names the command."""


def migrate(database: Database) -> str:
    """Applies what is missing and returns the schema's revision. Safe to call from many hosts.

    One transaction: it either all happens or nothing does. SQLite's write lock, or an advisory
    lock of PostgreSQL, lets the others wait.
    """
    with database.migrating() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        _upgrade(connection)
    return _newest()


def require_current(database: Database) -> None:
    """Raises StaleSchema unless the database is exactly at the newest revision."""
    with database.engine.connect() as connection:
        present = MigrationContext.configure(connection).get_current_revision()
    newest = _newest()
    if present != newest:
        raise StaleSchema(
            f"The database is at revision {present or 'none'}, this program needs {newest}: "
            "run `passmint migrate`."
        )


def _upgrade(connection: Connection) -> None:
    with as_file(files("passes.store.migrations")) as folder:
        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@cache
def _newest() -> str:
    with as_file(files("passes.store.migrations")) as folder:
        head = ScriptDirectory(str(folder)).get_current_head()
    if head is None:
        raise StaleSchema("No migrations found: the installation is incomplete.")
    return head
