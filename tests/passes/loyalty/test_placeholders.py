"""Merchants' texts with placeholders."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passes.loyalty.placeholders import PLACEHOLDERS, fill, named_in, tidied, unknown_in

VALUES = {name: f"<{name}>" for name in PLACEHOLDERS}


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("{{stamps}} of {{card_size}}", "<stamps> of <card_size>"),
        ("{{ stamps }}{{  stamps}}", "<stamps><stamps>"),
        ("nothing here", "nothing here"),
        ("{stamps} {{}} }} {{", "{stamps}  }} {{"),
        ("{{{stamps}}}", "{<stamps>}"),
        ("%(num)d {0} {{first_name}}", "%(num)d {0} <first_name>"),
    ],
)
def test_a_text_is_filled_where_it_names_a_placeholder(text: str, filled: str) -> None:
    assert fill(text, VALUES) == filled


def test_a_value_that_looks_like_a_placeholder_is_not_filled_again() -> None:
    assert fill("{{first_name}}", {"first_name": "{{code}}", "code": "SECRET"}) == "{{code}}"


def test_unknown_names_are_told_sorted_and_once() -> None:
    text = "{{visits}} {{stamps}} {{ balance }} {{visits}} {{Stamps}}"
    assert unknown_in(text) == ["Stamps", "balance", "visits"]
    assert named_in("no {placeholder}") == frozenset()


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="{} stamps", max_size=40))
def test_a_text_without_unknown_names_leaves_no_trace_of_them(text: str) -> None:
    if not unknown_in(text):
        assert fill(text, {"stamps": "7"}) == text.replace("{{stamps}}", "7") or "{{ " in text


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="{} \u00a0stamps", max_size=40))
def test_a_tidied_text_is_filled_the_same_and_stays_as_it_is(text: str) -> None:
    tidy = tidied(text)
    assert fill(tidy, VALUES) == fill(text, VALUES)
    assert tidied(tidy) == tidy


def test_a_tidied_text_has_no_blanks_inside_its_placeholders() -> None:
    assert tidied("{{ stamps\u00a0}} of  {{card_size }}") == "{{stamps}} of  {{card_size}}"
