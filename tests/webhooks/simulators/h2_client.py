"""A small HTTP/2 client that shows what happens on the wire."""

import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self, cast

from h2.connection import ConnectionState, H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes

TOKEN = "ab" * 32


@dataclass
class Reply:
    """What came back for one stream."""

    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    ended: bool = False
    reset: int | None = None

    @property
    def status(self) -> int:
        return int(self.headers[":status"])


class H2Client:
    """One connection to a local APNs, with a client certificate."""

    def __init__(self, url: str, ca_file: Path, identity: Path, timeout_s: float = 3) -> None:
        context = ssl.create_default_context(cafile=ca_file)
        context.set_alpn_protocols(["h2"])
        context.load_cert_chain(identity)
        port = int(url.rpartition(":")[2])
        plain = socket.create_connection(("127.0.0.1", port), timeout_s)
        self.socket = context.wrap_socket(plain, server_hostname="127.0.0.1")
        self.h2 = H2Connection()
        self.h2.config.header_encoding = "utf-8"
        self.h2.initiate_connection()
        self.replies: dict[int, Reply] = {}
        self.goodbye: ConnectionTerminated | None = None
        self.max_streams: int | None = None
        self.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.socket.close()

    def send(
        self,
        topic: str | None = None,
        path: str = f"/3/device/{TOKEN}",
        body: bytes = b"{}",
        method: str = "POST",
        **headers: str,
    ) -> int:
        """Send one push, `apns_id` meaning apns-id; gives its stream."""
        stream = self.h2.get_next_available_stream_id()
        given = {"apns-topic": topic} if topic else {}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        pseudo = {":method": method, ":scheme": "https", ":authority": "x", ":path": path}
        self.h2.send_headers(stream, [*pseudo.items(), *given.items()], end_stream=not body)
        if body:
            self.h2.send_data(stream, body, end_stream=True)
        self.replies[stream] = Reply()
        self.flush()
        return stream

    def push(self, topic: str | None = None, body: bytes = b"{}", **more: str) -> Reply:
        """Send one push and wait for its end."""
        stream = self.send(topic, body=body, **more)
        while not self.replies[stream].ended and self.replies[stream].reset is None:
            self.receive()
        return self.replies[stream]

    def flush(self) -> None:
        self.socket.sendall(self.h2.data_to_send())

    def receive_to_the_end(self) -> None:
        """Take in all until the server has closed."""
        with suppress(ConnectionError, ssl.SSLError):
            while True:
                self.receive()

    def receive(self) -> None:
        """Take in what the server says next; ConnectionError when it has closed."""
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError
        try:
            events = self.h2.receive_data(data)
        except ProtocolError as error:
            raise ConnectionError from error
        for event in events:
            self._note(event)
        self.flush()

    def _note(self, event: Event) -> None:
        match event:
            case ResponseReceived(stream_id=int(stream), headers=headers):
                self.replies[stream].headers = dict(cast("list[tuple[str, str]]", headers))
            case DataReceived(stream_id=int(stream), data=bytes(body)):
                self.replies[stream].body += body
            case StreamEnded(stream_id=int(stream)):
                self.replies[stream].ended = True
            case StreamReset(stream_id=int(stream), error_code=code):
                self.replies[stream].reset = code
            case ConnectionTerminated():
                self.goodbye = event
                # h2 hears no more after a goodbye; proper clients wait for what was accepted.
                self.h2.state_machine.state = ConnectionState.CLIENT_OPEN
            case RemoteSettingsChanged(changed_settings=settings):
                if SettingCodes.MAX_CONCURRENT_STREAMS in settings:
                    self.max_streams = settings[SettingCodes.MAX_CONCURRENT_STREAMS].new_value
