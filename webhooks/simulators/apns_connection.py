"""One client's connection to the local APNs: frames in, pushes judged and recorded, answers out.

Not for: listening and TLS (apns), the rules of a request (apns_request).
"""

import asyncio
import json
import socket
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
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

MAX_STREAMS = 1000  # what APNs grants
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
class Shared:
    """What all connections of a local APNs have in common."""

    deliver: Deliver
    now: Callable[[], datetime]
    script: Script = field(default_factory=Script)
    journal: Journal = field(default_factory=Journal)
    behaviour: Behaviour = field(default_factory=Behaviour)
    connections: "set[Connection]" = field(default_factory=set)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))


@dataclass(slots=True)
class _Stream:
    headers: list[tuple[str, str]]
    body: bytearray = field(default_factory=bytearray)


class Connection(asyncio.Protocol):
    """One client: frames in, answers out."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._number = next(shared.numbers)
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
        self._shared.connections.add(self)
        self._shared.journal.connections.opened += 1
        self._shared.journal.connections.open += 1
        self._topic = _topic_of(self._transport)
        self._h2.initiate_connection()
        self._h2.update_settings(
            {SettingCodes.MAX_CONCURRENT_STREAMS: self._shared.behaviour.max_streams}
        )
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        self._shared.connections.discard(self)
        self._shared.journal.connections.open -= 1
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
        streams = self._shared.behaviour.max_streams
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
        self._shared.journal.add(
            Push(
                at=self._shared.now(),
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
        scripted = self._shared.script.answer(request.token, request.topic)
        if scripted.how == "status" and scripted.status == TAKEN.status:
            return self._shared.deliver(request.token, request.topic) or scripted
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
        if self._answered == self._shared.behaviour.goaway_after:
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
