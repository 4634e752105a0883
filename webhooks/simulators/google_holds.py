"""Requests that are held back, until somebody releases them."""

from threading import Event, Lock


class Holds:
    """Held requests by their number in the journal."""

    def __init__(self) -> None:
        self._held: dict[int, Event] = {}
        self._lock = Lock()
        self._ended = Event()

    def hold(self, number: int) -> bool:
        """Wait until this request is released; False when the simulator ended meanwhile."""
        released = Event()
        with self._lock:
            self._held[number] = released
        if not self._ended.is_set():
            released.wait()
        return not self._ended.is_set()

    def wait(self, seconds: float) -> None:
        """Just wait, but not beyond the end."""
        self._ended.wait(seconds)

    def held(self) -> list[int]:
        """The numbers of those that wait, oldest first."""
        with self._lock:
            return sorted(self._held)

    def release(self, number: int | None = None) -> list[int]:
        """Let one of them go on, or all; the numbers of those that do."""
        with self._lock:
            going = [one for one in sorted(self._held) if number in {None, one}]
            for one in going:
                self._held.pop(one).set()
        return going

    def end(self) -> None:
        """Nothing is held any longer."""
        self._ended.set()
        self.release()
