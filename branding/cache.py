"""A cache for rendered artwork: bounded in bytes, and nothing is ever rendered twice at once.

For threads of one process; every process keeps its own.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import NamedTuple

from branding.piece import Piece

Pieces = tuple[Piece, ...]


class CacheFigures(NamedTuple):
    """What the metrics show; `bytes` counts the PNGs that are kept."""

    hits: int
    misses: int
    bytes: int
    entries: int


class PieceCache:
    """Keeps the most recently used pieces up to `max_bytes` of PNG data."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._kept: OrderedDict[Hashable, Pieces] = OrderedDict()
        self._rendering: dict[Hashable, Future[Pieces]] = {}
        self._lock = threading.Lock()
        self._bytes = self._hits = self._misses = 0

    def get_or_render(self, key: Hashable, render: Callable[[], Pieces]) -> Pieces:
        """The pieces under `key`, rendered by the first who asks; others wait for them.

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
                promise: Future[Pieces] = Future()
                self._rendering[key] = promise
        return running.result() if running else self._render(key, render, promise)

    def figures(self) -> CacheFigures:
        """The counters at one moment."""
        with self._lock:
            return CacheFigures(self._hits, self._misses, self._bytes, len(self._kept))

    def _render(
        self, key: Hashable, render: Callable[[], Pieces], promise: Future[Pieces]
    ) -> Pieces:
        try:
            pieces = render()
        except BaseException as error:
            with self._lock:
                del self._rendering[key]
            promise.set_exception(error)
            raise
        with self._lock:
            del self._rendering[key]
            self._keep(key, pieces)
        promise.set_result(pieces)
        return pieces

    def _keep(self, key: Hashable, pieces: Pieces) -> None:
        if _weight(pieces) > self._max_bytes:
            return
        self._kept[key] = pieces
        self._bytes += _weight(pieces)
        while self._bytes > self._max_bytes:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= _weight(oldest)


def _weight(pieces: Pieces) -> int:
    return sum(len(piece.png) for piece in pieces)
