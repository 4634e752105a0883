"""The wire of the local Google: HTTP/1.1 with kept connections on 127.0.0.1. No rules here."""

import json
import socket
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from urllib.parse import parse_qsl, urlsplit

from webhooks.simulators.google_errors import ApiError

_MAX_BODY = 10 << 20
_IDLE_S = 300
_POLL_S = 0.05  # how soon it notices its end


class Dropped(Exception):
    """There is no answer: the connection is reset."""

    code = "dropped"


@dataclass(frozen=True, slots=True)
class Request:
    """What came in. Header names are lower case; of a repeated one the last counts."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)

    def json(self) -> dict[str, object]:
        """The body as a JSON object; raises ApiError."""
        try:
            document = json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise ApiError.invalid("Parse Error", "parseError") from error
        if not isinstance(document, dict):
            raise ApiError.invalid("Parse Error: a JSON object is needed.", "parseError")
        return document


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes out."""

    status: int
    body: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)


def json_reply(document: object, status: int = 200, **headers: str) -> Reply:
    """A JSON answer; `cache_control="…"` becomes Cache-Control."""
    named = {name.replace("_", "-").title(): value for name, value in headers.items()}
    body = json.dumps(document, ensure_ascii=False).encode()
    return Reply(status, body, {"Content-Type": "application/json; charset=UTF-8", **named})


@contextmanager
def serving(answer: Callable[[Request], Reply], port: int) -> Iterator[str]:
    """Answers requests for the length of the block; gives the URL. OSError for a taken port.

    `answer` is called on many threads at once and may raise Dropped.
    """
    server = _Server(answer, port)
    thread = Thread(target=server.serve_forever, args=(_POLL_S,), name="google", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        server.hang_up()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, answer: Callable[[Request], Reply], port: int) -> None:
        self.answer = answer
        self._open: set[socket.socket] = set()
        self._lock = Lock()
        super().__init__(("127.0.0.1", port), _Handler)

    def get_request(self) -> tuple[socket.socket, object]:
        connection, address = super().get_request()
        with self._lock:
            self._open.add(connection)
        return connection, address

    def close_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        with self._lock:
            self._open.discard(request)
        super().close_request(request)

    def hang_up(self) -> None:
        """Close the connections that clients keep open."""
        with self._lock:
            waiting = list(self._open)
        for connection in waiting:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    server_version = "ESF"
    sys_version = ""
    timeout = _IDLE_S
    disable_nagle_algorithm = True
    wbufsize = -1

    def _serve(self) -> None:
        request = self._request()
        if request is None:
            return
        try:
            self._send(self.server.answer(request))
        except Dropped:
            self.close_connection = True
            now = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, now)
        except ConnectionError:
            self.close_connection = True  # the client did not wait

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815  # the library's names

    def _request(self) -> Request | None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > _MAX_BODY:
            self.close_connection = True
            self._send(Reply(413))
            return None
        parts = urlsplit(self.path)
        return Request(
            method=self.command,
            path=parts.path,
            query=dict(parse_qsl(parts.query)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(int(length)),
        )

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing: the journal is the log."""
