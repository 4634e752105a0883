"""Merchants' texts with `{{placeholders}}`: find them, check them, fill them."""

import re
from collections.abc import Mapping

# What a stamp changes, and what it leaves alone: a field with a change message must show the first.
CHANGED_BY_A_STAMP = frozenset(
    {"stamps", "remaining", "progress", "next_reward", "reward_ready"},
)
PLACEHOLDERS = CHANGED_BY_A_STAMP | {
    "card_size",
    "code",
    "first_name",
    "last_name",
    "merchant_name",
    "program_name",
}

_PATTERN = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")


def named_in(text: str) -> frozenset[str]:
    """The placeholder names a text uses, known or not."""
    return frozenset(_PATTERN.findall(text))


def unknown_in(text: str) -> list[str]:
    """Names the text uses that do not exist, sorted."""
    return sorted(named_in(text) - PLACEHOLDERS)


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text with every placeholder replaced; values are inserted as they are, once."""
    return _PATTERN.sub(lambda match: values.get(match[1], ""), text)
