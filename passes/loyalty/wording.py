"""Our own words in the member's language: catalogs, plural forms, writing direction."""

from functools import cache
from importlib.resources import files
from io import BytesIO

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations

LOCALES = ("en", "hu", "cs", "he")
SOURCE_LOCALE = "en"  # the language of the message ids


@cache
def wording(locale: str) -> NullTranslations:
    """The catalog of one of LOCALES: `gettext(text)`, `ngettext(one, many, n)`.

    Catalogs are standard PO files, compiled in memory once per process.
    """
    if locale == SOURCE_LOCALE:
        return NullTranslations()
    source = files("passes.loyalty").joinpath("locales", f"{locale}.po").read_bytes()
    compiled = BytesIO()
    write_mo(compiled, read_po(BytesIO(source), locale=locale))
    compiled.seek(0)
    return Translations(compiled)


def is_rtl(locale: str) -> bool:
    """Whether the language is written from right to left."""
    return str(Locale.parse(locale).text_direction) == "rtl"


def choose_locale(*wishes: str | None) -> str:
    """The first wish we speak (`he-IL` counts as `he`), else the source language."""
    languages = (wish.replace("_", "-").split("-")[0].lower() for wish in wishes if wish)
    return next((language for language in languages if language in LOCALES), SOURCE_LOCALE)
