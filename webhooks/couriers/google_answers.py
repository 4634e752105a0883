"""What an answer of Google Wallet means: an outcome, or what to do next. Pure; no network here.

Judged by status and `errors[0].reason`, never by words; a reason nobody knows counts by its status.
Source: Google Wallet, "Error codes" and "API performance tips"; googleapiclient.http retries the
rate limits that come as 403.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from http import HTTPStatus

from webhooks.couriers.outcomes import Delivered, Halted, Later, Outcome, Refused, Slower

_REASON = re.compile(r"[A-Za-z_.]{1,64}")
_MAX_WORDS = 200
_PATIENCE = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
_QUOTAS = frozenset({"quotaExceeded", "rateLimitExceeded", "userRateLimitExceeded"})
_INVITE = "invite {account} as a user in the Google Pay & Wallet console (Users, role Developer)"
_CURES = {
    "accessNotConfigured": "enable the Google Wallet API in the Google Cloud project of {account}"
}


class Act(Enum):
    """A request that tells a notice, or, as the next step, that needs a new token first."""

    PATCH = auto()
    INSERT = auto()
    NOTIFY = auto()  # add a message with a notice on the lock screen
    MENTION = auto()  # add it silently
    RENEW = auto()


@dataclass(frozen=True, slots=True)
class Synced(Delivered):
    """Google has it. `has_users`: whether somebody holds the object, None when it was not told.

    `notified` is False when a message had to go without its notice: the day's quota was used up.
    """

    has_users: bool | None = None
    notified: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; `reason` and `words` are empty when it told none.

    `retry_after_s` is what the header Retry-After asked for, None without one. `document` is the
    JSON object of the body, empty when it is none.
    """

    status: int
    reason: str
    words: str
    retry_after_s: float | None
    document: Mapping[str, object] = field(repr=False)

    @property
    def is_success(self) -> bool:
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def is_about_rates(self) -> bool:
        """Whether it asks us to send less."""
        too_many = self.status == HTTPStatus.TOO_MANY_REQUESTS
        return too_many or (self.status == HTTPStatus.FORBIDDEN and self.reason in _QUOTAS)

    def __str__(self) -> str:
        return f"Google answered {self.status} {self.reason or 'without a reason'}"


def judge(answer: Answer, act: Act, account: str) -> Outcome | Act:
    """What an answer to a request means; `account` is the service account's e-mail address."""
    match answer.status, act:
        case _ if answer.is_success:
            return Synced(has_users_of(answer.document), notified=act is not Act.MENTION)
        case HTTPStatus.NOT_FOUND, Act.PATCH:
            return Act.INSERT
        case HTTPStatus.CONFLICT, Act.INSERT:
            return Act.PATCH
        case HTTPStatus.FORBIDDEN, Act.NOTIFY if answer.reason == "quotaExceeded":
            return Act.MENTION
        case HTTPStatus.UNAUTHORIZED, _:
            return Act.RENEW
        case _:
            return verdict(answer, account)


def verdict(answer: Answer, account: str) -> Outcome:
    """What a refusal means when nothing else can be tried."""
    if answer.is_about_rates:
        return Slower(str(answer), answer.retry_after_s)
    match answer.status:
        case HTTPStatus.UNAUTHORIZED:
            return Halted(
                f"{answer}, even with a new access token of {account}: check the key file and "
                "PASSMINT_GOOGLE_API_URL with `passmint doctor google`."
            )
        case HTTPStatus.FORBIDDEN:
            cure = _CURES.get(answer.reason, _INVITE).format(account=account)
            return Halted(f"{answer}: {cure}.")
        case HTTPStatus.NOT_FOUND:
            # An object comes before its class when the class had to wait: the order heals itself.
            return Later(f"{answer}: the class or the object is not there yet.")
        case status if _is_refusal(status):
            return Refused(str(answer), answer.words)
        case _:
            return Later(str(answer), answer.retry_after_s)


def read_answer(
    status: int, body: bytes, retry_after_s: float | None = None, secret: str = ""
) -> Answer:
    """The answer of a status and its body; what cannot be read counts as not told.

    `secret` was sent along and is struck out, should the answer quote it.
    """
    document = _object(body)
    error = _mapping(document.get("error"))
    first = _first(error.get("errors"))
    reason = first.get("reason") or error.get("status")
    return Answer(
        status,
        reason if isinstance(reason, str) and _REASON.fullmatch(reason) else "",
        _words(error.get("message"), secret),
        retry_after_s,
        document,
    )


def has_users_of(document: Mapping[str, object]) -> bool | None:
    """Whether somebody holds this object, None when it does not tell."""
    has_users = document.get("hasUsers")
    return has_users if isinstance(has_users, bool) else None


def review_of(document: Mapping[str, object]) -> str:
    """A class's review in small letters, in which UNDER_REVIEW and its old name underReview agree.

    The live API answers in the old names of its enums.
    """
    return str(document.get("reviewStatus", "")).replace("_", "").lower()


def _is_refusal(status: int) -> bool:
    is_ours = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    return is_ours and status not in _PATIENCE


def _object(body: bytes) -> Mapping[str, object]:
    try:
        return _mapping(json.loads(body))
    except (ValueError, RecursionError):
        return {}


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _first(value: object) -> Mapping[str, object]:
    return _mapping(value[0]) if isinstance(value, list) and value else {}


def _words(message: object, secret: str) -> str:
    """Google's sentence for people: one line, not too long, nothing secret."""
    if not isinstance(message, str):
        return ""
    text = message.replace(secret, "…") if secret else message
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(printable.split())[:_MAX_WORDS].rstrip(" .")
