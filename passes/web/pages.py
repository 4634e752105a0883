"""What every public page shares: its language, its colours, and how it is rendered."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from babel import Locale
from babel.dates import get_month_names
from flask import Flask, Response, g, render_template, request
from markupsafe import Markup

from branding.colour import Colour, contrast, readable_on
from passes.loyalty.wording import LOCALES, choose_locale, is_rtl, wording
from passes.services.look_pictures import LOGO
from passes.services.looks import Look
from passes.store.ids import new_token
from passes.web.barcodes import barcode
from passes.web.manual import chapters, prose

LIGHT, DARK = Colour(247, 245, 241), Colour(18, 19, 21)  # --page in static/pages.css
_VISIBLE = 3.0  # WCAG 2.2, 1.4.11: a control against what is around it


@dataclass(frozen=True, slots=True)
class PageBrand:
    """A program's colours on its pages, made readable, and its logo's SHA-256.

    `buttons` are ground and text of a button on the light page and on the dark one.
    """

    ground: str
    ink: str
    label: str
    buttons: tuple[tuple[str, str], tuple[str, str]]
    logo: str

    @classmethod
    def of(cls, look: Look, pictures: Mapping[tuple[str, int], str]) -> "PageBrand":
        ground = look.brand.background
        ink = readable_on(ground, look.brand.foreground)
        return cls(
            ground=ground.hex,
            ink=ink.hex,
            label=readable_on(ground, look.brand.label).hex,
            buttons=(_button(ground, ink, LIGHT), _button(ground, ink, DARK)),
            logo=pictures[LOGO, 0],
        )


def install(app: Flask) -> None:
    """What templates may use."""
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.policies["ext.i18n.trimmed"] = True
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(bdi=_isolated, prose=prose)
    app.jinja_env.globals.update(barcode=barcode, chapters=chapters, month_names=_month_names)


def wished_locale() -> str | None:
    """The language the visitor chose by `?lang=`, when we speak it."""
    wish = request.args.get("lang")
    return wish if wish in LOCALES else None


def accepted_locale() -> str | None:
    """The best of our languages in the browser's Accept-Language, or None."""
    return request.accept_languages.best_match(LOCALES)


def visitor_locale(*wishes: str | None) -> str:
    """The visitor's choice, else their browser's language, else the first wish we speak."""
    return choose_locale(wished_locale(), accepted_locale(), *wishes)


def page(
    template: str, locale: str, status: HTTPStatus = HTTPStatus.OK, **context: object
) -> Response:
    """A rendered page in one of our languages, stored by nobody."""
    g.style_nonce = new_token()
    words = wording(locale)
    text = render_template(
        template,
        locale=locale,
        status=status.value,
        direction="rtl" if is_rtl(locale) else "ltr",
        languages=_LANGUAGES,
        style_nonce=g.style_nonce,
        gettext=words.gettext,
        ngettext=words.ngettext,
        _=words.gettext,
        **context,
    )
    response = Response(text, status, content_type="text/html; charset=utf-8")
    response.headers["Cache-Control"] = "no-store"
    response.headers["Vary"] = "Accept, Accept-Language, User-Agent"
    return response


def onward(address: str, status: HTTPStatus) -> Response:
    """A redirect that nobody remembers: addresses of cards are secrets."""
    headers = {"Location": address, "Cache-Control": "no-store"}
    return Response(status=status, headers=headers)


_LANGUAGES = {
    locale: (Locale.parse(locale).get_display_name(locale) or locale).capitalize()
    for locale in LOCALES
}


def _button(ground: Colour, ink: Colour, around: Colour) -> tuple[str, str]:
    """Ground and text of a button: the brand's, turned round where it would melt into the page."""
    if contrast(ground, around) >= _VISIBLE:
        return ground.hex, ink.hex
    return ink.hex, ground.hex


def _isolated(text: object) -> Markup:
    """A foreign text that keeps its own writing direction inside a sentence of ours."""
    return Markup("<bdi>{}</bdi>").format(text)


def _month_names(locale: str) -> Mapping[int, str]:
    return get_month_names("wide", "stand-alone", locale)
