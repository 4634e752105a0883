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

_PATTERN = re.compile(r"\{\{([^{}]*)\}\}")
_BRACES = re.compile(r"\{\{|\}\}")


def named_in(text: str) -> frozenset[str]:
    """The placeholder names a text uses, known or not."""
    return frozenset(name.strip() for name in _PATTERN.findall(text))


def unknown_in(text: str) -> list[str]:
    """Names the text uses that do not exist, sorted."""
    return sorted(named_in(text) - PLACEHOLDERS)


def has_stray_braces(text: str) -> bool:
    """Whether braces stand there that belong to no placeholder: most likely a typing error."""
    return bool(_BRACES.search(_PATTERN.sub("", text)))


def tidied(text: str) -> str:
    """The text with no blanks inside its placeholders: what is filled the same is the same."""
    return _PATTERN.sub(lambda match: f"{{{{{match[1].strip()}}}}}", text)


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text with every placeholder replaced; values are inserted as they are, once."""
    return _PATTERN.sub(lambda match: values.get(match[1].strip(), ""), text)
