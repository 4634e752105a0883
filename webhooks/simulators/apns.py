"""A local APNs: real HTTP/2 over TLS with client certificates, recorded and scriptable.

    with running_apns(client_authority, ca_file) as apns:
        apns.script.add(Rule(Answer(status=429, reason="TooManyRequests"), next=3))
        …push to apns.url, trusting ca_file…
        apns.journal.pushes()

It runs on a thread of its own and listens on 127.0.0.1 alone. Not for: what phones do with a push
(see iphone), steering it from outside (see apns_control).
"""

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from threading import Thread
from typing import cast

from cryptography import x509
from cryptography.x509.oid import NameOID
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RequestReceived,
    StreamEnded,
    StreamReset,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes
from hyperframe.frame import GoAwayFrame

from certs.checks import subject_value
from webhooks.simulators.apns_journal import Journal, Push
from webhooks.simulators.apns_request import MAX_PAYLOAD, PushRequest, refusal
from webhooks.simulators.apns_script import TAKEN, Answer, Script
from webhooks.simulators.apns_tls import server_context

MAX_STREAMS = 1000  # what APNs grants
_START_LIMIT_S = 10
_RESET_AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: a reset instead of an orderly end

Deliver = Callable[[str, str], Answer | None]
"""Hands token and topic to the phone; an answer of its own when no such phone is there."""


@dataclass(slots=True)
class Behaviour:
    """How connections behave, beside the answers to single pushes; may change at any time.

    `max_streams` reaches open connections too. With `goaway_after` n, a connection says goodbye
    after n answers. With `refuse_certificates`, no handshake succeeds.
    """

    max_streams: int = MAX_STREAMS
    goaway_after: int | None = None
    refuse_certificates: bool = False


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
    server = _Server(context, deliver, now)
    with _loop_thread() as loop:
        bound = asyncio.run_coroutine_threadsafe(server.start(port), loop).result(_START_LIMIT_S)
        try:
            yield Apns(
                url=f"https://127.0.0.1:{bound}",
                ca_file=ca_file,
                script=server.script,
                journal=server.journal,
                _behaviour=server.behaviour,
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
    """What all connections share."""

    def __init__(
        self, context: ssl.SSLContext, deliver: Deliver, now: Callable[[], datetime]
    ) -> None:
        self.deliver = deliver
        self.now = now
        self.script = Script()
        self.journal = Journal()
        self.behaviour = Behaviour()
        self.connections: set[_Connection] = set()
        self.numbers = count(1)
        self._context = context
        self._listener: asyncio.Server | None = None
        context.sni_callback = self._meet

    async def start(self, port: int) -> int:
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(
            lambda: _Connection(self), "127.0.0.1", port, ssl=self._context, backlog=1024
        )
        return int(self._listener.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        if self._listener:
            self._listener.close()
        for connection in list(self.connections):
            connection.abort()
        await asyncio.sleep(0)  # let the loop see them end

    def apply(self) -> None:
        for connection in self.connections:
            connection.grant_streams()

    def _meet(self, _: ssl.SSLObject, __: str | None, ___: ssl.SSLContext) -> int | None:
        """Called early in each handshake; a number ends it."""
        if not self.behaviour.refuse_certificates:
            return None
        self.journal.connections.refused += 1
        return ssl.ALERT_DESCRIPTION_CERTIFICATE_REVOKED


@dataclass(slots=True)
class _Stream:
    headers: list[tuple[str, str]]
    body: bytearray = field(default_factory=bytearray)


class _Connection(asyncio.Protocol):
    """One client: frames in, answers out."""

    def __init__(self, server: _Server) -> None:
        self._server = server
        self._number = next(server.numbers)
        self._topic: str | None = None
        self._streams: dict[int, _Stream] = {}
        self._unanswered: set[int] = set()
        self._answered = 0
        self._newest = 0
        self._leaving = False
        config = H2Configuration(client_side=False, header_encoding="utf-8")
        self._h2 = H2Connection(config)

    # asyncio calls these -------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._server.connections.add(self)
        self._server.journal.connections.opened += 1
        self._server.journal.connections.open += 1
        self._topic = _topic_of(self._transport)
        self._h2.initiate_connection()
        self._h2.update_settings(
            {SettingCodes.MAX_CONCURRENT_STREAMS: self._server.behaviour.max_streams}
        )
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        self._server.connections.discard(self)
        self._server.journal.connections.open -= 1
        self._unanswered.clear()

    def data_received(self, data: bytes) -> None:
        try:
            for event in self._h2.receive_data(data):
                self._on(event)
        except ProtocolError:  # too many streams, say: h2 has put its GOAWAY on the way
            self._flush()
            self._transport.close()
            return
        self._flush()

    # the server calls these ----------------------------------------------------------------------

    def grant_streams(self) -> None:
        streams = self._server.behaviour.max_streams
        self._h2.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: streams})
        self._flush()

    def abort(self) -> None:
        """Tear the connection down, as a broken network does."""
        plug: socket.socket | None = self._transport.get_extra_info("socket")
        if plug:  # it has not ended by itself meanwhile
            plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_ONCE)
        self._transport.abort()

    # frames --------------------------------------------------------------------------------------

    def _on(self, event: Event) -> None:
        match event:
            case RequestReceived(stream_id=int(stream), headers=headers) if not self._leaving:
                self._newest = stream
                self._streams[stream] = _Stream(cast("list[tuple[str, str]]", headers))
            case DataReceived(stream_id=int(stream), data=bytes(data)):
                self._h2.acknowledge_received_data(event.flow_controlled_length or 0, stream)
                if stream in self._streams and len(self._streams[stream].body) <= MAX_PAYLOAD:
                    self._streams[stream].body += data
            case StreamEnded(stream_id=int(stream)) if stream in self._streams:
                self._answer(stream, self._streams.pop(stream))
            case StreamReset(stream_id=int(stream)):
                self._streams.pop(stream, None)
                self._unanswered.discard(stream)
            case ConnectionTerminated():
                self._transport.close()
            case _:
                pass

    def _answer(self, stream: int, request_parts: _Stream) -> None:
        request = PushRequest.of(request_parts.headers, bytes(request_parts.body))
        answer = self._decide(request)
        apns_id = request.apns_id()
        self._server.journal.add(
            Push(
                at=self._server.now(),
                connection=self._number,
                stream=stream,
                apns_id=apns_id,
                token=request.token,
                topic=request.topic,
                headers={k: v for k, v in request.headers.items() if k.startswith("apns-")},
                payload=request.body.decode("utf-8", "replace"),
                answer=str(answer.status) if answer.how == "status" else answer.how,
                reason=answer.reason,
            )
        )
        self._unanswered.add(stream)
        if answer.delay_s:
            loop = asyncio.get_running_loop()
            loop.call_later(answer.delay_s, self._perform_late, stream, apns_id, answer)
        else:
            self._perform(stream, apns_id, answer)

    def _decide(self, request: PushRequest) -> Answer:
        """The rules of APNs first, then the script, then the phone."""
        refused = refusal(request, self._topic)
        if refused:
            return refused
        scripted = self._server.script.answer(request.token, request.topic)
        if scripted.how == "status" and scripted.status == TAKEN.status:
            return self._server.deliver(request.token, request.topic) or scripted
        return scripted

    def _perform_late(self, stream: int, apns_id: str, answer: Answer) -> None:
        if stream in self._unanswered:
            self._perform(stream, apns_id, answer)
            self._flush()

    def _perform(self, stream: int, apns_id: str, answer: Answer) -> None:
        if answer.how == "stall":
            return
        self._unanswered.discard(stream)
        match answer.how:
            case "reset":
                self.abort()
            case "refused":
                self._h2.reset_stream(stream, ErrorCodes.REFUSED_STREAM)
            case "goaway":
                self._leave(last_stream=stream - 2)
            case _:
                self._respond(stream, apns_id, answer)

    def _respond(self, stream: int, apns_id: str, answer: Answer) -> None:
        body = _body(answer)
        headers = [(":status", str(answer.status)), ("apns-id", apns_id)]
        if answer.retry_after is not None:
            headers.append(("retry-after", str(answer.retry_after)))
        self._h2.send_headers(stream, headers, end_stream=not body)
        if body:
            self._h2.send_data(stream, body, end_stream=True)
        self._answered += 1
        if self._answered == self._server.behaviour.goaway_after:
            self._leave(last_stream=self._newest)

    def _leave(self, last_stream: int) -> None:
        """Say goodbye; what came later is to be sent again, what came before is still answered."""
        if self._leaving:
            return
        self._flush()
        self._leaving = True
        for stream in [one for one in self._streams if one > last_stream]:
            del self._streams[stream]
        self._unanswered = {one for one in self._unanswered if one <= last_stream}
        # By hand, because h2 answers nothing more once it has said goodbye itself.
        farewell = GoAwayFrame(0, last_stream, additional_data=b'{"reason":"Shutdown"}')
        self._transport.write(farewell.serialize())

    def _flush(self) -> None:
        data = self._h2.data_to_send()
        if data and not self._transport.is_closing():
            self._transport.write(data)
        if self._leaving and not self._unanswered and not self._streams:
            self._transport.close()


def _topic_of(transport: asyncio.Transport) -> str | None:
    """The pass type of the client's certificate; None when it is no Pass Type ID certificate."""
    der = transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
    return subject_value(x509.load_der_x509_certificate(der), NameOID.USER_ID)


def _body(answer: Answer) -> bytes:
    if answer.status == TAKEN.status:
        return b""
    document: Mapping[str, object] = {"reason": answer.reason}
    if answer.timestamp is not None:
        document = {**document, "timestamp": answer.timestamp}
    return json.dumps(document, separators=(",", ":")).encode()
