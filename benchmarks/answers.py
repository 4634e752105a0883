"""What tills and phones ask, answered under gunicorn with its two workers.

Not for: the outbox by itself (see outbox, whose `main` runs this on the same databases).
"""

import contextlib
import http.client
import itertools
import json
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import BinaryIO

from flask import Flask
from sqlalchemy import select

from benchmarks.databases import url_of
from benchmarks.rounds import Contestant, Row, Stint, race
from benchmarks.running import Load, load
from benchmarks.scale import PASS_TYPE
from passes.services.api_keys import mint_key
from passes.settings import process_environment
from passes.store.database import Database
from passes.store.tables import Merchant, Pass
from passes.store.versions import newest_version

PORT = 18580
SECONDS, CLIENTS = 6.0, 4

Ask = Callable[[str, str, str | None, dict[str, str], int], bytes]


def asking(host: str) -> Ask:
    """Sends a request and expects a status, on a connection of its own for each thread."""
    local = threading.local()

    def ask(
        method: str, path: str, body: str | None, headers: dict[str, str], status: int
    ) -> bytes:
        if not hasattr(local, "connection"):
            local.connection = http.client.HTTPConnection(host, timeout=20)
        local.connection.request(method, path, body, headers)
        answer = local.connection.getresponse()
        content: bytes = answer.read()
        assert answer.status == status, (answer.status, content)
        return content

    return ask


def loaded(call: Callable[[], object]) -> Load:
    load(call, 1.0, CLIENTS)
    return load(call, SECONDS, CLIENTS)


@contextmanager
def serving(app: str, port: int, **environment: str) -> Iterator[Ask]:
    """An application under our gunicorn with its two workers, and a way to ask it."""
    host = f"127.0.0.1:{port}"
    options = ("--config", "python:passes.web.server", "--bind", host)
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", app, *options],
            env=process_environment() | environment,
            stdout=log,
            stderr=log,
        )
        try:
            _await_port(port, log)
            yield asking(host)
        finally:
            server.terminate()
            server.wait()


@contextmanager
def serving_us(database: Database) -> Iterator[tuple[Ask, dict[str, str]]]:
    """Us on a filled database; with the headers of a merchant's system."""
    with database.writing() as session:
        merchant_id = session.scalars(select(Merchant.id)).one()
        _, key = mint_key(session, merchant_id, "bench", ["ledger:write"], datetime.now(UTC))
    environment = {
        "PASSMINT_PUBLIC_URL": "https://cards.example",
        "PASSMINT_SECRET_KEY": "x" * 32,
        "PASSMINT_DATABASE_URL": url_of(database.engine.url),
    }
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    with serving("wsgi:app()", PORT, **environment) as ask:
        yield ask, headers


def till_rows(name: str, database: Database) -> Iterator[Row]:
    """Stamps on many cards; a phone is told of each."""
    keys = itertools.count()

    with serving_us(database) as (ask, headers):

        def stamp() -> None:
            number = next(keys)
            path = f"/v1/members/mem_{number:09d}/transactions"
            once = {"Idempotency-Key": f"bench-{number}"}
            ask("POST", path, json.dumps({"type": "earn"}), headers | once, 201)

        done = loaded(stamp)
    yield Row(f"{name}, stamps", done.count / done.wall_s, "per s")
    yield Row(f"{name}, stamp, p50", done.percentile_ms(0.5), "ms")
    yield Row(f"{name}, stamp, p99", done.percentile_ms(0.99), "ms")
    yield Row(f"{name}, stamp, CPU", _cpu_ms(done), "ms")


def phone_rows(database: Database) -> Iterator[Row]:
    """What a phone asks when nothing is new for it, beside a route that answers a word."""
    with database.reading() as session:
        newest = newest_version(session, PASS_TYPE)
        card = session.scalars(select(Pass).order_by(Pass.id).limit(1)).one()
    changed = format_datetime(datetime.fromtimestamp(card.modified_s, UTC), usegmt=True)
    mine = {"Authorization": f"ApplePass {card.authentication_token}", "If-Modified-Since": changed}
    device = f"/apple/v1/devices/lib_000000000/registrations/{PASS_TYPE}"
    news_path = f"{device}?passesUpdatedSince={newest}"
    pass_path = f"/apple/v1/passes/{PASS_TYPE}/{card.serial_number}"
    with serving("benchmarks.answers:trivial()", PORT + 1) as ask, serving_us(database) as (us, _):
        paces = race(
            {
                "trivial route": _answering(lambda: ask("GET", "/", None, {}, 200)),
                "list, nothing new": _answering(lambda: us("GET", news_path, None, {}, 204)),
                "pass, 304": _answering(lambda: us("GET", pass_path, None, mine, 304)),
            },
            rounds=7,
            seconds=0.8,
        )
    least = paces.pop("trivial route")
    yield Row("trivial route, CPU", 1000 / least.per_cpu_s, "ms")
    for what, pace in paces.items():
        cost = 1 / pace.beside(least)
        yield Row(f"{what}, CPU", 1000 / pace.per_cpu_s, "ms", "trivial route, CPU", cost)


def _answering(call: Callable[[], object]) -> Contestant:
    def work(seconds: float) -> Stint:
        done = load(call, seconds, CLIENTS)
        return Stint(done.count, done.server_cpu_s, done.wall_s)

    return work


def trivial() -> Flask:
    """The least that a web server can do."""
    app = Flask("trivial")
    app.add_url_rule("/", view_func=lambda: "word")
    return app


def _await_port(port: int, log: BinaryIO) -> None:
    for _ in range(600):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    log.seek(0)
    raise RuntimeError(f"gunicorn did not start: {log.read().decode()}")


def _cpu_ms(done: Load) -> float:
    return done.server_cpu_s / done.count * 1000
