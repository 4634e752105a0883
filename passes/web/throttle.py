"""Doors that are open to everybody let in only so many at a time, counted per address."""

from collections.abc import Sequence

from flask import Blueprint, Flask
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

_KEY = "passmint_throttle"


def install(app: Flask) -> None:
    """A counter of its own for each application, kept in the memory of the process."""
    app.extensions[_KEY] = Limiter(
        get_remote_address, app=app, storage_uri="memory://", headers_enabled=True
    )


def throttle(app: Flask, door: Blueprint, limit: str, methods: Sequence[str]) -> None:
    """At most `limit` ("30/minute") requests per address; above it 429 with Retry-After."""
    app.extensions[_KEY].limit(limit, methods=list(methods))(door)
