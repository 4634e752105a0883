"""Caches for what is slow to draw: bounded in bytes, and nothing is ever drawn twice at once.

For threads of one process; every process keeps its own. Keys are kept as long as their values and
are not weighed: name a brand or a picture by its hash, which does not hold on to its PNGs.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, NamedTuple, TypeVar

from branding.piece import Piece

Pieces = tuple[Piece, ...]
Kept = TypeVar("Kept")


class CacheFigures(NamedTuple):
    """What the metrics show; `bytes` is the weight of all that is kept."""

    hits: int
    misses: int
    bytes: int
    entries: int


class ByteCache(Generic[Kept]):
    """Keeps the most recently used values up to `max_bytes`, as `weigh` counts them."""

    def __init__(self, max_bytes: int, weigh: Callable[[Kept], int]) -> None:
        self._max_bytes = max_bytes
        self._weigh = weigh
        self._kept: OrderedDict[Hashable, Kept] = OrderedDict()
        self._rendering: dict[Hashable, Future[Kept]] = {}
        self._lock = threading.Lock()
        self._bytes = self._hits = self._misses = 0

    def get_or_render(self, key: Hashable, render: Callable[[], Kept]) -> Kept:
        """The value under `key`, rendered by the first who asks; others wait for them.

        When rendering fails everybody who waited gets the same error, and the next one tries anew.
        """
        with self._lock:
            if key in self._kept:
                self._hits += 1
                self._kept.move_to_end(key)
                return self._kept[key]
            running = self._rendering.get(key)
            if running:
                self._hits += 1
            else:
                self._misses += 1
                promise: Future[Kept] = Future()
                self._rendering[key] = promise
        return running.result() if running else self._render(key, render, promise)

    def figures(self) -> CacheFigures:
        """The counters at one moment."""
        with self._lock:
            return CacheFigures(self._hits, self._misses, self._bytes, len(self._kept))

    def _render(self, key: Hashable, render: Callable[[], Kept], promise: Future[Kept]) -> Kept:
        try:
            value = render()
        except BaseException as error:
            with self._lock:
                del self._rendering[key]
            promise.set_exception(error)
            raise
        with self._lock:
            del self._rendering[key]
            self._keep(key, value)
        promise.set_result(value)
        return value

    def _keep(self, key: Hashable, value: Kept) -> None:
        if self._weigh(value) > self._max_bytes:
            return
        self._kept[key] = value
        self._bytes += self._weigh(value)
        while self._bytes > self._max_bytes:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= self._weigh(oldest)


class PieceCache(ByteCache[Pieces]):
    """Keeps finished pieces; their weight is that of the PNGs."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(max_bytes, lambda pieces: sum(len(piece.png) for piece in pieces))
