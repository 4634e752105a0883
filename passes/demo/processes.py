"""The demo's child processes: started in sessions of their own, watched, and all ended again."""

import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from passes.demo.client import DemoFailed

_STOP_LIMIT_S = 35
_LOG_LINES = 12


class Processes:
    """Children by name; what they print goes to a file each, below `folder`."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._environment = environment
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *command: str, **extra: str) -> None:
        """Starts `python -m …`; `extra` are further environment variables."""
        with self._log(name).open("wb") as log:
            self._running[name] = subprocess.Popen(  # noqa: S603  # our own commands
                [sys.executable, "-m", *command],
                env={**self._environment, **extra},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches us alone, and we end them in order
            )

    def check(self) -> None:
        """DemoFailed, with the last lines it printed, when one has ended by itself."""
        for name, process in self._running.items():
            if process.poll() is not None:
                lines = self._log(name).read_text(errors="replace").splitlines()[-_LOG_LINES:]
                told = "\n  ".join(lines) or "(it printed nothing)"
                raise DemoFailed(f"The {name} ended (exit code {process.returncode}):\n  {told}")

    def watch(self) -> None:
        """Until one ends by itself."""
        while True:
            self.check()
            time.sleep(0.5)

    def stop(self) -> None:
        """Ends all, the youngest first, politely; those that do not listen by force."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for process in reversed(self._running.values()):
            process.terminate()
        for process in self._running.values():
            try:
                process.wait(_STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                process.kill()

    def _log(self, name: str) -> Path:
        return self._folder / f"{name.replace(' ', '-')}.log"
