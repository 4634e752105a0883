"""A web application whose stamps take their time: no mutant, but what a mutant is compared with."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count

from flask import Flask, request
from sqlalchemy.orm import Session

import wsgi
from passes.store.database import Database
from passes.web.application import create_app
from webhooks import apple_devices

_DAWDLE_S = 1.5  # long enough for a phone to be pushed and to ask, on a busy machine too
_turns = count()


class DawdlingDatabase(Database):
    """Waits before every second stamp, inside of its transaction."""

    @contextmanager
    def writing(self) -> Iterator[Session]:
        with super().writing() as session:
            dawdle()
            yield session


def app() -> Flask:
    return served_from(DawdlingDatabase)


def dawdle() -> None:
    """In a till's request, every second time."""
    if request and request.path.endswith("/transactions") and next(_turns) % 2:
        time.sleep(_DAWDLE_S)


def served_from(kind: type[Database]) -> Flask:
    """The real web application on another kind of database."""
    parts = wsgi.compose_parts()
    app = create_app(replace(parts, database=kind(parts.settings.database_url)))
    apple_devices.install(app)
    return app
