"""The join form: what somebody typed, and the member it describes or the fault at each field."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Self

from pydantic import ValidationError
from werkzeug.datastructures import MultiDict

from passes.services.drafts import ConsentDraft, EnrolmentDraft, MemberDraft, PersonDraft

_OLDEST_YEAR = 1900
_BIRTHDAY = ("birthday_year", "birthday_month", "birthday_day")

Faults = Mapping[str, str]  # field key, or purpose of a consent → missing, too_long or wrong


@dataclass(frozen=True, slots=True)
class Entry:
    """A form as it was typed: texts by field, and the purposes of the ticked boxes."""

    texts: Mapping[str, str] = field(default_factory=dict)
    granted: frozenset[str] = frozenset()

    @classmethod
    def of(cls, form: MultiDict[str, str]) -> Self:
        return cls(form.to_dict(), frozenset(form.getlist("consent")))

    def text(self, key: str) -> str:
        return self.texts.get(key, "").strip()


def member_draft(
    entry: Entry, asked: EnrolmentDraft, locale: str | None, today: date
) -> MemberDraft | Faults:
    """The member the entry describes, or every fault at once. Fields not asked for are ignored.

    Each consent that was shown is answered, also by No: the log keeps both.
    """
    faults = _missing(entry, asked)
    person = _person(entry, [wanted.key for wanted in asked.fields], today, faults)
    if faults or person is None:
        return faults
    consents = [
        ConsentDraft(purpose=shown.purpose, granted=shown.purpose in entry.granted, text=shown.text)
        for shown in asked.consents
    ]
    return MemberDraft.model_validate(
        {"person": person, "locale": locale, "consents": consents, "source": "join"}
    )


def _missing(entry: Entry, asked: EnrolmentDraft) -> dict[str, str]:
    keys: list[str] = [f.key for f in asked.fields if f.required and not _is_filled(entry, f.key)]
    keys += [c.purpose for c in asked.consents if c.required and c.purpose not in entry.granted]
    return dict.fromkeys(keys, "missing")


def _is_filled(entry: Entry, key: str) -> bool:
    parts = _BIRTHDAY if key == "birthday" else (key,)
    return any(entry.text(part) for part in parts)


def _person(
    entry: Entry, keys: list[str], today: date, faults: dict[str, str]
) -> PersonDraft | None:
    """The person, or None with the faults added."""
    given: dict[str, object] = {
        key: entry.text(key) for key in keys if key != "birthday" and _is_filled(entry, key)
    }
    if "birthday" in keys and _is_filled(entry, "birthday"):
        given["birthday"] = _birthday(entry, today)
        if given["birthday"] is None:
            faults["birthday"] = "wrong"
    try:
        return PersonDraft.model_validate(given)
    except ValidationError as error:
        for found in error.errors(include_url=False, include_context=False, include_input=False):
            too_long = found["type"] == "string_too_long"
            faults[str(found["loc"][0])] = "too_long" if too_long else "wrong"
        return None


def _birthday(entry: Entry, today: date) -> date | None:
    """A day that exists, not before 1900 and not in the future; else None."""
    try:
        year, month, day = (int(entry.text(part)) for part in _BIRTHDAY)
        birthday = date(year, month, day)
    except ValueError:
        return None
    return birthday if year >= _OLDEST_YEAR and birthday <= today else None
