"""A member, and what was agreed to."""

from datetime import date
from typing import Annotated

from pydantic import AfterValidator, Field

from passes.services.drafts.words import (
    Draft,
    EmailAddress,
    ExternalId,
    Locale,
    PersonName,
    PhoneNumber,
    Purpose,
    one_line,
    short,
)


class PersonDraft(Draft):
    first_name: PersonName = ""
    last_name: PersonName = ""
    email: EmailAddress | None = None
    phone: PhoneNumber | None = None
    birthday: date | None = None


class ConsentDraft(Draft):
    purpose: Purpose
    granted: bool
    text: Annotated[str, short(0, 500), AfterValidator(one_line)] = ""


class MemberDraft(Draft):
    external_id: ExternalId | None = None
    person: PersonDraft = PersonDraft()
    locale: Locale | None = None
    consents: list[ConsentDraft] = Field(default=[], max_length=5)
    source: Annotated[str, short(1, 40), AfterValidator(one_line)] = "api"
