"""The whole simulator in one process: a local APNs, its control port, the phones and their page."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Event, Thread

from werkzeug.serving import WSGIRequestHandler, make_server

from certs.authority import load_authority
from webhooks.simulators.apns import Apns, running_apns
from webhooks.simulators.apns_control import running_control
from webhooks.simulators.fleet import Fleet
from webhooks.simulators.page import Desk, create_page
from webhooks.simulators.till import Till
from webhooks.simulators.web import HttpWeb

_HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Ports:
    """Where to listen on 127.0.0.1; 0 takes a free port."""

    apns: int = 0
    control: int = 0
    page: int = 0


@dataclass(frozen=True, slots=True)
class Simulator:
    """A running simulator."""

    apns: Apns
    fleet: Fleet
    control_url: str
    page_url: str


@contextmanager
def running_simulator(
    authority: Path,
    ca_file: Path,
    ports: Ports,
    till: Till | None,
    now: Callable[[], datetime],
) -> Iterator[Simulator]:
    """A simulator for the length of the block.

    Phones trust the root in `authority` and APNs lets in certificates issued under it; `ca_file` is
    written, the authority of the local APNs. Raises CertificateError, and OSError for a taken port.
    """
    fleet = Fleet(HttpWeb, (load_authority(authority).root,), now)
    with (
        running_apns(authority, ca_file, ports.apns, fleet.deliver, now) as apns,
        running_control(apns, ports.control) as control_url,
        fleet.living(),
        _running_page(fleet, till, ports.page) as page_url,
    ):
        yield Simulator(apns, fleet, control_url, page_url)


@contextmanager
def _running_page(fleet: Fleet, till: Till | None, port: int) -> Iterator[str]:
    ended = Event()
    app = create_page(Desk(fleet, till, ended))
    server = make_server(_HOST, port, app, threaded=True, request_handler=_Quiet)
    thread = Thread(target=server.serve_forever, args=(0.05,), name="page", daemon=True)
    thread.start()
    try:
        yield f"http://{_HOST}:{server.server_port}"
    finally:
        ended.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Quiet(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing: the page shows what happens."""
