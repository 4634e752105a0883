"""Strict values of a wallet's document: typed with pydantic, every fault told in our own words.

Not for: what a key means or which keys there are (see the wallet's own rules).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, TypeVar

from pydantic import (
    AfterValidator,
    ConfigDict,
    GetCoreSchemaHandler,
    StringConstraints,
    TypeAdapter,
)
from pydantic_core import CoreSchema, ErrorDetails, ValidationError
from pydantic_core.core_schema import custom_error_schema

from passes.errors import pointer
from passes.wallets.faults import Fault

Form = TypeVar("Form")

STRICT = ConfigDict(strict=True, extra="forbid")
MAX_DEPTH = 16  # of free JSON

_WORDING = {
    "missing": ("key_missing", "Is required."),
    "extra_forbidden": ("key_unknown", "Wallet knows no such key here; is it misspelt?"),
    "too_long": ("too_many", "Must hold at most {max_length}."),
    "string_pattern_mismatch": ("text_invalid", "Must be text without control characters."),
    "string_too_short": ("text_missing", "Must not be empty."),
    "string_type": ("text_invalid", "Must be text."),
    "string_unicode": ("text_invalid", "Must be text of whole Unicode characters."),
}
# C0 controls but tab and new lines, and DEL. Lone surrogates are refused by pydantic itself.
_SHOWABLE = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"


@dataclass(frozen=True, slots=True)
class Otherwise:
    """Annotates a type with the one fault that stands for everything that can be wrong with it.

    Costs a third of a microsecond per value: too much for plain texts, so those have `_WORDING`.
    """

    code: str
    detail: str

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return custom_error_schema(
            handler(source), custom_error_type=self.code, custom_error_message=self.detail
        )


def faults_in(form: TypeAdapter[Form], document: Mapping[str, object]) -> tuple[Fault, ...]:
    """Everything that is wrong with a document; a sound one costs microseconds."""
    try:
        form.validator.validate_python(document)
    except ValidationError as error:
        return tuple(_fault(one) for one in error.errors(include_input=False, include_url=False))
    return ()


def _fault(details: ErrorDetails) -> Fault:
    code, detail = _WORDING.get(details["type"], (details["type"], details["msg"]))
    return Fault(pointer(*details["loc"]), code, detail.format_map(details.get("ctx", {})))


def _on_the_calendar(text: str) -> str:
    datetime.fromisoformat(text)
    return text


def _portable(value: dict[str, object]) -> dict[str, object]:
    if not _is_portable(value, MAX_DEPTH):
        raise ValueError
    return value


def _is_portable(value: object, depth: int) -> bool:
    if isinstance(value, dict | list):
        inner = [*value, *value.values()] if isinstance(value, dict) else value
        return depth > 0 and all(_is_portable(one, depth - 1) for one in inner)
    if isinstance(value, str):
        return not any("\ud800" <= character <= "\udfff" for character in value)
    return value is None or (isinstance(value, int | float) and math.isfinite(value))


Text = Annotated[str, StringConstraints(pattern=_SHOWABLE)]
Words = Annotated[str, StringConstraints(pattern=_SHOWABLE, min_length=1)]
Moment = Annotated[
    str,
    StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)$"),
    AfterValidator(_on_the_calendar),
    Otherwise(
        "date_invalid",
        "Must be a W3C date with offset and without fractions, as 2027-05-07T10:30:00+02:00.",
    ),
]
FreeJson = Annotated[
    dict[str, object],
    AfterValidator(_portable),
    Otherwise(
        "object_invalid",
        f"Must be a JSON object of finite numbers and whole characters, {MAX_DEPTH} levels deep.",
    ),
]
