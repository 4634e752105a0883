"""What the local Google is told to do with requests: rules by method, path, count and turn.

Without a rule a request takes its course. JSON form, every key but `answer` optional:

    {"method": "PATCH", "path": "/loyaltyObject/", "next": 3, "every": 10,
     "answer": "status", "status": 429, "reason": "rateLimitExceeded", "retry_after": 30,
     "delay_s": 5, "applied": false}

`path` is a part of the path; for `next` and `every` see script. The answers:

    course  none but the wait `delay_s` before it
    status  this HTTP status with Google's error body
    hold    none until it is released
    stall   none at all: the client gives up
    reset   the connection is reset

`applied` tells whether the request was obeyed before it got this answer. One that is held without
it is obeyed when it is released, as if it had been that long on its way.
"""

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from webhooks.simulators.script import Rules, ScriptError, told


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


COURSE = Rule(answer="course")

_RULES = TypeAdapter(tuple[Rule, ...])


class Script(Rules[Rule]):
    """The rules in force."""

    def rule_for(self, method: str, path: str) -> Rule:
        """What decides over a request."""
        return self.decide(method, path) or COURSE


def rules_from_json(document: object) -> Sequence[Rule]:
    """A list of rules of the JSON form above; raises ScriptError."""
    try:
        return _RULES.validate_python(document)
    except ValidationError as error:
        raise ScriptError(told(error)) from error
