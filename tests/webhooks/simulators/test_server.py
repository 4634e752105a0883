"""The whole simulator over real sockets: a push from the wire to the page."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
import requests
from flask import Flask, request
from flask.typing import ResponseReturnValue
from werkzeug.serving import make_server

from certs.apple import AppleIdentity
from certs.development import DevelopmentFiles
from tests.webhooks.simulators.cards import card, now
from tests.webhooks.simulators.h2_client import H2Client
from tests.webhooks.simulators.web_service import WebService
from webhooks.simulators.server import Ports, Simulator, running_simulator


@pytest.fixture
def simulator(identities: DevelopmentFiles, tmp_path: Path) -> Iterator[Simulator]:
    authority, ca_file = identities.authority, tmp_path / "apns" / "ca.pem"
    with running_simulator(authority, ca_file, Ports(), None, now) as simulator:
        yield simulator


@pytest.fixture
def service(identity: AppleIdentity) -> Iterator[tuple[str, WebService]]:
    """The small web service on a port of its own."""
    app = Flask(__name__)
    double = WebService(b"")

    @app.route("/<path:_>", methods=["GET", "POST", "DELETE"])
    def every(_: str) -> ResponseReturnValue:
        answer = double.send(request.method, request.url, dict(request.headers), request.get_data())
        return answer.body, answer.status, dict(answer.headers)

    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    double.pkpass = card(identity, 3, service=f"{url}/apple")
    yield url, double
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_push_on_the_wire_ends_on_the_lock_screen(
    simulator: Simulator,
    service: tuple[str, WebService],
    identity: AppleIdentity,
    identities: DevelopmentFiles,
) -> None:
    url, double = service
    page = simulator.page_url
    bought = requests.post(f"{page}/phones", json={"name": "Anna"}, timeout=5)
    assert bought.status_code == 201
    phone = f"{page}/phones/{bought.json()['id']}"
    live = requests.get(f"{page}/live", stream=True, timeout=5)
    changes = (line for line in live.iter_lines() if line)
    assert requests.post(f"{phone}/add", json={"url": f"{url}/p/x.pkpass"}, timeout=5).ok
    seen = _after(changes, phone, "fetch")
    double.change(card(identity, 4, service=f"{url}/apple"))
    token = seen["services"][0]["push_token"]
    with H2Client(simulator.apns.url, simulator.apns.ca_file, identities.identity) as apns:
        pushed = apns.push(identity.pass_type_identifier, path=f"/3/device/{token}")
        assert pushed.status == 200
    seen = _after(changes, phone, "shown")
    assert seen["lock_screen"][0]["text"] == "Your card now shows 4/10"
    assert double.logs == []
    live.close()


def _after(changes: Iterator[bytes], phone: str, kind: str) -> dict[str, list[dict[str, str]]]:
    """The phone once an event of this kind is the newest."""
    for _ in changes:
        seen: dict[str, list[dict[str, str]]] = requests.get(phone, timeout=5).json()
        if seen["trail"] and seen["trail"][0]["kind"] == kind:
            return seen
    raise AssertionError


def test_the_command_starts_says_where_and_ends_on_sigterm(
    identities: DevelopmentFiles, google_account: Path, tmp_path: Path
) -> None:
    code = "from webhooks.simulators.cli import simulate; simulate()"
    ports = ["--page-port", "0", "--apns-port", "0", "--control-port", "0", "--google-port", "0"]
    files = ["--authority", str(identities.authority), "--apns-ca-file", str(tmp_path / "ca.pem")]
    files += ["--google-service-account", str(google_account)]
    with subprocess.Popen(
        [sys.executable, "-u", "-c", code, *ports, *files], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        said = [process.stdout.readline() for _ in range(13)]
        page = said[0].split()[1]
        [phone] = requests.get(f"{page}/phones", timeout=5).json()["phones"]
        assert phone["name"] == "Your iPhone"
        [android] = requests.get(f"{page}/androids", timeout=5).json()["androids"]
        assert android["name"] == "Your Android"
        settings = dict(line.strip().partition("=")[::2] for line in said)
        assert settings["PASSMINT_APNS_CA"] == str(tmp_path / "ca.pem")
        google = settings["PASSMINT_GOOGLE_API_URL"]
        assert settings["PASSMINT_GOOGLE_SAVE_URL"] == f"{google}/gp/v/save"
        assert requests.get(settings["PASSMINT_GOOGLE_KEYS_URL"], timeout=5).json()["keys"]
        assert requests.get(f"{google}/__sim/state", timeout=5).json()["state"]["held"] == []
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
