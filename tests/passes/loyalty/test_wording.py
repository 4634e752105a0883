"""Our own words: every language says everything, with its own plural forms."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po
from jinja2.ext import babel_extract

import passes
from passes.loyalty.wording import LOCALES, SOURCE_LOCALE, choose_locale, is_rtl, wording

ROOT = Path(passes.__file__).parent
TRANSLATED = [locale for locale in LOCALES if locale != SOURCE_LOCALE]
PLURAL_FORMS = {"hu": 2, "cs": 3, "he": 2}
_PLACEHOLDER = re.compile(r"%\(\w+\)[ds]|%@")

Words = str | tuple[str, ...]


def used() -> Iterator[Words]:
    """Every text of ours in the code and the templates."""
    for path in ROOT.rglob("*.py"):
        for _, words, _, _ in extract_from_file("python", path):
            yield words
    options = {"trimmed": "true", "trim_blocks": "true", "silent": "false"}
    for path in ROOT.rglob("*.html"):
        for _, words, _, _ in extract_from_file(babel_extract, path, options=options):
            yield words


def catalog(locale: str) -> Catalog:
    with (ROOT / "loyalty" / "locales" / f"{locale}.po").open("rb") as file:
        return read_po(file, locale=locale)


def placeholders(text: str) -> set[str]:
    return set(_PLACEHOLDER.findall(text))


def test_the_texts_of_code_and_templates_are_found() -> None:
    found = set(used())
    assert "Your reward is ready" in found  # code
    assert "Get my card" in found  # a template
    assert ("You start with %(num)s stamp.", "You start with %(num)s stamps.") in found


@pytest.mark.parametrize("locale", TRANSLATED)
def test_every_text_is_translated_in_every_plural_form(locale: str) -> None:
    translated = catalog(locale)
    assert translated.num_plurals == PLURAL_FORMS[locale]
    for words in used():
        message = translated.get(words[0] if isinstance(words, tuple) else words)
        assert message, words
        assert not message.fuzzy
        forms = message.string if isinstance(message.string, tuple) else (message.string,)
        assert len(forms) == (PLURAL_FORMS[locale] if isinstance(words, tuple) else 1), words
        assert all(form.strip() for form in forms), words


@pytest.mark.parametrize("locale", TRANSLATED)
def test_translations_keep_their_placeholders(locale: str) -> None:
    for message in catalog(locale):
        if not message.id:
            continue
        if isinstance(message.id, str):
            assert placeholders(str(message.string)) == placeholders(message.id), message.id
            continue
        asked = placeholders(message.id[1])
        first, *others = message.string
        assert placeholders(first) <= asked, message.id  # "one more": no number is needed
        assert all(placeholders(form) == asked for form in others), message.id


@pytest.mark.parametrize("locale", TRANSLATED)
def test_nothing_is_kept_that_nobody_says(locale: str) -> None:
    said = set(used())
    assert [m.id for m in catalog(locale) if m.id and m.id not in said] == []


@pytest.mark.parametrize(
    ("locale", "number", "sentence"),
    [
        ("en", 1, "with 1 stamp"),
        ("en", 2, "with 2 stamps"),
        ("hu", 2, "2 pecsétért"),
        ("cs", 1, "za 1 razítko"),
        ("cs", 3, "za 3 razítka"),
        ("cs", 5, "za 5 razítek"),
        ("he", 1, "עבור חותמת אחת"),
        ("he", 2, "עבור 2 חותמות"),
    ],
)
def test_numbers_take_the_form_their_language_wants(
    locale: str, number: int, sentence: str
) -> None:
    words = wording(locale).ngettext("with %(num)s stamp", "with %(num)s stamps", number)
    assert words % {"num": number} == sentence


def test_the_first_language_we_speak_is_chosen() -> None:
    assert choose_locale("fr", "he-IL", "cs") == "he"
    assert choose_locale(None, "HU_hu") == "hu"
    assert choose_locale("fr", None) == "en"


def test_hebrew_runs_from_right_to_left() -> None:
    assert [locale for locale in LOCALES if is_rtl(locale)] == ["he"]
