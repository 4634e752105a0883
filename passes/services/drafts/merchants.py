"""A merchant, whom to call there, and the keys of its systems."""

from functools import cache
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field, StringConstraints

from passes.services.drafts.words import (
    Draft,
    EmailAddress,
    Locale,
    Name,
    PhoneNumber,
    Slug,
    lines,
    one_line,
    short,
)

Scope = Literal[
    "members:read",
    "members:write",
    "ledger:write",
    "programs:write",
    "passes:read",
    "webhooks:write",
    "pii:export",
    "admin",
]


def _website(text: str) -> str:
    if urlsplit(text).scheme not in {"http", "https"} or not urlsplit(text).hostname:
        raise ValueError("must be a web address such as https://example.com")
    return text


@cache
def _timezones() -> frozenset[str]:
    return frozenset(available_timezones())  # reads hundreds of files


def _timezone(text: str) -> str:
    if text not in _timezones():
        raise ValueError("must be an IANA time zone such as Europe/Budapest")
    return text


Website = Annotated[str, short(8, 500), AfterValidator(one_line), AfterValidator(_website)]


class Contact(Draft):
    email: EmailAddress | None = None
    phone: PhoneNumber | None = None
    website: Website | None = None
    address: Annotated[str, short(1, 200), AfterValidator(lines)] | None = None


class QuietHours(Draft):
    """Local times between which nobody is disturbed; may span midnight."""

    start: Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
    end: Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]


class MerchantDraft(Draft):
    name: Name
    slug: Slug
    locale: Locale = "en"
    timezone: Annotated[str, AfterValidator(_timezone)] = "UTC"
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = "EUR"
    contact: Contact = Contact()
    quiet_hours: QuietHours | None = None


class ApiKeyDraft(Draft):
    name: Name
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=8)]
