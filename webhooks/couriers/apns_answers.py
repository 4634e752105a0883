"""What an answer of APNs means for the push, its token, its certificate. Pure; no network here.

Source: Apple, "Handling notification responses from APNs" (statuses, reasons, `timestamp`).
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus

from webhooks.couriers.outcomes import Delivered, Gone, Halted, Later, Outcome, Refused

DELIVERED = Delivered()

_REASON = re.compile(r"[A-Za-z]{1,64}")  # nothing else of an answer reaches a log
_MANY_TOKENS = 20  # so many are never all wrong: the environment is
_TOPIC_REASONS = frozenset(
    {"BadTopic", "DeviceTokenNotForTopic", "MissingTopic", "TopicDisallowed"}
)
_TOKEN_REASONS = frozenset({"BadDeviceToken", "DeviceTokenNotForTopic"})
_CLOSING_REASONS = frozenset({"IdleTimeout", "Shutdown"})
_PATIENCE = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
_TOO_MANY_S = 60.0
_RENEW = (
    "the certificate of {topic} is expired or revoked, renew it with `passmint certs csr {topic}`"
)
_CERTIFICATE_CURES = {
    "BadCertificateEnvironment": "the certificate of {topic} is for another environment, "
    "check PASSMINT_APNS_URL",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: `reason` is empty when it told none, `gone_at` comes with 410 alone.

    `retry_after_s` is what the header Retry-After asked for, None without one.
    """

    status: int
    reason: str = ""
    gone_at: datetime | None = None
    retry_after_s: float | None = None

    @property
    def blames_token(self) -> bool:
        """Whether it says that the token is wrong; `judge` tells whether to believe it."""
        return self.status == HTTPStatus.BAD_REQUEST and self.reason in _TOKEN_REASONS

    @property
    def calls_token_bad(self) -> bool:
        """Whether it says so of every topic."""
        return self.status == HTTPStatus.BAD_REQUEST and self.reason == "BadDeviceToken"

    @property
    def vouches(self) -> bool:
        """Whether it proves that certificate, topic and environment are right."""
        return self.status in {HTTPStatus.OK, HTTPStatus.GONE}

    @property
    def ends_connection(self) -> bool:
        """Whether APNs wants us on another connection."""
        return self.reason in _CLOSING_REASONS

    def outcome(self, topic: str) -> Outcome:
        """What became of a push for this pass type identifier."""
        why = f"APNs answered {self.status} {self.reason or 'without a reason'}"
        if self.status == HTTPStatus.OK:
            return DELIVERED
        if self.status == HTTPStatus.GONE or self.calls_token_bad:
            return Gone(why, self.gone_at)
        if halted := self._halted(topic):
            return Halted(f"{why}: {halted}.")
        if self._refused:
            return Refused(why)
        if self.status == HTTPStatus.TOO_MANY_REQUESTS:  # of one phone; APNs sends no Retry-After
            return Later(why, self.retry_after_s or _TOO_MANY_S)
        return Later(why, self.retry_after_s)  # 5xx too, and what APNs never sends

    def _halted(self, topic: str) -> str:
        """Why nothing of the queue can be taken, with the cure; empty when that is not so."""
        if self.status == HTTPStatus.FORBIDDEN:
            return _CERTIFICATE_CURES.get(self.reason, _RENEW).format(topic=topic)
        if self.status == HTTPStatus.BAD_REQUEST and self.reason in _TOPIC_REASONS:
            return f"check that certificate and tokens belong to {topic}"
        return ""

    @property
    def _refused(self) -> bool:
        is_ours = HTTPStatus.BAD_REQUEST <= self.status < HTTPStatus.INTERNAL_SERVER_ERROR
        return is_ours and self.status not in _PATIENCE and self.reason != "IdleTimeout"


def judge(doubted: Sequence[Answer], topic: str, *, vouched: bool, trusted: bool) -> list[Outcome]:
    """The outcomes of the answers of one batch that blame the token.

    `vouched`: another token of this batch was taken; without that, many bad tokens mean a wrong
    environment, and nobody's phone is forgotten for it. `trusted`: one was taken before, so a
    token of another app stops nobody else: whoever holds a pass can register any token.
    """
    bad = sum(answer.calls_token_bad for answer in doubted)
    if bad >= _MANY_TOKENS and not vouched and not trusted:
        why = f"APNs called all {bad} push tokens of {topic} bad: check PASSMINT_APNS_URL."
        return [Halted(why)] * len(doubted)
    return [_believed(answer.outcome(topic), trusted=trusted) for answer in doubted]


def _believed(outcome: Outcome, *, trusted: bool) -> Outcome:
    return Refused(outcome.why) if trusted and isinstance(outcome, Halted) else outcome


def read_answer(status: int, body: bytes, retry_after_s: float | None = None) -> Answer:
    """The answer of a status and its JSON body; what cannot be read counts as not told."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        return Answer(status, retry_after_s=retry_after_s)
    gone_at = _moment(document.get("timestamp")) if status == HTTPStatus.GONE else None
    return Answer(status, _reason(document.get("reason")), gone_at, retry_after_s)


def _reason(value: object) -> str:
    return value if isinstance(value, str) and _REASON.fullmatch(value) else ""


def _moment(milliseconds: object) -> datetime | None:
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int):
        return None
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
