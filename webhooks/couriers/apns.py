"""The courier to Apple: pushes in, outcomes out, over one HTTP/2 connection per certificate.

Source: Apple, "Sending notification requests to APNs", "Establishing a certificate-based
connection to APNs", "Updating a Pass". Not for: when to try again (see retry).
"""

import itertools
import math
import re
import select
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from certs.apple import AppleIdentity
from certs.errors import CertificateError
from webhooks.couriers.apns_line import Line
from webhooks.couriers.apns_request import Push, Terms
from webhooks.couriers.outcomes import Gone, Halted, Outcome

__all__ = ["Apns", "Push"]

# Enough for 5,000 a second at 40 ms; with more, libcurl's handles outgrow the processor's cache.
MAX_IN_FLIGHT = 200

_TOKEN = re.compile(r"(?:[0-9a-fA-F]{2}){1,100}")  # Apple: of variable length, do not assume one
_AT_ONCE = 50  # pushes started before they are sent, so that APNs works while we prepare the next
_MOMENT_S = 0.05
_CATCH_UP_S = 0.05  # of the pace, after waiting a little too long
_WEEK_S = 7 * 86_400.0  # APNs keeps a push for a phone that is off; it stores 30 days at most


class Apns:
    """Delivers pushes; for one thread. Connections stay open from one batch to the next.

    `url`       https address of APNs or a stand-in, without a path
    `identity`  gives the identity of a pass type identifier; CertificateError halts that queue
    `pace`      pushes per second over all certificates, None for as many as go
    """

    def __init__(
        self,
        url: str,
        identity: Callable[[str], AppleIdentity],
        *,
        now: Callable[[], datetime],
        authority_file: Path | None = None,
        priority: int = 5,
        timeout_s: float = 10.0,
        expiration_s: float = _WEEK_S,
        max_in_flight: int = MAX_IN_FLIGHT,
        pace: float | None = None,
    ) -> None:
        self._terms = Terms(
            url=url.rstrip("/"),
            authority_file=authority_file,
            priority=priority,
            timeout_s=timeout_s,
            expiration_s=expiration_s,
            max_in_flight=max_in_flight,
        )
        self._identity = identity
        self._now = now
        self._pace = _Pace(pace)
        self._lines: dict[str, Line] = {}

    def deliver(self, pushes: Sequence[Push]) -> Iterator[tuple[Push, Outcome]]:
        """Outcomes of these pushes and of earlier ones, as the answers arrive.

        Ends when every push had its outcome, or a moment after the last one that has room was sent:
        the caller may have something new, and a push that APNs does not answer holds up no other.
        What is `under_way` then has its outcome in a later call. Between two outcomes nothing is
        received, so the caller should not dwell. Left early, no outcome of it ever comes.
        """
        try:
            yield from self._hand_out(pushes)
            fed_at = time.monotonic()
            while lines := self._busy_lines():
                if self._feed(lines):
                    fed_at = time.monotonic()
                self._wait(lines)
                for line in lines:
                    yield from line.drive()
                if time.monotonic() - fed_at > _MOMENT_S and not _any_room(lines):
                    return
        except BaseException:
            for line in self._lines.values():
                line.abandon()
            raise

    @property
    def under_way(self) -> bool:
        """Whether outcomes are still to come."""
        return bool(self._busy_lines())

    def close(self) -> None:
        """End all connections and forget the keys."""
        for line in self._lines.values():
            line.close()
        self._lines.clear()

    def _busy_lines(self) -> list[Line]:
        return [line for line in self._lines.values() if line.busy]

    def _hand_out(self, pushes: Sequence[Push]) -> Iterator[tuple[Push, Outcome]]:
        """Queue the pushes at the lines of their topics; what cannot be sent is settled."""
        by_topic: dict[str, list[Push]] = defaultdict(list)
        for push in pushes:
            if _TOKEN.fullmatch(push.token):
                by_topic[push.topic].append(push)
            else:
                yield push, Gone("The push token is not one of Apple's.")
        for topic, queue in by_topic.items():
            try:
                line = self._line(topic)
            except CertificateError as error:
                yield from ((push, Halted(str(error))) for push in queue)
                continue
            line.begin(queue, self._now())

    def _line(self, topic: str) -> Line:
        """The line of a topic's certificate, a new one when that was renewed."""
        identity = self._identity(topic)
        line = self._lines.get(topic)
        if line and line.identity.fingerprint == identity.fingerprint:
            return line
        if line:
            line.close()
        self._lines[topic] = Line(identity, self._terms)
        return self._lines[topic]

    def _feed(self, lines: Sequence[Line]) -> int:
        """Start some of what has room, evenly shared among the lines, as the pace allows."""
        ready = [line for line in lines if line.has_room]
        most = self._pace.room()
        if ready and most:
            share = min(max(most // len(ready), 1), _AT_ONCE)
            started = sum(line.start(share) for line in ready[:most])
            self._pace.use(started)
            return started
        return 0

    def _wait(self, lines: Sequence[Line]) -> None:
        """Until something arrives, a timer of libcurl ends, or the pace allows the next push."""
        wait_s = min(_MOMENT_S, *(line.patience_s() for line in lines))
        if _any_room(lines):
            wait_s = min(wait_s, self._pace.wait_s())
        readable, writable, exceptional = _sockets(lines)
        select.select(readable, writable, exceptional, wait_s)


def _any_room(lines: Sequence[Line]) -> bool:
    """Whether a push waits for the pace alone."""
    return any(line.has_room for line in lines)


def _sockets(lines: Sequence[Line]) -> tuple[list[int], list[int], list[int]]:
    readable, writable, exceptional = zip(*(line.sockets() for line in lines), strict=True)
    return _chained(readable), _chained(writable), _chained(exceptional)


def _chained(lists: Iterable[list[int]]) -> list[int]:
    return list(itertools.chain.from_iterable(lists))


class _Pace:
    """At most so many per second, None for no bound."""

    def __init__(self, per_s: float | None) -> None:
        self._gap_s = 1 / per_s if per_s else 0.0
        self._next_at = 0.0

    def room(self) -> int:
        """How many may go now."""
        if not self._gap_s:
            return sys.maxsize
        now = time.monotonic()
        self._next_at = max(self._next_at, now - _CATCH_UP_S)
        return max(math.ceil((now - self._next_at) / self._gap_s), 0)

    def use(self, count: int) -> None:
        """So many went."""
        self._next_at += count * self._gap_s

    def wait_s(self) -> float:
        """Until the next one may go."""
        return max(self._next_at - time.monotonic(), 0.0)
