"""The whole simulator in one process: a local APNs and Google, the phones and their page."""

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
from webhooks.simulators.google_server import Google, running_google
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
    google: int = 0


@dataclass(frozen=True, slots=True)
class GoogleAccount:
    """The service account that the local Google knows, by its key file, and its issuer."""

    file: Path
    issuer_id: str


@dataclass(frozen=True, slots=True)
class Simulator:
    """A running simulator; `google` is None without a service account."""

    apns: Apns
    fleet: Fleet
    control_url: str
    page_url: str
    google: Google | None


@contextmanager
def running_simulator(
    authority: Path,
    ca_file: Path,
    ports: Ports,
    till: Till | None,
    now: Callable[[], datetime],
    google_account: GoogleAccount | None = None,
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
        _google(google_account, ports.google, now) as google,
        _running_page(fleet, till, google, ports.page) as page_url,
    ):
        yield Simulator(apns, fleet, control_url, page_url, google)


@contextmanager
def _google(
    account: GoogleAccount | None, port: int, now: Callable[[], datetime]
) -> Iterator[Google | None]:
    if account is None:
        yield None
        return
    with running_google(account.file, account.issuer_id, port, now=now) as google:
        yield google


@contextmanager
def _running_page(
    fleet: Fleet, till: Till | None, google: Google | None, port: int
) -> Iterator[str]:
    ended = Event()
    app = create_page(Desk(fleet, till, ended, google))
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
