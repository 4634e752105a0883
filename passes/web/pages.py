"""What every public page shares: its language, its direction, and how it is rendered."""

from http import HTTPStatus

from flask import Response, render_template, request

from passes.loyalty.wording import LOCALES, choose_locale, is_rtl, wording


def page_locale(*wishes: str | None) -> str:
    """`?lang=` first, then the wishes, each only when we speak it."""
    return choose_locale(request.args.get("lang"), *wishes)


def accepted_language() -> str | None:
    """The best of our languages in the browser's Accept-Language, or None."""
    return request.accept_languages.best_match(LOCALES)


def page(
    template: str, locale: str, status: HTTPStatus = HTTPStatus.OK, **context: object
) -> Response:
    """A rendered page in one of our languages, never stored by anybody."""
    words = wording(locale)
    text = render_template(
        template,
        locale=locale,
        rtl=is_rtl(locale),
        gettext=words.gettext,
        ngettext=words.ngettext,
        _=words.gettext,
        **context,
    )
    response = Response(text, status, content_type="text/html; charset=utf-8")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Robots-Tag"] = "noindex"
    response.headers["Vary"] = "User-Agent, Accept-Language"
    return response
