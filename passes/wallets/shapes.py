"""Rules for the values of a wallet's document, and how small rules make large ones.

A rule takes a value and gives its faults, with pointers relative to that value; whoever holds the
value prefixes its own name, so that a sound document costs no pointer at all. Not for: what a key
means or which keys there are (see the wallet's own rules).
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from passes.wallets.faults import Fault

Found = tuple[Fault, ...]
Rule = Callable[[object], Found]

MAX_DEPTH = 16  # of free JSON

# C0 controls but tab and new lines, DEL, and halves of UTF-16 pairs, which UTF-8 cannot carry.
_UNSHOWABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def must(holds: Callable[[object], bool], code: str, detail: str) -> Rule:
    """The rule that a value fulfils a condition."""
    found = (Fault("", code, detail),)
    return lambda value: () if holds(value) else found


def pattern(expression: str, code: str, detail: str) -> Rule:
    """The rule that a value is text and matches an expression wholly."""
    compiled = re.compile(expression)
    return must(
        lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None, code, detail
    )


def is_text(value: object) -> bool:
    """Text that can be shown: any Unicode but control characters and lone surrogates."""
    return isinstance(value, str) and (value.isprintable() or not _UNSHOWABLE.search(value))


def is_number(value: object) -> bool:
    """A finite number; Python's booleans are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def is_json(value: object, depth: int = 0) -> bool:
    """What JSON can carry to a phone: finite numbers, clean texts, nested at most MAX_DEPTH."""
    if not isinstance(value, dict | list):
        return value is None or isinstance(value, bool) or is_number(value) or is_text(value)
    inner = [*value, *value.values()] if isinstance(value, dict) else value
    return depth < MAX_DEPTH and all(is_json(one, depth + 1) for one in inner)


def within(low: float, high: float) -> Rule:
    """The rule that a value is a number in this range, its ends included."""
    return must(
        lambda value: is_number(value) and low <= value <= high,  # type: ignore[operator]
        "number_invalid",
        f"Must be a number from {low} to {high}.",
    )


def whole(low: int, high: int) -> Rule:
    """The rule that a value is an integer in this range, its ends included."""
    return must(
        lambda value: (
            isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
        ),
        "number_invalid",
        f"Must be a whole number from {low} to {high}.",
    )


def one_of(values: Iterable[str]) -> Rule:
    """The rule that a value is one of these texts."""
    known = frozenset(values)
    listed = ", ".join(sorted(known))
    return must(
        lambda value: isinstance(value, str) and value in known,
        "value_unknown",
        f"Must be one of: {listed}.",
    )


def refused(why: str) -> Rule:
    """The rule that a key, though it exists, must not be used."""
    return must(lambda _: False, "key_refused", why)


def array(item: Rule, most: int | None = None) -> Rule:
    """The rule that a value is a list of sound items, at most so many."""

    def rule(value: object) -> Found:
        if not isinstance(value, list):
            return (Fault("", "list_invalid", "Must be a list."),)
        found = [under(index, fault) for index, one in enumerate(value) for fault in item(one)]
        if most is not None and len(value) > most:
            found.append(Fault("", "too_many", f"Must hold at most {most}."))
        return tuple(found)

    return rule


def table(rules: Mapping[str, Rule], required: Iterable[str] = ()) -> Rule:
    """The rule that a value is an object of known keys, each sound, with all the required ones."""
    needed = frozenset(required)

    def rule(value: object) -> Found:
        if not isinstance(value, dict):
            return (Fault("", "object_invalid", "Must be an object."),)
        found: list[Fault] = []
        for key, inner in value.items():
            if wrong := rules.get(key, _unknown)(inner):
                found += [under(key, fault) for fault in wrong]
        missing = () if needed <= value.keys() else sorted(needed - value.keys())
        return (*found, *(Fault(f"/{key}", "key_missing", "Is required.") for key in missing))

    return rule


def under(step: str | int, fault: Fault) -> Fault:
    """The same fault as seen from the object or list that holds the value."""
    escaped = str(step).replace("~", "~0").replace("/", "~1")
    return replace(fault, pointer=f"/{escaped}{fault.pointer}")


def _is_date(value: object) -> bool:
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)", re.ASCII)

text = must(is_text, "text_invalid", "Must be text without control characters.")
words = must(
    lambda value: value != "" and is_text(value),
    "text_missing",
    "Must be text, not empty and without control characters.",
)
flag = must(lambda value: isinstance(value, bool), "flag_invalid", "Must be true or false.")
moment = must(
    _is_date,
    "date_invalid",
    "Must be a W3C date with offset and without fractions, as 2027-05-07T10:30:00+02:00.",
)
free_json = must(
    lambda value: isinstance(value, dict) and is_json(value),
    "object_invalid",
    f"Must be an object of finite numbers and clean texts, nested at most {MAX_DEPTH} deep.",
)
_unknown = must(lambda _: False, "key_unknown", "Wallet knows no such key here; is it misspelt?")
