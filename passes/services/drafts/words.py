"""What every draft is made of: the texts, names and ids that callers may send."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints
from pydantic_core import PydanticCustomError

from passes.loyalty import placeholders

# C0 and C1 controls and the two Unicode line separators; a new line is allowed where text is long.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_CONTROLS_BUT_NEWLINE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+\Z")
_PHONE = re.compile(r"\+?[0-9][0-9 ()./-]{4,30}\Z")

Locale = Literal["en", "hu", "cs", "he"]
Purpose = Literal["terms", "marketing_wallet", "marketing_email", "profiling", "recognition"]


def one_line(text: str) -> str:
    """A text that stands on one line."""
    if _CONTROLS.search(text):
        raise ValueError("must be one line without control characters")
    return text


def lines(text: str) -> str:
    """A text of any number of lines, whatever system they were written on."""
    text = text.replace("\r\n", "\n")
    if _CONTROLS_BUT_NEWLINE.search(text):
        raise ValueError("must not contain control characters")
    return text


def filled_in(text: str) -> str:
    """A text whose placeholders all have something to stand for."""
    unknown = placeholders.unknown_in(text)
    if unknown:
        known = ", ".join(sorted(placeholders.PLACEHOLDERS))
        raise PydanticCustomError(
            "placeholder_unknown",
            "unknown placeholder {unknown}; known are: {known}",
            {"unknown": ", ".join(unknown), "known": known},
        )
    if placeholders.has_stray_braces(text):
        raise ValueError("write placeholders as {{name}}; these braces belong to none")
    return text


def _email(text: str) -> str:
    if not _EMAIL.match(text):
        raise ValueError("must be an e-mail address such as name@example.com")
    return text


def _phone(text: str) -> str:
    if not _PHONE.match(text):
        raise ValueError("must be a telephone number such as +36 1 234 5678")
    return text


def short(minimum: int, maximum: int) -> StringConstraints:
    """So many characters, without the white space around them."""
    return StringConstraints(strip_whitespace=True, min_length=minimum, max_length=maximum)


Name = Annotated[str, short(1, 60), AfterValidator(one_line)]
PersonName = Annotated[str, short(0, 200), AfterValidator(one_line)]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])$")]
EmailAddress = Annotated[str, short(3, 254), AfterValidator(one_line), AfterValidator(_email)]
PhoneNumber = Annotated[str, short(5, 32), AfterValidator(_phone)]
LongText = Annotated[str, short(0, 4000), AfterValidator(lines)]
RelevantText = Annotated[
    str,
    short(1, 200),
    AfterValidator(one_line),
    AfterValidator(filled_in),
    # So that a text that reads the same is the same, and nothing has to be worked in.
    AfterValidator(placeholders.tidied),
]
ExternalId = Annotated[str, short(1, 255), AfterValidator(one_line)]
ObjectId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]{1,64}$")]
PassType = Annotated[str, StringConstraints(pattern=r"^pass\.[A-Za-z0-9.-]{1,200}$")]


class Draft(BaseModel):
    """Unknown fields are refused and nothing is coerced: a typing error must not pass."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
