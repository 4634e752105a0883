"""Migrations: exactly the tables the code knows, on both databases, by one process at a time."""

import subprocess
import sys
from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, func, inspect, make_url, select, text

from passes.store import schema
from passes.store.database import Database
from passes.store.tables import Base, Image, Member, Merchant, Template

ROOT = Path(__file__).parents[3]
MIGRATE = (
    "import sys; from passes.store import database, schema; "
    "print(schema.migrate(database.Database(sys.argv[1])))"
)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without any table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    server: str = request.getfixturevalue("postgres_server")
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text("CREATE DATABASE empty"))
    yield make_url(server).set(database="empty").render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(text("DROP DATABASE empty WITH (FORCE)"))
    admin.dispose()


def differences(database: Database) -> list[object]:
    """What the migrations made other than the code's tables."""
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, Base.metadata))


def test_the_migrations_make_exactly_the_tables_of_the_code(database: Database) -> None:
    assert differences(database) == []


def downgrade(database: Database, revision: str) -> None:
    with as_file(files("passes.store.migrations")) as folder, database.migrating() as connection:
        config = Config()
        config.set_main_option("script_location", str(folder))
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


def rows(database: Database) -> dict[str, int]:
    """How many rows each table of the first release has."""
    with database.reading() as session:
        return {
            table.__name__: session.scalar(select(func.count()).select_from(table)) or 0
            for table in (Merchant, Image, Template, Member)
        }


def test_all_the_way_down_and_up_again(database: Database) -> None:
    downgrade(database, "base")
    assert inspect(database.engine).get_table_names() == ["alembic_version"]
    schema.migrate(database)
    assert differences(database) == []


def test_what_customers_have_survives_every_step(database: Database) -> None:
    before = rows(database)
    assert all(before.values())
    downgrade(database, "0001")
    assert rows(database) == before
    schema.migrate(database)
    assert rows(database) == before
    assert differences(database) == []


def test_a_database_without_tables_is_refused_with_the_command(empty_url: str) -> None:
    database = Database(empty_url)
    with pytest.raises(schema.StaleSchema, match=r"revision none.*`passmint migrate`"):
        schema.require_current(database)
    newest = schema.migrate(database)
    schema.require_current(database)
    assert schema.migrate(database) == newest
    database.dispose()


def test_a_database_of_another_version_is_refused(database: Database) -> None:
    with database.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(schema.StaleSchema, match=r"revision 9999.*`passmint migrate`"):
        schema.require_current(database)


def test_many_hosts_may_migrate_at_once(empty_url: str) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", MIGRATE, empty_url],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    outcomes = [(*process.communicate(timeout=60), process.returncode) for process in processes]
    assert {code for _, _, code in outcomes} == {0}, outcomes
    assert len({revision for revision, _, _ in outcomes}) == 1
    database = Database(empty_url)
    assert differences(database) == []
    database.dispose()
