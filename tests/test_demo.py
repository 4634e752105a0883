"""The demo as a newcomer runs it: one command, links that answer, and nothing left behind."""

import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import create_engine, make_url, text

from passes.settings import process_environment
from tests.passes.web.packages import Package
from tests.processes import ROOT, free_ports, until

COMMAND = (sys.executable, "-c", "import wsgi; wsgi.cli()", "demo")
PATIENCE_S = 90
_PORTS = 5  # of one demo, side by side
FACTS = {
    "base_url",
    "admin_key",
    "api_key",
    "merchant_id",
    "program_id",
    "template_id",
    "member_id",
    "pass_id",
    "serial_number",
    "join_url",
    "card_url",
    "pkpass_url",
    "google_url",
    "chain",
    "apple_root_certificate",
}

pytestmark = pytest.mark.xdist_group("demo")  # the ports of two demos lie side by side


def environment() -> dict[str, str]:
    ours = ("PASSMINT_", "PORT", "PUBLIC_URL")
    kept = {k: v for k, v in process_environment().items() if not k.startswith(ours)}
    return kept | {"PYTHONPATH": str(ROOT)}


@contextmanager
def demo(folder: Path, port: int, *options: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """A running demo: what it printed and its facts. Ended by SIGTERM, with all its processes."""
    running = subprocess.Popen(
        [*COMMAND, "--port", str(port), "--folder", str(folder), *options],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    watchdog = threading.Timer(PATIENCE_S, running.kill)
    watchdog.start()
    assert running.stdout is not None
    try:
        printed = ""
        for line in running.stdout:
            printed += line
            if "Ctrl-C" in line:
                break
        assert "Ctrl-C" in printed, printed
        yield printed, json.loads((folder / "demo.json").read_text(encoding="utf-8"))
        family = descendants(running.pid)
        assert family
        running.send_signal(signal.SIGTERM)
        rest = running.stdout.read()
        assert running.wait(PATIENCE_S) == 0, rest
        assert [pid for pid in family if is_alive(pid)] == []
    finally:
        watchdog.cancel()
        running.kill()
        running.stdout.close()
        running.wait()


def descendants(pid: int) -> list[int]:
    """The processes below this one."""
    parents = {int(path.name): parent(path) for path in Path("/proc").iterdir() if is_number(path)}
    found = [child for child, above in parents.items() if above == pid]
    return found + [one for child in found for one in descendants(child)]


def is_number(path: Path) -> bool:
    return path.name.isdigit()


def parent(path: Path) -> int:
    try:
        return int(path.joinpath("stat").read_text().rpartition(")")[2].split()[1])
    except OSError:  # ended meanwhile
        return 0


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def downloaded(facts: dict[str, Any]) -> Package:
    answer = requests.get(facts["pkpass_url"], timeout=30)
    assert answer.status_code == 200, answer.text
    return Package.read(answer.content)


def test_a_newcomer_gets_links_that_answer_and_the_next_run_keeps_them(tmp_path: Path) -> None:
    port, folder = free_ports(_PORTS), tmp_path / "var"
    with demo(folder, port) as (printed, facts):
        assert facts.keys() >= FACTS
        for name in ("join_url", "card_url", "pkpass_url", "api_key"):
            assert facts[name] in printed
        assert "real phones refuse" in printed
        assert "passmint certs import" in printed
        for name in ("join_url", "card_url", "docs_url"):
            assert requests.get(facts[name], timeout=30).status_code == 200, name
        google = requests.get(facts["google_url"], timeout=30, allow_redirects=False)
        assert google.status_code in {200, 302}  # a page says so until Google has the card
        package = downloaded(facts)
        assert package.document["serialNumber"] == facts["serial_number"]
        assert package.document["webServiceURL"] == f"http://127.0.0.1:{port}/apple"
        key = {"Authorization": f"Bearer {facts['api_key']}"}
        members = requests.get(f"{facts['base_url']}/v1/members", headers=key, timeout=30).json()
        counts = [member["balances"]["stamps"] for member in members["data"]]
        assert len(set(counts)) == len(counts) > 2
        assert facts["chain"]["card_url"] in printed
        walk_through_the_chain(facts)
        root = Path(facts["apple_root_certificate"]).read_text(encoding="ascii")
        assert root.startswith("-----BEGIN CERTIFICATE-----")
    public_url = f"http://localhost:{port}"
    with demo(folder, port, "--public-url", public_url) as (_, again):
        assert again["chain"]["member_ids"] == facts["chain"]["member_ids"]
        kept = {"merchant_id", "program_id", "member_id", "pass_id", "serial_number", "api_key"}
        assert {name: again[name] for name in kept} == {name: facts[name] for name in kept}
        assert again["card_url"].startswith(public_url)
        assert downloaded(again).document["webServiceURL"] == f"{public_url}/apple"


def walk_through_the_chain(facts: dict[str, Any]) -> None:
    """The chain's iPhone walks to a shop of its list, then is stamped far away and moves there."""
    phones = f"{facts['phones_url']}phones"
    [phone] = [
        one
        for one in requests.get(phones, timeout=30).json()["phones"]
        if one["name"] == facts["chain"]["phone"]
    ]
    url = f"{phones}/{phone['id']}"
    assert len(phone["places"]) == 10
    assert "Karlín" in {place["shop"] for place in phone["places"]}
    near = requests.post(f"{url}/walk", json={"shop": "Karlín"}, timeout=30).json()["nearby"]
    assert near["text"].startswith("Karlín · ")
    assert (
        requests.post(f"{url}/walk", json={"shop": "Oktogon"}, timeout=30).json()["nearby"] is None
    )
    for _ in range(3):
        said = requests.post(f"{url}/stamp", timeout=30).json()["said"]
        assert said.startswith("Stamped at Oktogon")
    until(lambda: requests.get(url, timeout=30).json()["nearby"] is not None)


def test_the_same_on_postgresql_with_two_workers(tmp_path: Path, postgres_server: str) -> None:
    admin = create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text("CREATE DATABASE demo"))
    url = make_url(postgres_server).set(database="demo").render_as_string(hide_password=False)
    with demo(tmp_path / "var", free_ports(_PORTS), "--database-url", url) as (_, facts):
        downloads = {downloaded(facts).files["manifest.json"] for _ in range(6)}
        assert len(downloads) == 1
        assert requests.get(facts["card_url"], timeout=30).status_code == 200
        ready = requests.get(f"{facts['base_url']}/readyz", timeout=30).json()
        assert ready["checks"]["database"] == "ok"
        assert not list(tmp_path.rglob("*.db"))
        assert len(web_processes(facts["base_url"])) >= 3  # one master, two workers
        logs = {path.name for path in (tmp_path / "var" / "log").iterdir()}
        assert logs >= {"worker-1.log", "worker-2.log"}
        shown = stamps_on_the_iphone(facts)
        stamp(facts)
        until(lambda: stamps_on_the_iphone(facts) == shown + 1)
    with admin.connect() as connection:
        connection.execute(text("DROP DATABASE demo WITH (FORCE)"))
    admin.dispose()


def stamps_on_the_iphone(facts: dict[str, Any]) -> int:
    """As the card in the first virtual iPhone shows them."""
    [phone, *_] = requests.get(f"{facts['phones_url']}phones", timeout=30).json()["phones"]
    return int(phone["cards"][0]["fields"]["stamps"].partition("/")[0])


def stamp(facts: dict[str, Any]) -> None:
    answer = requests.post(
        f"{facts['base_url']}/v1/members/{facts['member_id']}/transactions",
        json={"type": "earn", "stamps": 1},
        headers={"Authorization": f"Bearer {facts['api_key']}", "Idempotency-Key": "one"},
        timeout=30,
    )
    assert answer.status_code == 201, answer.text


def web_processes(base_url: str) -> list[str]:
    """The gunicorn processes that serve this address."""
    bind = base_url.removeprefix("http://").encode()
    lines = [command(path) for path in Path("/proc").iterdir() if is_number(path)]
    return [line.decode() for line in lines if b"gunicorn" in line and bind in line]


def command(path: Path) -> bytes:
    try:
        return path.joinpath("cmdline").read_bytes()
    except OSError:
        return b""


def test_a_port_in_use_is_one_clear_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        port = free_ports(_PORTS)
        taken.bind(("127.0.0.1", port))
        taken.listen()
        ended = subprocess.run(
            [*COMMAND, "--port", str(port), "--folder", str(tmp_path / "var")],
            cwd=ROOT,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )
    assert ended.returncode == 1
    [sentence] = ended.stderr.splitlines()
    assert f"Port {port} cannot be used" in sentence
    assert "in use" in sentence
    assert "PORT=" in sentence
    assert not (tmp_path / "var").exists()
