"""The control port of a local APNs: plain HTTP and JSON on 127.0.0.1.

GET  /__sim/pushes?token=ab12…   counts by answer, connections, the newest 1,000 pushes
POST /__sim/script               {"rules": [rule, …], "max_streams": 1, "goaway_after": 100,
                                  "refuse_certificates": true}; each key optional, rules are
                                 added behind those already there (see apns_script)
POST /__sim/reset                forget pushes and rules, behave well again
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from webhooks.simulators.apns import Apns
from webhooks.simulators.apns_connection import MAX_STREAMS
from webhooks.simulators.apns_script import RuleForm
from webhooks.simulators.script import ScriptError, told

_SHOWN = 1000
_MAX_BODY = 1 << 20
_POLL_S = 0.05  # how soon it notices its end


@contextmanager
def running_control(apns: Apns, port: int = 0) -> Iterator[str]:
    """The control port for the length of the block; gives its URL. OSError when it is taken."""
    server = _Control(apns, port)
    thread = Thread(target=server.serve_forever, args=(_POLL_S,), name="apns-control", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Orders(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    rules: list[RuleForm] = []
    max_streams: int = Field(default=MAX_STREAMS, ge=1, le=MAX_STREAMS)
    goaway_after: int | None = Field(default=None, ge=1)
    refuse_certificates: bool = False


def follow(apns: Apns, document: object) -> None:
    """Do what the body of a POST to /__sim/script says; ScriptError leaves all as it was."""
    if not isinstance(document, dict):
        raise ScriptError("Send a JSON object.")
    try:
        orders = _Orders.model_validate(document)
    except ValidationError as error:
        raise ScriptError(told(error)) from error
    said = orders.model_dump(include=orders.model_fields_set - {"rules"})
    apns.behave(replace(apns.behaviour, **said))
    apns.script.add(*(form.rule() for form in orders.rules))


class _Control(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, apns: Apns, port: int) -> None:
        self.apns = apns
        super().__init__(("127.0.0.1", port), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Control
    timeout = 10

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path != "/__sim/pushes":
            self._reply(404, {"error": "There is only GET /__sim/pushes."})
            return
        token = parse_qs(parts.query).get("token", [None])[0]
        journal = self.server.apns.journal
        connections = journal.connections
        counts = journal.counts()
        self._reply(
            200,
            {
                "total": sum(counts.values()),
                "counts": counts,
                "connections": {
                    "opened": connections.opened,
                    "open": connections.open,
                    "refused": connections.refused,
                },
                "pushes": [push.as_json() for push in journal.pushes(token)[-_SHOWN:]],
            },
        )

    def do_POST(self) -> None:
        apns = self.server.apns
        try:
            body = self._body()
            if self.path == "/__sim/script":
                follow(apns, json.loads(body))
            elif self.path == "/__sim/reset":
                apns.reset()
            else:
                self._reply(404, {"error": "There are POST /__sim/script and /__sim/reset."})
                return
        except (ScriptError, ValueError, RecursionError) as error:
            self._reply(400, {"error": str(error)})
            return
        self._reply(200, {"ok": True})

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing: the journal is the log."""

    def _body(self) -> bytes:
        length = int(self.headers.get("Content-Length") or 0)
        if not 0 <= length <= _MAX_BODY:
            raise ScriptError(f"The body must have at most {_MAX_BODY} bytes.")
        return self.rfile.read(length)

    def _reply(self, status: int, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
