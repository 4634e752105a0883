"""How gunicorn runs the web application; `gunicorn.conf.py` and the demo both read this."""

import shutil
import tempfile
from pathlib import Path

from gunicorn.arbiter import Arbiter
from gunicorn.workers.base import Worker

from passes.settings import share_metrics_in

_metrics_folder = tempfile.mkdtemp(prefix="passmint-metrics-")
share_metrics_in(_metrics_folder)  # before anything imports prometheus_client

bind = "127.0.0.1:8080"
workers = 2
worker_class = "gthread"
threads = 8
timeout = 60
graceful_timeout = 30
max_requests = 50_000
max_requests_jitter = 5_000
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108  # heartbeats
control_socket_disable = True
accesslog = None  # it would print the paths of cards, which are their holders' secrets
loglevel = "warning"


def child_exit(_: Arbiter, worker: Worker) -> None:
    """A worker's gauges end with it; its counters are kept."""
    from prometheus_client import multiprocess  # noqa: PLC0415  # it reads the folder when imported

    multiprocess.mark_process_dead(worker.pid, _metrics_folder)  # type: ignore[no-untyped-call]


def on_exit(_: Arbiter) -> None:
    shutil.rmtree(_metrics_folder, ignore_errors=True)
