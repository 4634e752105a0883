"""The demo as the thing to be measured: started, read, loaded from threads, and ended again."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

_START_LIMIT_S = 120
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Load:
    """What a load did: answers, seconds by the clock, CPU seconds of the web server, latencies."""

    count: int
    wall_s: float
    server_cpu_s: float
    latencies_s: tuple[float, ...]

    def percentile_ms(self, share: float) -> float:
        """The latency in milliseconds that this share of the answers kept below."""
        ordered = sorted(self.latencies_s)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000


@contextmanager
def running_demo(port: int, *options: str) -> Iterator[dict[str, Any]]:
    """The facts of a fresh demo that runs for the length of the block."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as log:
        command = [sys.executable, "-m", "wsgi", "demo", "--port", str(port), "--folder", folder]
        demo = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            _await_words(demo, "Ctrl-C ends it", log)
            yield json.loads((Path(folder) / "demo.json").read_text())
        finally:
            demo.send_signal(signal.SIGTERM)
            demo.communicate(timeout=60)


def load(call: Callable[[], Any], seconds: float, clients: int) -> Load:
    """Calls from so many threads for so many seconds; a call raises when it is not answered."""

    def work() -> list[float]:
        latencies = []
        while time.perf_counter() < end:
            began = time.perf_counter()
            call()
            latencies.append(time.perf_counter() - began)
        return latencies

    cpu_before, start = _web_server_cpu_s(), time.perf_counter()
    end = start + seconds
    with ThreadPoolExecutor(clients) as pool:
        latencies = [one for part in pool.map(lambda _: work(), range(clients)) for one in part]
    wall_s = time.perf_counter() - start
    return Load(len(latencies), wall_s, _web_server_cpu_s() - cpu_before, tuple(latencies))


def _await_words(demo: "subprocess.Popen[str]", words: str, log: BinaryIO) -> None:
    assert demo.stdout
    give_up = time.monotonic() + _START_LIMIT_S
    while time.monotonic() < give_up:
        line = demo.stdout.readline()
        if words in line:
            return
        if not line:
            log.seek(0)
            raise RuntimeError(f"the demo ended while starting: {log.read().decode()}")


def _web_server_cpu_s() -> float:
    """CPU seconds that every gunicorn process of this machine has used so far."""
    total = 0
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if b"gunicorn" in (entry / "cmdline").read_bytes():
                fields = (entry / "stat").read_text().rpartition(") ")[2].split()
                total += int(fields[11]) + int(fields[12])
        except OSError:
            continue
    return total / _TICKS
