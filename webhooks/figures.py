"""Figures of a worker for Prometheus; with several processes they meet in PROMETHEUS_MULTIPROC_DIR.

What waits is no figure of a process: it stands in the database, and the web's /metrics shows it.
"""

from prometheus_client import Counter, Histogram

_deliveries = Counter(
    "passmint_deliveries_total", "Deliveries tried, by what became of them.", ["courier", "outcome"]
)
_lag = Histogram(
    "passmint_delivery_seconds",
    "From the change's commit until the provider took the notice of it.",
    ["courier"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 900, 3600, 14_400, 86_400),
)


def count(courier: str, outcome: str, number: int) -> None:
    """`outcome` is delivered, gone, later, refused or halted."""
    _deliveries.labels(courier, outcome).inc(number)


def observe_lag(courier: str, seconds: float) -> None:
    """A clock that was set back makes no negative times."""
    _lag.labels(courier).observe(max(seconds, 0.0))
