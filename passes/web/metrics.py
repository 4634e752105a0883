"""Figures for Prometheus. With several web processes they meet in PROMETHEUS_MULTIPROC_DIR."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client import values as prometheus_values
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import REGISTRY, Collector

from branding.cache import PieceCache
from certs.apple import AppleIdentity
from passes.store.backlog import Depth

_SECONDS_PER_DAY = 86_400
_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})

_requests = Histogram(
    "passmint_request_seconds",
    "Time to answer, by route and status.",
    ["method", "route", "status"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)
_signing = Histogram(
    "passmint_apple_build_seconds",
    "Time to build and sign one .pkpass.",
    buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1),
)
_enrolments = Counter("passmint_enrolments_total", "Members who joined.", ["source"])


def observe_request(method: str, route: str, status: int, seconds: float) -> None:
    known = method if method in _METHODS else "OTHER"  # anybody may invent methods
    _requests.labels(known, route, str(status)).observe(seconds)


def observe_build(seconds: float) -> None:
    _signing.observe(seconds)


def count_enrolment(source: str) -> None:
    """`source` is join or api: a caller's own words would make a series each."""
    _enrolments.labels(source).inc()


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits in the database; the same for whichever process is asked."""

    depths: Sequence[Depth]
    paused: Sequence[tuple[str, str]]  # courier and queue


def exposition(
    identities: Iterable[AppleIdentity],
    artwork: PieceCache,
    backlog: Backlog | None,
    now: datetime,
) -> bytes:
    """All figures in Prometheus' text format; those of the backlog while the database answers."""
    registry = CollectorRegistry()
    if prometheus_values.ValueClass.__name__ == "MmapedValue":
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    else:
        registry.register(REGISTRY)
    registry.register(_Expiry(identities, now))
    registry.register(_Artwork(artwork))
    if backlog:
        registry.register(_Outbox(backlog, now))
    return generate_latest(registry)


class _Expiry(Collector):
    """Days each signing certificate has left, counted when somebody asks."""

    def __init__(self, identities: Iterable[AppleIdentity], now: datetime) -> None:
        self._identities = identities
        self._now = now

    def collect(self) -> Iterator[GaugeMetricFamily]:
        family = GaugeMetricFamily(
            "passmint_certificate_days_left",
            "Days until the certificate of a pass type expires.",
            labels=["pass_type_identifier"],
        )
        for identity in self._identities:
            left = (identity.not_after - self._now).total_seconds() / _SECONDS_PER_DAY
            family.add_metric([identity.pass_type_identifier], left)
        yield family


class _Outbox(Collector):
    """What waits to be told, and what nobody will be told any more."""

    def __init__(self, backlog: Backlog, now: datetime) -> None:
        self._backlog = backlog
        self._now = now

    def collect(self) -> Iterator[GaugeMetricFamily]:
        rows = GaugeMetricFamily(
            "passmint_outbox_rows", "Deliveries in the outbox.", labels=["courier", "state"]
        )
        oldest = GaugeMetricFamily(
            "passmint_outbox_oldest_seconds",
            "How long the oldest change of each state has waited.",
            labels=["courier", "state"],
        )
        for depth in self._backlog.depths:
            rows.add_metric([depth.courier, depth.state], depth.rows)
            if depth.oldest is not None:
                waits_s = (self._now - depth.oldest).total_seconds()
                oldest.add_metric([depth.courier, depth.state], max(waits_s, 0.0))
        paused = GaugeMetricFamily(
            "passmint_outbox_paused",
            "Queues whose provider takes nothing now.",
            labels=["courier", "queue"],
        )
        for courier, queue in self._backlog.paused:
            paused.add_metric([courier, queue], 1)
        yield from (rows, oldest, paused)


class _Artwork(Collector):
    """The artwork cache of the process that answers."""

    def __init__(self, artwork: PieceCache) -> None:
        self._artwork = artwork

    def collect(self) -> Iterator[GaugeMetricFamily]:
        figures = self._artwork.figures()
        for name, value, text in (
            ("bytes", figures.bytes, "PNG bytes kept by this process."),
            ("hits", figures.hits, "Artwork found in this process's cache."),
            ("misses", figures.misses, "Artwork this process had to draw."),
        ):
            yield GaugeMetricFamily(f"passmint_artwork_cache_{name}", text, value=value)
