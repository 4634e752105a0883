"""The courier to Google Wallet: desired states and messages in, outcomes out, over its REST API.

Source: Google Wallet REST reference, loyaltyclass and loyaltyobject. Not for: making the documents
(passes.wallets.google), when to try again (retry).
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from queue import SimpleQueue
from typing import Generic, TypeVar

from webhooks.couriers.google_answers import (
    Act,
    Answer,
    Synced,
    judge,
    review_of,
    verdict,
)
from webhooks.couriers.google_line import Line
from webhooks.couriers.google_requests import (
    PAGE,
    Held,
    Kind,
    Message,
    Notice,
    Upsert,
    first_act,
    listed,
    message_ids,
    next_page,
    request,
)
from webhooks.couriers.google_token import SharedToken
from webhooks.couriers.google_turns import Reserve, Turns
from webhooks.couriers.outcomes import Halted, Later, Outcome, Refused, Slower

__all__ = ["GoogleRest", "Held", "Kind", "Message", "Unanswered", "Upsert"]

_MOST_REQUESTS = 5  # for one notice: PATCH, INSERT and PATCH again, and a new token
_LATE = Later("Its turn did not come in time: Google or the queue before it was slow.")
_REJECTED = "see why in the Google Pay & Wallet console, then change the program's look"

N = TypeVar("N", bound=Notice)


class Unanswered(Exception):
    """A question to Google had no good answer; `outcome` says what that means."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(getattr(outcome, "why", ""))
        self.outcome = outcome


class GoogleRest:
    """Delivers notices; `deliver` is for one thread at a time, connections and threads stay.

    `service_account`  its key file, which also names the token service
    `api_url`          https address of Google Wallet or a stand-in, without a path
    `reserve`          takes turns of the account's rate: in how many seconds each of so many is
    `timeout_s`        for each request, between two bytes of its answer
    `patience_s`       no request begins later after the begin of `deliver`: the rows' lease has to
                       last this long and two timeouts more, then nothing old overtakes the new
    """

    under_way = False  # each call waits for all its outcomes

    def __init__(
        self,
        service_account: Path,
        *,
        api_url: str,
        now: Callable[[], datetime],
        reserve: Reserve,
        timeout_s: float = 10.0,
        patience_s: float = 30.0,
        threads: int = 8,
    ) -> None:
        """Raises CertificateError (service_account_invalid)."""
        self._token = SharedToken(service_account)
        self._api_url = api_url
        self._now = now
        self._turns = Turns(reserve, threads)
        self._timeout_s = timeout_s
        self._patience_s = patience_s
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="google")
        self._mine = threading.local()
        self._lines: list[Line] = []

    @property
    def account(self) -> str:
        """The service account's e-mail address."""
        return self._token.email

    def deliver(self, notices: Sequence[N]) -> Iterator[tuple[N, Outcome]]:
        """Each notice with its outcome, as the answers arrive; in the end every notice had one.

        What concerns the same class or object goes in the order given, one after the other. When
        Google wants nothing more now (a quota, no permission), the rest is not sent. Left early,
        the call ends when the requests under way have.
        """
        batch: _Batch[N] = _Batch(time.monotonic() + self._patience_s, len(notices))
        chains: dict[str, list[N]] = defaultdict(list)
        for notice in notices:
            chains[notice.id].append(notice)
        futures = [self._pool.submit(self._tell_in_order, one, batch) for one in chains.values()]
        try:
            for _ in notices:
                arrived = batch.arrived.get()
                if isinstance(arrived, BaseException):
                    raise arrived
                yield arrived
        finally:
            self._abandon(batch, futures)

    def read(self, kind: Kind, resource_id: str) -> Mapping[str, object] | None:
        """The class or object as Google shows it, None when it is not there; raises Unanswered."""
        answer = self._asked(f"{kind}/{resource_id}", {})
        return answer.document if answer else None

    def list_objects(self, class_id: str) -> Iterator[Held]:
        """All objects of a class, page by page, each a request in its turn; raises Unanswered."""
        query = {"classId": class_id, **PAGE}
        while answer := self._asked("loyaltyObject", query):
            yield from listed(answer.document)
            token = next_page(answer.document)
            if token is None or token == query.get("token"):
                return
            query["token"] = token

    def close(self) -> None:
        """End all threads and connections."""
        self._pool.shutdown(cancel_futures=True)
        for line in self._lines:
            line.close()

    def _tell_in_order(self, notices: Sequence[N], batch: "_Batch[N]") -> None:
        """The notices of one class or object; after one that has to wait, all others wait too."""
        waiting: Outcome | None = None
        try:
            for notice in notices:
                outcome = waiting or self._tell(notice, batch)
                if isinstance(outcome, Later):
                    waiting = outcome
                if isinstance(outcome, Halted | Slower):
                    batch.ending = outcome
                batch.arrived.put((notice, outcome))
        except BaseException as error:  # noqa: BLE001  # raised again where the outcome is awaited
            batch.arrived.put(error)

    def _tell(self, notice: Notice, batch: "_Term") -> Outcome:
        batch.begin()
        act, may_renew = first_act(notice), True
        if isinstance(notice, Message) and notice.again:
            known = self._is_known(notice, batch)
            if known is not None:
                return known
        for _ in range(_MOST_REQUESTS):
            answer = self._in_turn(batch, *request(notice, act))
            if not isinstance(answer, Answer):
                return answer
            step = judge(answer, act, self.account)
            if step is Act.RENEW and may_renew:
                self._line().forget_token()
                may_renew = False
            elif step is Act.RENEW:
                return verdict(answer, self.account)
            elif isinstance(step, Act):
                act = step
            elif isinstance(step, Refused) and act is Act.INSERT:
                return self._class_in_review(notice, batch) or step
            else:
                return step
        return Later("Google answers by turns that it is there and that it is not.")

    def _class_in_review(self, notice: Notice, batch: "_Term") -> Outcome | None:
        """Why a new object has to wait: Google takes none before it approved the class."""
        class_id = notice.body.get("classId") if isinstance(notice, Upsert) else None
        if not isinstance(class_id, str):
            return None
        answer = self._in_turn(batch, "GET", f"loyaltyClass/{class_id}", None)
        if not isinstance(answer, Answer):
            return answer
        review = review_of(answer.document)
        if not answer.is_success or review == "approved":
            return None
        if review == "rejected":
            return Refused(f"Google rejected {class_id}: {_REJECTED}.")
        return Later(f"Google takes cards of {class_id} when it is approved; it is {review}.")

    def _is_known(self, message: Message, batch: "_Term") -> Outcome | None:
        """Synced when the message arrived before; None when it is to be sent."""
        answer = self._in_turn(batch, "GET", f"{message.kind}/{message.id}", None)
        if not isinstance(answer, Answer):
            return answer
        return Synced() if message.message_id in message_ids(answer.document) else None

    def _in_turn(
        self, batch: "_Term", method: str, path: str, body: Mapping[str, object] | None
    ) -> Answer | Outcome:
        if over := batch.over():
            return over
        self._turns.wait(1 + batch.left)
        return batch.over() or self._line().send(method, path, body)

    def _asked(self, path: str, query: Mapping[str, str]) -> Answer | None:
        """The answer to a question; None for 404."""
        self._turns.wait()
        answer = self._line().send("GET", path, query=query)
        if isinstance(answer, Answer) and answer.status == 401:  # noqa: PLR2004  # its token ended
            self._line().forget_token()
            answer = self._line().send("GET", path, query=query)
        if not isinstance(answer, Answer):
            raise Unanswered(answer)
        if answer.status == 404:  # noqa: PLR2004  # HTTP's own number
            return None
        if not answer.is_success:
            raise Unanswered(verdict(answer, self.account))
        return answer

    def _line(self) -> Line:
        """This thread's own."""
        if not hasattr(self._mine, "line"):
            self._mine.line = Line(self._token, self._api_url, self._timeout_s, self._now)
            self._lines.append(self._mine.line)
        line: Line = self._mine.line
        return line

    def _abandon(self, batch: "_Term", futures: Sequence[Future[None]]) -> None:
        batch.ending = batch.ending or _LATE
        for future in futures:
            future.cancel()
        wait(futures)


@dataclass(slots=True)
class _Term:
    """Until when the requests of one `deliver` may begin, and why they may not any more.

    `left` is how many of its notices were not begun yet.
    """

    deadline: float
    left: int
    ending: Outcome | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self) -> None:
        with self.lock:
            self.left -= 1

    def over(self) -> Outcome | None:
        """What becomes of a notice that cannot be sent any more; None as long as it can."""
        if self.ending is None and time.monotonic() >= self.deadline:
            return _LATE
        return self.ending


@dataclass(slots=True)
class _Batch(_Term, Generic[N]):
    """One call of `deliver`, with the outcomes that arrived."""

    arrived: SimpleQueue[tuple[N, Outcome] | BaseException] = field(default_factory=SimpleQueue)
