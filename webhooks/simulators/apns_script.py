"""What a local APNs is told to answer: rules by token, topic, count and turn. No network here.

Rules are asked in the order they were given, and the first that applies decides; without one a
push is taken (200). JSON form, every key but `answer` optional:

    {"token": "ab12…", "topic": "pass.com.example", "next": 3, "every": 10,
     "answer": "status", "status": 410, "reason": "Unregistered", "timestamp": 1790000000000,
     "retry_after": 30, "delay_s": 0.5}

`next` lets a rule apply that many times; `every` n only to the n-th, 2n-th … push it matches.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Literal, get_args

# What Apple answers with which status (Apple, "Handling notification responses from APNs").
REASONS: Mapping[int, frozenset[str]] = {
    400: frozenset(
        {
            "BadCollapseId",
            "BadDeviceToken",
            "BadExpirationDate",
            "BadMessageId",
            "BadPriority",
            "BadTopic",
            "DeviceTokenNotForTopic",
            "DuplicateHeaders",
            "IdleTimeout",
            "InvalidPushType",
            "MissingDeviceToken",
            "MissingTopic",
            "PayloadEmpty",
            "TopicDisallowed",
        }
    ),
    403: frozenset(
        {
            "BadCertificate",
            "BadCertificateEnvironment",
            "ExpiredProviderToken",
            "Forbidden",
            "InvalidProviderToken",
            "MissingProviderToken",
        }
    ),
    404: frozenset({"BadPath"}),
    405: frozenset({"MethodNotAllowed"}),
    410: frozenset({"ExpiredToken", "Unregistered"}),
    413: frozenset({"PayloadTooLarge"}),
    429: frozenset({"TooManyProviderTokenUpdates", "TooManyRequests"}),
    500: frozenset({"InternalServerError"}),
    503: frozenset({"ServiceUnavailable", "Shutdown"}),
}

# status   answered as the other fields say
# stall    never answered
# reset    the connection is torn down without an answer
# refused  REFUSED_STREAM: not processed, may be sent again at once
# goaway   GOAWAY that leaves this push out: to be sent again on a new connection
How = Literal["status", "stall", "reset", "refused", "goaway"]


class ScriptError(Exception):
    """A rule that cannot be followed; the message names its key and what it may be."""

    code = "script_invalid"


@dataclass(frozen=True, slots=True)
class Answer:
    """What becomes of one push. `timestamp` is in milliseconds, as Apple's for 410."""

    how: How = "status"
    status: int = 200
    reason: str | None = None
    timestamp: int | None = None
    retry_after: int | None = None
    delay_s: float = 0.0


TAKEN = Answer()


@dataclass(frozen=True, slots=True)
class Rule:
    """An answer and the pushes it is for; what is None is not asked."""

    answer: Answer
    token: str | None = None
    topic: str | None = None
    next: int | None = None
    every: int = 1

    def concerns(self, token: str, topic: str) -> bool:
        """Whether token and topic are those of this rule."""
        return self.token in {None, token} and self.topic in {None, topic}

    def applies(self, turn: int) -> bool:
        """Whether it applies to the `turn`-th push it concerns, counted from 1."""
        within = self.next is None or turn <= self.next * self.every
        return within and turn % self.every == 0


class Script:
    """The rules in force, with their counts; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._rules: list[Rule] = []
        self._turns: list[int] = []

    def add(self, *rules: Rule) -> None:
        """Follow these after the rules already there."""
        with self._lock:
            self._rules += rules
            self._turns += [0] * len(rules)

    def clear(self) -> None:
        """Take every push again."""
        with self._lock:
            self._rules.clear()
            self._turns.clear()

    def answer(self, token: str, topic: str) -> Answer:
        """What to do with a push, counting it for every rule up to the one that decides."""
        with self._lock:
            for place, rule in enumerate(self._rules):
                if not rule.concerns(token, topic):
                    continue
                self._turns[place] += 1
                if rule.applies(self._turns[place]):
                    return rule.answer
        return TAKEN


def rule_from_json(document: object) -> Rule:
    """The rule of the JSON form above; raises ScriptError."""
    if not isinstance(document, dict):
        raise ScriptError("A rule must be a JSON object.")
    unknown = sorted(map(str, document.keys() - _KEYS))
    if unknown:
        raise ScriptError(f"Unknown keys {', '.join(unknown)}; a rule has {', '.join(_KEYS)}.")
    return Rule(
        answer=_answer(document),
        token=_text(document, "token", lower=True),
        topic=_text(document, "topic"),
        next=_whole(document, "next", least=1),
        every=_whole(document, "every", least=1) or 1,
    )


_KEYS = dict.fromkeys(
    (
        "token",
        "topic",
        "next",
        "every",
        "answer",
        "status",
        "reason",
        "timestamp",
        "retry_after",
        "delay_s",
    )
)


def _answer(document: Mapping[str, object]) -> Answer:
    how = document.get("answer", "status")
    choices: Mapping[object, How] = {one: one for one in get_args(How)}
    if how not in choices:
        raise ScriptError(f"`answer` must be one of {', '.join(map(str, choices))}.")
    status = _whole(document, "status", least=200) or 200
    reason = _text(document, "reason")
    if status != 200 and reason not in REASONS.get(status, ()):  # noqa: PLR2004
        known = ", ".join(sorted(REASONS.get(status, ()))) or "no reason: APNs never sends it"
        raise ScriptError(f"`reason` of status {status} must be one of: {known}.")
    return Answer(
        how=choices[how],
        status=status,
        reason=reason,
        timestamp=_whole(document, "timestamp", least=0),
        retry_after=_whole(document, "retry_after", least=0),
        delay_s=_seconds(document, "delay_s"),
    )


def _text(document: Mapping[str, object], key: str, *, lower: bool = False) -> str | None:
    value = document.get(key)
    if value is not None and not isinstance(value, str):
        raise ScriptError(f"`{key}` must be text.")
    return value.lower() if value and lower else value


def _whole(document: Mapping[str, object], key: str, least: int) -> int | None:
    value = document.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ScriptError(f"`{key}` must be a whole number of at least {least}.")
    return value


def _seconds(document: Mapping[str, object], key: str) -> float:
    value = document.get(key, 0.0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 3600:  # noqa: PLR2004
        raise ScriptError(f"`{key}` must be a number of seconds from 0 to 3600.")
    return float(value)
