"""How fast a service account may ask: a bucket that fills evenly."""

from threading import Lock

_BURST_S = 2  # a full bucket holds what flows in during this time: assumed


class Bucket:
    """One bucket; starts full."""

    def __init__(self) -> None:
        self._held: float | None = None
        self._at = 0.0
        self._lock = Lock()

    def take(self, per_s: float | None, now_s: float) -> bool:
        """Take one, if one is there; without a rate there always is."""
        if per_s is None:
            return True
        most = max(1.0, per_s * _BURST_S)
        with self._lock:
            held = most if self._held is None else self._held + (now_s - self._at) * per_s
            self._held, self._at = min(most, held), now_s
            if self._held < 1:
                return False
            self._held -= 1
            return True
