"""Texts that fit where a wallet shows them: cut between words and never through a character.

Not for names a wallet shortens itself: those are sent whole and `lint` tells the merchant.
"""

import re
import unicodedata

ELLIPSIS = "…"

_CONTROLS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")  # all but the line feed
_ZERO_WIDTH_JOINER = "\u200d"
_SKIN_TONES = ("\U0001f3fb", "\U0001f3ff")
_TAGS = ("\U000e0020", "\U000e007f")  # the tail of the flags of England, Scotland, Wales
_REGIONAL = ("\U0001f1e6", "\U0001f1ff")  # two of these letters are one flag


def one_line(text: str) -> str:
    """The text without line breaks, control characters and runs of white space."""
    return " ".join(_CONTROLS.sub(" ", text).split())


def paragraphs(text: str) -> str:
    """The text with its line breaks, but without other control characters and outer space."""
    return _CONTROLS.sub("", text.replace("\r\n", "\n")).strip()


def shorten(text: str, max_chars: int) -> str:
    """The text itself, or its beginning and `…`, at most `max_chars` code points.

    Prefers the end of a word when one lies in the last third; combining marks, emoji sequences
    and flags stay whole (the parts of Unicode's UAX #29 that such texts meet).
    """
    if len(text) <= max_chars:
        return text
    end = max_chars - len(ELLIPSIS)
    while end > 0 and _inside_a_character(text, end):
        end -= 1
    return _whole_words(text, end).rstrip() + ELLIPSIS


def _whole_words(text: str, end: int) -> str:
    head = text[:end]
    if text[end].isspace():
        return head
    word_end = max(head.rfind(" "), head.rfind("\n"))
    return head[:word_end] if word_end >= end * 2 // 3 > 0 else head


def _inside_a_character(text: str, index: int) -> bool:
    """Whether cutting before `index` would tear what a reader sees as one character."""
    before, after = text[index - 1], text[index]
    if before == _ZERO_WIDTH_JOINER or _extends(after):
        return True
    return _is_between(after, _REGIONAL) and _regional_letters_before(text, index) % 2 == 1


def _extends(char: str) -> bool:
    return (
        char == _ZERO_WIDTH_JOINER
        or unicodedata.category(char).startswith("M")  # accents, points, variation selectors
        or _is_between(char, _SKIN_TONES)
        or _is_between(char, _TAGS)
    )


def _regional_letters_before(text: str, index: int) -> int:
    start = index
    while start > 0 and _is_between(text[start - 1], _REGIONAL):
        start -= 1
    return index - start


def _is_between(char: str, limits: tuple[str, str]) -> bool:
    return limits[0] <= char <= limits[1]
