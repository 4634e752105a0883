"""`passmint doctor google`: everything that keeps cards from phones, each fault with its cure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import requests
from google.auth.transport.requests import Request

from certs.errors import CertificateError
from certs.google import GoogleIdentity, load_google_identity
from passes.settings import is_loopback
from passes.wallets.google import MAX_SAVE_LINK, GoogleWalletError, save_link
from webhooks.couriers.google_answers import Answer, review_of, verdict
from webhooks.couriers.google_line import Line
from webhooks.couriers.google_token import NoToken, SharedToken
from webhooks.couriers.outcomes import Outcome
from webhooks.google_reach import Finding, Level, examine_callback, examine_pictures

_TIMEOUT_S = 10.0
_MAX_SKEW_S = 60.0  # Google grants a few minutes; a clock that is this wrong goes on to go wrong
_NOT_FOUND = 404
_DEMO = (
    "If phones show [TEST ONLY], the issuer is in demo mode: only its users and test accounts can "
    "save cards. Request publishing access in the Google Pay & Wallet console."
)
_REVIEWS: Mapping[str, tuple[Level, str]] = {
    "approved": ("good", "{} is approved."),
    "underreview": ("hint", "{} is under review: Google approves it by itself, mostly at once."),
    "draft": ("bad", "{} is a draft, no card can use it: change the program, then look again."),
    "rejected": ("bad", "{} was rejected by Google ({}): mend that, then change the program."),
}


@dataclass(frozen=True, slots=True)
class Setup:
    """What is to be examined.

    `class_ids` are the classes of active programs, `picture_urls` what they and their cards show.
    `sample` is the id of a class and of one of its objects at Google, None before the first.
    """

    service_account: Path
    issuer_id: str
    api_url: str
    save_url: str
    callback_url: str
    class_ids: Sequence[str]
    picture_urls: Sequence[str]
    sample: tuple[str, str] | None


def examine(setup: Setup, now: Callable[[], datetime]) -> tuple[Finding, ...]:
    """All findings in the order in which they are best mended; takes a request or two for each."""
    from_here = is_loopback(urlsplit(setup.api_url).hostname)
    return (
        *_examine_account(setup, now),
        *examine_pictures(setup.picture_urls, from_here=from_here),
        examine_callback(setup.callback_url, from_here=from_here),
    )


def _examine_account(setup: Setup, now: Callable[[], datetime]) -> Iterator[Finding]:
    """Ends where nothing that follows could be asked."""
    try:
        identity = load_google_identity(setup.service_account, setup.issuer_id)
        token = SharedToken(setup.service_account)
    except CertificateError as error:
        yield Finding("key file", "bad", str(error))
        return
    yield Finding("key file", "good", f"{identity.source} is a key of {identity.email}.")
    yield from _examine_token(token, now)
    if not token.valid:
        return
    with closing(Line(token, setup.api_url, _TIMEOUT_S, now)) as line:
        issuer = _examine_issuer(line, identity)
        yield issuer
        if issuer.level == "bad":
            return
        for class_id in setup.class_ids:
            yield _examine_class(line, class_id, identity.email)
        yield from _examine_link(line, identity, setup, now())
    yield Finding("demo mode", "hint", _DEMO)


def _examine_token(token: SharedToken, now: Callable[[], datetime]) -> Iterator[Finding]:
    """The token, and by the date of its answer our clock."""
    dates: list[str] = []
    with requests.Session() as session:
        session.hooks["response"].append(
            lambda answer, **_: dates.append(answer.headers.get("Date", ""))
        )
        try:
            token.refresh(partial(Request(session), timeout=_TIMEOUT_S))
        except NoToken as error:
            yield Finding("token", "bad", _why(error.outcome))
        else:
            yield Finding("token", "good", "Google gives this account access tokens.")
    for date in dates[-1:]:
        yield from _examine_clock(date, now())


def _examine_clock(date: str, now: datetime) -> Iterator[Finding]:
    try:
        ahead_s = (now - parsedate_to_datetime(date)).total_seconds()
    except (ValueError, TypeError):
        return
    if abs(ahead_s) > _MAX_SKEW_S:
        where = "ahead of" if ahead_s > 0 else "behind"
        text = f"This machine's clock is {abs(ahead_s):.0f} s {where} Google's: set it (NTP)."
        yield Finding("clock", "bad", text)


def _examine_issuer(line: Line, identity: GoogleIdentity) -> Finding:
    answer = line.send("GET", f"issuer/{identity.issuer_id}")
    if isinstance(answer, Answer) and answer.is_success:
        text = f"{identity.email} may act for issuer {identity.issuer_id}."
        return Finding("issuer", "good", text)
    if isinstance(answer, Answer) and answer.status == _NOT_FOUND:
        text = (
            f"Google knows no issuer {identity.issuer_id}: compare PASSMINT_GOOGLE_ISSUER_ID with "
            "the Google Pay & Wallet console, and PASSMINT_GOOGLE_API_URL with its default."
        )
        return Finding("issuer", "bad", text)
    return Finding("issuer", "bad", _fault(answer, identity.email))


def _examine_class(line: Line, class_id: str, account: str) -> Finding:
    answer = line.send("GET", f"loyaltyClass/{class_id}")
    if isinstance(answer, Answer) and answer.status == _NOT_FOUND:
        text = f"{class_id} is not at Google: run `passmint worker` and see GET /v1/deliveries."
        return Finding("class", "bad", text)
    if not isinstance(answer, Answer) or not answer.is_success:
        return Finding("class", "bad", _fault(answer, account))
    review = answer.document.get("review")
    comments = review.get("comments") if isinstance(review, dict) else None
    level, text = _REVIEWS.get(review_of(answer.document), ("hint", "{} is in an unknown state."))
    return Finding("class", level, text.format(class_id, comments or "without a comment"))


def _examine_link(
    line: Line, identity: GoogleIdentity, setup: Setup, now: datetime
) -> Iterator[Finding]:
    """A real save link: its length, and what Google says to it without saving anything."""
    if setup.sample is None:
        yield Finding("save link", "hint", "Not tried: no card is at Google yet.")
        return
    try:
        link = save_link(identity, *setup.sample, now=now, save_url=setup.save_url)
    except GoogleWalletError as error:
        yield Finding("save link", "bad", str(error))
        return
    text = f"It has {len(link)} characters of the {MAX_SAVE_LINK} that browsers carry safely."
    yield Finding("save link", "good", text)
    body = {"jwtResource": {"jwt": link.rpartition("/")[2]}}
    answer = line.send("POST", "jwt/validate", body)
    if isinstance(answer, Answer) and answer.is_success:
        yield Finding("save link", "good", "Google finds it valid.")
    else:
        yield Finding("save link", "bad", _fault(answer, identity.email))


def _fault(answer: Answer | Outcome, account: str) -> str:
    return _why(verdict(answer, account) if isinstance(answer, Answer) else answer)


def _why(outcome: Outcome) -> str:
    return str(getattr(outcome, "why", ""))
