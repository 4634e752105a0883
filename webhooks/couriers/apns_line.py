"""One certificate's line to APNs: a single HTTP/2 connection, many pushes in flight, kept open.

libcurl opens streams up to the server's MAX_CONCURRENT_STREAMS and sends again by itself what a
GOAWAY or a refused stream left out. A pass push says only "come and fetch", so what died with its
connection may safely be sent once more.
"""

import math
import socket
import sys
import time
from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from urllib.parse import urlsplit

import pycurl

from certs.apple import AppleIdentity
from webhooks.couriers import apns_faults
from webhooks.couriers.apns_answers import DELIVERED, Answer, judge
from webhooks.couriers.apns_request import Push, Request, Terms
from webhooks.couriers.outcomes import Halted, Outcome

_TRIES = 5  # connections that may end under one push before it has to wait
_ENDINGS = 2  # connections that may end without an answer before all have to wait
_QUEUED_US = 100  # a push that waited longer for its stream met the server's limit

_Failure = tuple[Request, int, str]  # with libcurl's error number and words


class Line:
    """The pushes of one certificate: waiting, in flight, settled. Not for several threads."""

    def __init__(self, identity: AppleIdentity, terms: Terms) -> None:
        self.identity = identity
        self._topic = identity.pass_type_identifier
        self._terms = terms
        self._host = urlsplit(terms.url).netloc
        self._waiting: deque[tuple[Push, int]] = deque()
        self._in_flight: set[Request] = set()
        self._idle: list[Request] = []
        self._settled: list[tuple[Push, Outcome]] = []
        self._doubted: list[tuple[Push, Answer]] = []
        self._vouched = False  # a token of this batch was taken
        self._trusted = False  # a token was ever taken
        self._endings = 0  # since the last answer
        self._socket: socket.socket | None = None
        self._headers: list[str] = []
        self._headers_until = datetime.min.replace(tzinfo=UTC)
        self._connect()

    # what the courier calls, in this order -------------------------------------------------------

    def begin(self, pushes: Iterable[Push], now: datetime) -> None:
        """Queue the pushes of one batch, in their order."""
        self._vouched = False
        self._waiting.extend((push, 0) for push in pushes)
        if now >= self._headers_until:
            self._headers = self._headers_at(now)
            self._headers_until = now + timedelta(hours=1)

    @property
    def has_room(self) -> bool:
        """Whether a queued push may start."""
        if not self._waiting or self._retiring:
            return False
        return len(self._in_flight) < self._window

    def start(self, most: int) -> int:
        """Start the oldest queued pushes, at most so many; how many found room."""
        count = min(most, len(self._waiting), self._window - len(self._in_flight))
        for _ in range(count):
            push, tries = self._waiting.popleft()
            request = self._idle.pop() if self._idle else self._new_request()
            request.become(push, tries, self._headers)
            self._in_flight.add(request)
            self._multi.add_handle(request)
        return count

    def drive(self) -> list[tuple[Push, Outcome]]:
        """Send and receive what can be without waiting; hand out what was settled."""
        self._hold_segments(hold=True)
        self._multi.perform()
        self._hold_segments(hold=False)
        self._read()
        if self._retiring and not self._in_flight:
            self._reconnect()
        if self._vouched or not self.busy:
            self._resolve_doubts()
        settled, self._settled = self._settled, []
        return settled

    @property
    def busy(self) -> bool:
        """Whether something waits or is in flight."""
        return bool(self._waiting or self._in_flight)

    def sockets(self) -> tuple[list[int], list[int], list[int]]:
        """What to wait for, as `select.select` takes it."""
        readable, writable, exceptional = self._multi.fdset()
        return readable, writable, exceptional

    def patience_s(self) -> float:
        """How long to wait for the sockets at most."""
        timeout_ms = self._multi.timeout()
        return math.inf if timeout_ms < 0 else timeout_ms / 1000

    def abandon(self) -> None:
        """Forget what is not settled; answers that come later are not heard."""
        if self._in_flight:
            self._reconnect()
        self._waiting.clear()
        self._doubted.clear()

    def close(self) -> None:
        """End the connection and forget the key."""
        self.abandon()
        for request in self._idle:
            request.close()
        self._idle.clear()
        self._multi.close()
        self._close_socket()

    # the connection ------------------------------------------------------------------------------

    def _connect(self) -> None:
        """A multi handle is a pool of one connection, opened with the first push."""
        self._multi: pycurl.CurlMulti[Request] = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_MULTIPLEX)
        self._multi.setopt(pycurl.M_MAX_HOST_CONNECTIONS, 1)
        self._multi.setopt(pycurl.M_MAX_CONCURRENT_STREAMS, self._terms.max_in_flight)
        self._window = 1  # the server's limit of streams comes with its first answer
        self._proven = False  # it has answered
        self._retiring = False  # it takes no more pushes
        self._heard_at = time.monotonic()

    def _reconnect(self) -> None:
        """Close the connection; what was in flight waits again, first in the queue."""
        self._waiting.extendleft([(request.push, request.tries) for request in self._in_flight])
        self._free(list(self._in_flight))
        self._multi.close()
        self._close_socket()
        self._connect()

    def _new_request(self) -> Request:
        request = Request(self.identity, self._terms)
        request.setopt(pycurl.OPENSOCKETFUNCTION, self._open_socket)
        return request

    def _open_socket(self, _: int, address: tuple[int, int, int, object]) -> socket.socket:
        """Called by libcurl, which works on a duplicate."""
        self._close_socket()
        family, kind, protocol, _peer = address
        self._socket = socket.socket(family, kind, protocol)
        return self._socket

    def _close_socket(self) -> None:
        if self._socket:
            self._socket.close()
        self._socket = None

    def _hold_segments(self, *, hold: bool) -> None:
        """Let the kernel gather what libcurl writes push by push: a third less time for each."""
        if self._socket and sys.platform == "linux":
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, hold)

    def _free(self, requests: Iterable[Request]) -> None:
        for request in requests:
            self._multi.remove_handle(request)
        self._in_flight.difference_update(requests)
        self._idle.extend(requests)

    def _headers_at(self, now: datetime) -> list[str]:
        expiration = int(now.timestamp() + self._terms.expiration_s)
        return [
            f"apns-topic: {self._topic}",
            "apns-push-type: background",
            f"apns-priority: {self._terms.priority}",
            f"apns-expiration: {expiration}",
            "accept:",  # none of libcurl's own
            "content-type:",
            "user-agent:",
        ]

    # what came to an end -------------------------------------------------------------------------

    def _read(self) -> None:
        answered, failed = self._finished()
        verdict: Outcome | None = None  # of one push, when it settles all others too
        if answered:
            verdict = self._account_answers(answered)
        if failed:
            verdict = self._account_failures(failed) or verdict
        if verdict:
            self._give_up(verdict)

    def _finished(self) -> tuple[list[Request], list[_Failure]]:
        answered: list[Request] = []
        failed: list[_Failure] = []
        left = 1
        while left:
            left, done, broken = self._multi.info_read()
            answered += done
            failed += broken
        self._free(answered)
        self._free([request for request, _, _ in failed])
        return answered, failed

    def _account_answers(self, answered: list[Request]) -> Outcome | None:
        if not (self._proven or answered[0].is_http2):
            self._waiting.extend((request.push, 0) for request in answered)
            return apns_faults.not_http2(self._host)
        self._proven = True
        self._endings = 0
        self._heard_at = time.monotonic()
        self._adapt(len(answered), answered[-1])
        verdict: Outcome | None = None
        for request in answered:
            if request.status == HTTPStatus.OK:
                self._vouched = True
                self._settled.append((request.push, DELIVERED))
            else:
                verdict = self._account_refusal(request.push, request.answer()) or verdict
        self._trusted = self._trusted or self._vouched
        return verdict

    def _account_refusal(self, push: Push, answer: Answer) -> Outcome | None:
        self._vouched = self._vouched or answer.vouches
        self._retiring = self._retiring or answer.ends_connection
        if answer.blames_token:
            self._doubted.append((push, answer))
            return None
        outcome = answer.outcome(self._topic)
        self._settled.append((push, outcome))
        return outcome if isinstance(outcome, Halted) else None

    def _account_failures(self, failed: list[_Failure]) -> Outcome | None:
        for _, code, words in failed:
            if fault := apns_faults.line_fault(code, words, self._host, self._topic):
                self._waiting.extend((request.push, 0) for request, _, _ in failed)
                return fault
        for failure in failed:
            self._account_failure(*failure)
        endings = [words for _, code, words in failed if self._has_ended(code)]
        if not endings:
            return None
        self._endings += 1
        if self._endings >= _ENDINGS:
            return apns_faults.ended(self._host, endings[0])
        self._reconnect()
        return None

    def _account_failure(self, request: Request, code: int, words: str) -> None:
        if code == pycurl.E_OPERATION_TIMEDOUT and request.had_its_time:
            outcome = apns_faults.no_answer(self._host, self._terms.timeout_s)
        elif request.tries + 1 < _TRIES:
            self._waiting.append((request.push, request.tries + 1))
            return
        else:
            outcome = apns_faults.ended(self._host, words)
        self._settled.append((request.push, outcome))

    def _has_ended(self, code: int) -> bool:
        """Whether a failure was the whole connection's; one stream may stall beside others."""
        if code == pycurl.E_OPERATION_TIMEDOUT:
            return time.monotonic() - self._heard_at >= self._terms.timeout_s
        return code != apns_faults.STREAM_RESET

    def _adapt(self, count: int, newest: Request) -> None:
        """Keep about as many pushes in flight as the server has streams for.

        libcurl would queue the rest itself, but their time runs there, and after a GOAWAY it
        would open more streams at once than the next connection allows.
        """
        if newest.queued_us > _QUEUED_US:
            self._window = max(self._window - 1, 1)
        else:
            self._window = min(self._window + count, self._terms.max_in_flight)

    def _give_up(self, verdict: Outcome) -> None:
        """Settle all that is left with the same outcome, on no connection."""
        self._reconnect()
        self._endings = 0
        self._settled += [(push, verdict) for push, _ in self._waiting]
        self._settled += [(push, verdict) for push, _ in self._doubted]
        self._waiting.clear()
        self._doubted.clear()

    def _resolve_doubts(self) -> None:
        answers = [answer for _, answer in self._doubted]
        outcomes = judge(answers, self._topic, vouched=self._vouched, trusted=self._trusted)
        self._settled += zip((push for push, _ in self._doubted), outcomes, strict=True)
        self._doubted.clear()
