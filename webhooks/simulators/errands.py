"""What a phone still has to do, and when: each errand once, failed ones after growing waits."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

# Apple only says "several times, with growing waits"; these waits are ours.
RETRY_WAITS_S = (2, 10, 60, 300, 1800)

Kind = Literal["register", "unregister", "list", "fetch"]


@dataclass(frozen=True, slots=True)
class Errand:
    """One thing to do at a web service; `serial` is empty for a list."""

    kind: Kind
    url: str
    pass_type: str
    serial: str = ""


@dataclass(slots=True)
class Due:
    """When an errand is due; `why` is user, or push: a push came, or the list named the card."""

    at: datetime
    why: str
    attempts: int = 0


class Errands:
    """The open errands in the order they were asked for."""

    def __init__(self) -> None:
        self._open: dict[Errand, Due] = {}

    def ask(self, errand: Errand, at: datetime, why: str) -> None:
        """Do it at that moment, or earlier if it was asked for earlier; failures are forgotten."""
        known = self._open.get(errand)
        self._open[errand] = Due(min(at, known.at) if known else at, why)

    def drop(self, pass_type: str, serial: str) -> None:
        """Forget what concerns a card."""
        for errand in [
            one for one in self._open if (one.pass_type, one.serial) == (pass_type, serial)
        ]:
            del self._open[errand]

    def take(self, now: datetime) -> tuple[Errand, Due] | None:
        """The next errand that is due, taken off the list."""
        errand = next((one for one, due in self._open.items() if due.at <= now), None)
        return (errand, self._open.pop(errand)) if errand else None

    def put_back(self, errand: Errand, due: Due, now: datetime) -> datetime | None:
        """Try it again later; the moment, or None when it is given up."""
        if due.attempts >= len(RETRY_WAITS_S):
            return None
        at = now + timedelta(seconds=RETRY_WAITS_S[due.attempts])
        # Asked for anew meanwhile: that comes first.
        self._open.setdefault(errand, Due(at, due.why, due.attempts + 1))
        return self._open[errand].at

    def next_due(self) -> datetime | None:
        """When there is something to do; None when there is nothing. Any thread may ask."""
        return min((due.at for due in list(self._open.values())), default=None)
