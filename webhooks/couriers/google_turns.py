"""Turns of a rate that all workers share, reserved a few at a time: each reservation costs a
transaction. Not for: the rate itself (passes.store.rate)."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from threading import Lock

Reserve = Callable[[int], Sequence[float]]  # so many turns → in how many seconds each of them is

_STALE_S = 0.5  # what was not used for so long is lost: several at once would be too fast


class Turns:
    """For all threads of a courier; at most `most` turns are reserved ahead."""

    def __init__(self, reserve: Reserve, most: int) -> None:
        self._reserve = reserve
        self._most = most
        self._ready: deque[float] = deque()
        self._lock = Lock()

    def wait(self, wanted: int = 1) -> None:
        """Returns when one more request may go; so many are `wanted` soon, this one included."""
        with self._lock:
            at = self._next(wanted)
        time.sleep(max(at - time.monotonic(), 0.0))

    def _next(self, wanted: int) -> float:
        now = time.monotonic()
        while self._ready and self._ready[0] < now - _STALE_S:
            self._ready.popleft()
        if not self._ready:
            waits = self._reserve(max(1, min(wanted, self._most)))
            now = time.monotonic()  # a slow database takes its time
            self._ready.extend(now + wait for wait in waits)
        return self._ready.popleft()
