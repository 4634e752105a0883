"""Texts that fit: cut between words, never through a character."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passes.wallets.shorten import one_line, paragraphs, shorten

FAMILY = "👩‍👩‍👧"  # five code points, one picture
FLAG = "🇭🇺"
WAVE = "👋🏽"
ENGLAND = "🏴󠁧󠁢󠁥󠁮󠁧󠁿"  # seven code points


@pytest.mark.parametrize(
    ("text", "max_chars", "expected"),
    [
        ("fits", 4, "fits"),
        ("exactly five words in here", 20, "exactly five words…"),
        ("exactly five words", 13, "exactly five…"),
        ("unbreakable" * 3, 10, "unbreakab…"),
        ("a " + "b" * 30, 12, "a bbbbbbbbb…"),
        ("abc" + FAMILY, 6, "abc…"),
        ("abc" + FAMILY + "defg", 10, "abc" + FAMILY + "d…"),
        (FLAG * 3, 4, FLAG + "…"),
        ("abc" + WAVE, 4, "abc…"),
        ("abc" + WAVE + "d", 5, "abc…"),
        ("ab" + ENGLAND + "cd", 8, "ab…"),
        ("cafe\u0301s", 5, "caf…"),
        ("שלום לכולם", 6, "שלום…"),
    ],
)
def test_a_text_is_cut_where_a_reader_would_cut_it(
    text: str, max_chars: int, expected: str
) -> None:
    assert shorten(text, max_chars) == expected


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60), st.integers(1, 40))
def test_a_shortened_text_is_a_beginning_and_fits(text: str, max_chars: int) -> None:
    short = shorten(text, max_chars)

    assert len(short) <= max_chars
    assert short == text or text.startswith(short.removesuffix("…"))


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60))
def test_no_control_character_gets_through(text: str) -> None:
    assert all(unicodedata.category(char) != "Cc" for char in one_line(text))
    assert all(unicodedata.category(char) != "Cc" for char in paragraphs(text) if char != "\n")


def test_lines_are_joined_or_kept() -> None:
    assert one_line(" two\r\nlines\t here ") == "two lines here"
    assert paragraphs(" two\r\nlines\x07 ") == "two\nlines"
