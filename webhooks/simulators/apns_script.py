"""What a local APNs is told to answer: rules by token, topic, count and turn. No network here.

Without a rule a push is taken (200). JSON form, every key optional:

    {"token": "ab12…", "topic": "pass.com.example", "next": 3, "every": 10,
     "answer": "status", "status": 410, "reason": "Unregistered", "timestamp": 1790000000000,
     "retry_after": 30, "delay_s": 0.5}

For `next` and `every` see script.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from webhooks.simulators.script import Rules

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


class Script(Rules[Rule]):
    """The rules in force."""

    def answer(self, token: str, topic: str) -> Answer:
        """What becomes of a push."""
        rule = self.decide(token, topic)
        return rule.answer if rule else TAKEN


class RuleForm(BaseModel):
    """A rule in its JSON form."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    token: str | None = None
    topic: str | None = None
    next: int | None = Field(default=None, ge=1)
    every: int = Field(default=1, ge=1)
    answer: How = "status"
    status: int = Field(default=TAKEN.status, ge=200)
    reason: str | None = None
    timestamp: int | None = Field(default=None, ge=0)
    retry_after: int | None = Field(default=None, ge=0)
    delay_s: float = Field(default=0, ge=0, le=3600)

    @model_validator(mode="after")
    def _is_said_by_apns(self) -> Self:
        reasons = REASONS.get(self.status, frozenset())
        if self.status != TAKEN.status and self.reason not in reasons:
            known = ", ".join(sorted(reasons)) or "no reason: APNs never sends it"
            raise ValueError(f"`reason` of status {self.status} must be one of: {known}.")
        return self

    def rule(self) -> Rule:
        return Rule(
            Answer(
                how=self.answer,
                status=self.status,
                reason=self.reason,
                timestamp=self.timestamp,
                retry_after=self.retry_after,
                delay_s=self.delay_s,
            ),
            token=self.token and self.token.lower(),
            topic=self.topic,
            next=self.next,
            every=self.every,
        )
