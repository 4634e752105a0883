"""The service's own processes as an operator runs them: started, killed with -9, started again."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import requests

from certs.development import DevelopmentFiles
from passes.settings import process_environment
from webhooks.simulators.apns import Apns

ROOT = Path(__file__).parents[1]
PATIENCE_S = 60.0

Process = subprocess.Popen[bytes]


def until(condition: Callable[[], object], patience_s: float = PATIENCE_S) -> None:
    """Waits for what other threads or processes bring about."""
    give_up = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < give_up, "it did not happen"
        time.sleep(0.005)


def free_ports(count: int) -> int:
    """The first of so many free ports in a row, below those that outgoing connections are given."""
    while True:
        first = random.randrange(20_000, 32_000)  # noqa: S311  # no secret
        with ExitStack() as probes:
            try:
                for port in range(first, first + count):
                    _bind(probes, port)
            except OSError:
                continue
            return first


def service_environment(
    identities: DevelopmentFiles, apns: Apns, public_url: str, database_url: str, **settings: object
) -> dict[str, str]:
    """Variables for a service that pushes to a local APNs; settings in capital letters."""
    values = {
        "PUBLIC_URL": public_url,
        "SECRET_KEY": "0123456789abcdef0123456789abcdef",
        "DATABASE_URL": database_url,
        "APPLE_CERTIFICATES": identities.certificates,
        "APPLE_AUTHORITY": identities.authority,
        "APNS_URL": apns.url,
        "APNS_CA": apns.ca_file,
    } | settings
    return {f"PASSMINT_{name}": str(value) for name, value in values.items()}


@dataclass(frozen=True)
class Programs:
    """The modules that are run as web application and as worker."""

    web: str = "wsgi"
    worker: str = "wsgi"


PRODUCT = Programs()


class Processes:
    """One gunicorn with its web processes, and any number of workers; all print into `folder`."""

    def __init__(
        self, environment: Mapping[str, str], folder: Path, programs: Programs = PRODUCT
    ) -> None:
        self.workers: list[Process] = []
        self._folder = folder
        # What a killed process leaves behind stays in the test's own folder.
        self._environment = {**process_environment(), "TMPDIR": str(folder), **environment}
        self._programs = programs
        self._gunicorn: Process | None = None
        self._port = 0

    def start_worker(self) -> Process:
        worker = self._start("worker", self._programs.worker, "worker")
        self.workers.append(worker)
        return worker

    def kill_worker(self, number: int = 0) -> None:
        """With -9, and another takes its place."""
        _kill(self.workers.pop(number))
        self.start_worker()

    def kill_all_workers(self) -> None:
        """At the same moment."""
        victims = list(self.workers)
        for victim in victims:
            victim.kill()
        for _ in victims:
            self.kill_worker()

    @contextmanager
    def without_workers(self) -> Iterator[None]:
        """All are killed; after the block there are as many as before."""
        number = len(self.workers)
        while self.workers:
            _kill(self.workers.pop())
        yield
        for _ in range(number):
            self.start_worker()

    def start_web(self, port: int) -> None:
        """gunicorn with as many web processes as the service has by itself, until it answers."""
        self._port = port
        self._gunicorn = self._start(
            "web",
            "gunicorn",
            f"{self._programs.web}:app()",
            *("--config", "python:passes.web.server", "--bind", f"127.0.0.1:{port}"),
        )
        until(lambda: _is_ready(f"http://127.0.0.1:{port}/readyz"))

    def web_processes(self) -> list[int]:
        """The processes that gunicorn has forked and watches."""
        assert self._gunicorn
        master = self._gunicorn.pid
        text = Path(f"/proc/{master}/task/{master}/children").read_text(encoding="ascii")
        return [int(pid) for pid in text.split()]

    def kill_web(self, number: int = 0) -> None:
        """With -9; gunicorn starts another. Nothing happens when just now all are dead."""
        for pid in self.web_processes()[number : number + 1]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def kill_everything(self) -> None:
        """As if the host lost its power; and it comes back."""
        workers = len(self.workers)
        self.stop()
        self.workers.clear()
        self.start_web(self._port)
        for _ in range(workers):
            self.start_worker()

    def stop(self) -> None:
        """Ends all of them at once."""
        for process in [*self.workers, *([self._gunicorn] if self._gunicorn else [])]:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def printed(self) -> str:
        """What all have printed so far."""
        logs = sorted(self._folder.glob("*.log"))
        return "\n".join(log.read_text(encoding="utf-8", errors="replace") for log in logs)

    def _start(self, name: str, *command: str) -> Process:
        with (self._folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=ROOT,
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # with a process group of its own, to end all of gunicorn
            )


def _kill(process: Process) -> None:
    process.kill()
    process.wait()


def _bind(probes: ExitStack, port: int) -> None:
    probes.enter_context(socket.socket()).bind(("127.0.0.1", port))


def _is_ready(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.RequestException:
        return False
