"""Callbacks to merchants: signed, sent in the background, tried again, and spoilt on request.

Google says: no order, duplicates are possible, best effort. When it tries again is not known; the
waits are a knob. A redirect is no success.
"""

import secrets
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Event as Signal
from threading import Lock, Thread
from urllib.parse import urljoin
from urllib.robotparser import RobotFileParser

from webhooks.simulators.google_ecv2 import Flaw, Sealer, other_issuer
from webhooks.simulators.google_knobs import Panel
from webhooks.simulators.google_save import Event
from webhooks.simulators.web import HttpWeb, Unreachable

USER_AGENT = "Googlebot"

_KEPT = 2_000
_GOOD_FOR = timedelta(hours=1)  # assumed
_OK = 200


@dataclass(slots=True)
class Letter:
    """One callback. `answers` are statuses, `unreachable` or `robots`; `done`: nothing follows."""

    number: int
    event: Event
    class_id: str
    object_id: str
    url: str
    body: bytes = field(repr=False)
    flaw: Flaw | None
    due: datetime
    answers: list[int | str] = field(default_factory=list)
    done: bool = False

    def as_json(self) -> dict[str, object]:
        return {
            "number": self.number,
            "event": self.event,
            "class_id": self.class_id,
            "object_id": self.object_id,
            "url": self.url,
            "body": self.body.decode("utf-8", "replace"),
            "flaw": self.flaw,
            "answers": list(self.answers),
            "done": self.done,
        }


class Postman:
    """Sends letters one after the other; safe to use from several threads."""

    def __init__(
        self,
        issuer_id: str,
        panel: Panel,
        sealer: Sealer,
        make_web: Callable[[], HttpWeb] = HttpWeb,
    ) -> None:
        self._issuer_id = issuer_id
        self._panel = panel
        self._sealer = sealer
        self._make_web = make_web
        self._letters: deque[Letter] = deque(maxlen=_KEPT)
        self._waiting: list[Letter] = []
        self._held: list[Letter] = []
        self._number = 0
        self._lock = Lock()
        self._work = Signal()

    def post(
        self, event: Event, class_id: str, object_id: str, url: str, flaw: Flaw | None = None
    ) -> None:
        """Write a callback and send it soon, in as many copies as the knob says."""
        knobs = self._panel.knobs
        flaw = flaw or knobs.callback_flaw
        now = self._panel.now()
        message = self._message(event, class_id, object_id, now, flaw)
        body = self._sealer.seal(message, now, flaw)
        with self._lock:
            for _ in range(knobs.callback_copies):
                self._number += 1
                letter = Letter(self._number, event, class_id, object_id, url, body, flaw, due=now)
                self._letters.append(letter)
                (self._held if knobs.hold_callbacks else self._waiting).append(letter)
        self._work.set()

    def release(self, *, reverse: bool = False) -> int:
        """Send what was held, perhaps the newest first; how many."""
        with self._lock:
            held = self._held[::-1] if reverse else list(self._held)
            self._held.clear()
            self._waiting += held
        self._work.set()
        return len(held)

    def letters(self) -> list[Letter]:
        """What was written, oldest first."""
        with self._lock:
            return list(self._letters)

    def clear(self) -> None:
        """Forget everything, also what was not sent yet."""
        with self._lock:
            self._letters.clear()
            self._waiting.clear()
            self._held.clear()

    @contextmanager
    def walking(self) -> Iterator[None]:
        """Deliver for the length of the block."""
        ended = Signal()
        thread = Thread(target=self._walk, args=(ended,), name="callbacks", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            self._work.set()
            thread.join()

    def _walk(self, ended: Signal) -> None:
        with closing(self._make_web()) as web:
            while not ended.is_set():
                self._work.clear()
                letter = self._take()
                if letter:
                    self._deliver(letter, web)
                else:
                    self._work.wait(0.2 if self._waiting else None)

    def _take(self) -> Letter | None:
        now = self._panel.now()
        with self._lock:
            letter = next((one for one in self._waiting if one.due <= now), None)
            if letter:
                self._waiting.remove(letter)
            return letter

    def _deliver(self, letter: Letter, web: HttpWeb) -> None:
        """One try; what was not answered with 200 waits for the next one."""
        answer = self._try(letter, web)
        letter.answers.append(answer)
        waits = self._panel.knobs.callback_waits_s
        tries = len(letter.answers)
        letter.done = answer in {_OK, "robots"} or tries > len(waits)
        if not letter.done:
            letter.due = self._panel.now() + timedelta(seconds=waits[tries - 1])
            with self._lock:
                self._waiting.append(letter)

    def _try(self, letter: Letter, web: HttpWeb) -> int | str:
        try:
            if self._panel.knobs.robots and not _lets_in(letter.url, web):
                return "robots"
            headers = {"User-Agent": USER_AGENT, "Content-Type": "application/json"}
            return web.send("POST", letter.url, headers, letter.body).status
        except Unreachable:
            return "unreachable"

    def _message(
        self, event: Event, class_id: str, object_id: str, now: datetime, flaw: Flaw | None
    ) -> dict[str, object]:
        """Exactly the six keys that real callbacks have."""
        ends = now - timedelta(minutes=1) if flaw == "expired" else now + _GOOD_FOR
        nonce = secrets.token_urlsafe(16)
        if flaw in {"other_issuer", "foreign_pass"}:
            other = other_issuer(self._issuer_id)
            class_id, object_id = (
                f"{other}.{one.partition('.')[2]}" for one in (class_id, object_id)
            )
        message: dict[str, object] = {
            "classId": class_id,
            "objectId": object_id,
            "eventType": event,
            "expTimeMillis": int(ends.timestamp() * 1000),
            "count": 1,
            "nonce": f"žluťoučký-{nonce}" if flaw == "non_ascii" else nonce,
        }
        if flaw == "no_nonce":
            del message["nonce"]
        return message


def _lets_in(url: str, web: HttpWeb) -> bool:
    """Whether the site's robots.txt allows the callback; a site without one does."""
    answer = web.send("GET", urljoin(url, "/robots.txt"), {"User-Agent": USER_AGENT})
    if answer.status != _OK:
        return True
    robots = RobotFileParser()
    robots.parse(answer.body.decode("utf-8", "replace").splitlines())
    return robots.can_fetch(USER_AGENT, url)
