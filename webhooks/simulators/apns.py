"""A local APNs: real HTTP/2 over TLS with client certificates, recorded and scriptable.

    with running_apns(client_authority, ca_file) as apns:
        apns.script.add(Rule(Answer(status=429, reason="TooManyRequests"), next=3))
        …push to apns.url, trusting ca_file…
        apns.journal.pushes()

It runs on a thread of its own and listens on 127.0.0.1 alone. Not for: what is said on one
connection (apns_connection), what phones do with a push (iphone), steering it from outside
(apns_control).
"""

import asyncio
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import cast

from webhooks.simulators.apns_connection import Behaviour, Connection, Deliver, Shared
from webhooks.simulators.apns_journal import Journal
from webhooks.simulators.apns_script import Script
from webhooks.simulators.apns_tls import server_context

_START_LIMIT_S = 10


@dataclass(slots=True)
class Apns:
    """A running local APNs."""

    url: str
    ca_file: Path
    script: Script
    journal: Journal
    _behaviour: Behaviour
    _apply: Callable[[], None]

    @property
    def behaviour(self) -> Behaviour:
        """A copy; change it with `behave`."""
        kept = self._behaviour
        return Behaviour(kept.max_streams, kept.goaway_after, kept.refuse_certificates)

    def behave(self, behaviour: Behaviour) -> None:
        """Behave like this from now on."""
        self._behaviour.max_streams = behaviour.max_streams
        self._behaviour.goaway_after = behaviour.goaway_after
        self._behaviour.refuse_certificates = behaviour.refuse_certificates
        self._apply()

    def reset(self) -> None:
        """Forget pushes and rules, and behave well again."""
        self.script.clear()
        self.journal.clear()
        self.behave(Behaviour())


@contextmanager
def running_apns(
    client_authority: Path,
    ca_file: Path,
    port: int = 0,
    deliver: Deliver = lambda _token, _topic: None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Iterator[Apns]:
    """A local APNs for the length of the block; port 0 takes a free one.

    `client_authority` is the PEM file clients' certificates must be issued under; `ca_file` is
    written: the authority clients have to trust. Raises OSError when the port is taken.
    """
    context = server_context(ca_file, client_authority, now())
    shared = Shared(deliver, now)
    server = _Server(context, shared)
    with _loop_thread() as loop:
        bound = asyncio.run_coroutine_threadsafe(server.start(port), loop).result(_START_LIMIT_S)
        try:
            yield Apns(
                url=f"https://127.0.0.1:{bound}",
                ca_file=ca_file,
                script=shared.script,
                journal=shared.journal,
                _behaviour=shared.behaviour,
                _apply=lambda: cast("None", loop.call_soon_threadsafe(server.apply)),
            )
        finally:
            asyncio.run_coroutine_threadsafe(server.stop(), loop).result(_START_LIMIT_S)


@contextmanager
def _loop_thread() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, name="local-apns", daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class _Server:
    """Takes connections in, and ends all of them in the end."""

    def __init__(self, context: ssl.SSLContext, shared: Shared) -> None:
        self.shared = shared
        self._context = context
        self._listener: asyncio.Server | None = None
        context.sni_callback = self._meet

    async def start(self, port: int) -> int:
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(
            lambda: Connection(self.shared), "127.0.0.1", port, ssl=self._context, backlog=1024
        )
        return int(self._listener.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        if self._listener:
            self._listener.close()
        for connection in list(self.shared.connections):
            connection.abort()
        await asyncio.sleep(0)  # let the loop see them end

    def apply(self) -> None:
        for connection in self.shared.connections:
            connection.grant_streams()

    def _meet(self, _: ssl.SSLObject, __: str | None, ___: ssl.SSLContext) -> int | None:
        """Called early in each handshake; a number ends it."""
        if not self.shared.behaviour.refuse_certificates:
            return None
        self.shared.journal.connections.refused += 1
        return ssl.ALERT_DESCRIPTION_CERTIFICATE_REVOKED
