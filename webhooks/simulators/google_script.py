"""What the local Google is told to do with requests: rules by method, path, count and turn.

Rules are asked in the order they were given, and the first that applies decides; without one a
request takes its course. JSON form, every key but `answer` optional:

    {"method": "PATCH", "path": "/loyaltyObject/", "next": 3, "every": 10,
     "answer": "status", "status": 429, "reason": "rateLimitExceeded", "retry_after": 30,
     "delay_s": 5, "applied": false}

`path` is a part of the path; `next` lets a rule apply that many times; `every` n only to the n-th,
2n-th … request it matches. The answers:

    course  none but the wait `delay_s` before it
    status  this HTTP status with Google's error body
    hold    none until it is released
    stall   none at all: the client gives up
    reset   the connection is reset

`applied` tells whether the request was obeyed before it got this answer. One that is held without
it is obeyed when it is released, as if it had been that long on its way.
"""

from collections.abc import Sequence
from threading import Lock
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from webhooks.simulators.google_knobs import told


class ScriptError(Exception):
    """A rule that cannot be followed; the message names its key and what it may be."""

    code = "script_invalid"


class Rule(BaseModel):
    """One rule of the form above."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    answer: Literal["course", "status", "hold", "stall", "reset"]
    method: str = ""
    path: str = ""
    next: int | None = Field(default=None, ge=1)
    every: int = Field(default=1, ge=1)
    status: int = Field(default=503, ge=400, le=599)
    reason: str = ""
    retry_after: int | None = Field(default=None, ge=0)
    delay_s: float = Field(default=0, ge=0, le=3600)
    applied: bool = False

    def concerns(self, method: str, path: str) -> bool:
        """Whether it is about requests like this one."""
        return self.method in {"", method} and self.path in path

    def applies(self, turn: int) -> bool:
        """Whether it applies to the `turn`-th request it concerns, counted from 1."""
        within = self.next is None or turn <= self.next * self.every
        return within and turn % self.every == 0


COURSE = Rule(answer="course")

_RULES = TypeAdapter(tuple[Rule, ...])


class Script:
    """The rules in force, with their counts; safe to use from several threads."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []
        self._turns: list[int] = []
        self._lock = Lock()

    def add(self, *rules: Rule) -> None:
        """Follow these after the rules already there."""
        with self._lock:
            self._rules += rules
            self._turns += [0] * len(rules)

    def clear(self) -> None:
        """Let everything take its course."""
        with self._lock:
            self._rules.clear()
            self._turns.clear()

    def rule_for(self, method: str, path: str) -> Rule:
        """What decides over a request, counting it for every rule up to that one."""
        with self._lock:
            for place, rule in enumerate(self._rules):
                if not rule.concerns(method, path):
                    continue
                self._turns[place] += 1
                if rule.applies(self._turns[place]):
                    return rule
        return COURSE


def rules_from_json(document: object) -> Sequence[Rule]:
    """A list of rules of the JSON form above; raises ScriptError."""
    try:
        return _RULES.validate_python(document)
    except ValidationError as error:
        raise ScriptError(told(error)) from error
