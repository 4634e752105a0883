"""The pages in a real browser: joining without script, layout, direction, contrast, focus."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from werkzeug.serving import make_server

from certs.development import DevelopmentFiles
from tests.browser.chromium import CHROMIUM, OUTSIDE, PALE_TEXTS, submit
from tests.service import PUBLIC_URL, Service, on_sqlite

IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1"
ENROLMENT = {
    "fields": [{"key": "first_name", "required": True}, {"key": "email"}, {"key": "birthday"}],
    "consents": [
        {"purpose": "terms", "text": "I accept the terms.", "required": True},
        {"purpose": "marketing_wallet", "text": "Tell me about offers."},
    ],
}
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium found: install it or set CHROMIUM_PATH"
)


@pytest.fixture(scope="module")
def service(
    sqlite_template: Path,
    tmp_path_factory: pytest.TempPathFactory,
    identities: DevelopmentFiles,
    google_account: Path,
) -> Service:
    return on_sqlite(
        sqlite_template, tmp_path_factory.mktemp("browser"), identities, google_account
    )


@pytest.fixture(scope="module")
def origin(service: Service) -> Iterator[str]:
    """The service over real HTTP."""
    server = make_server("127.0.0.1", 0, service.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def shop(service: Service) -> dict[str, Any]:
    """Paths of pages by what they show."""
    door = service.merchant("shop")
    program = service.program(
        door, slug="shop", enrolment=ENROLMENT, terms="One stamp a day.", welcome={"stamps": 1}
    )
    pages = {"join": "/j/shop", "nothing": "/j/nothing", "manual": "/docs"}
    for name, stamps in (("started", 2), ("ready", 3)):
        consents = [{"purpose": "terms", "granted": True}]
        person = {"first_name": "x" * 200}
        member = service.member(door, program, person=person, consents=consents)
        service.stamp(member, stamps)
        pages[name] = member["pass"]["urls"]["landing"].removeprefix(PUBLIC_URL)
    return pages | {"moment": f"{pages['started']}/google"}


@pytest.fixture
def phone(browser: Browser) -> Iterator[BrowserContext]:
    """A small iPhone whose browser runs no script."""
    context = browser.new_context(
        viewport={"width": 360, "height": 740}, user_agent=IPHONE, java_script_enabled=False
    )
    yield context
    context.close()


def test_a_visitor_joins_without_script_and_without_a_third_party(
    phone: BrowserContext, origin: str, shop: dict[str, Any]
) -> None:
    page = phone.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(origin + shop["join"])
    page.get_by_label("First name").fill("Žofie")
    page.get_by_label("E-mail").fill("nobody")
    submit(page.get_by_role("button", name="Get my card"))
    assert page.get_by_text("This is not an e-mail address.").is_visible()
    assert page.get_by_text("Please tick this box").is_visible()
    assert page.get_by_label("First name").input_value() == "Žofie"
    page.get_by_label("E-mail").fill("zofie@example.com")
    page.get_by_label("Day").fill("7")
    page.get_by_label("Month").select_option("July")
    page.get_by_label("Year").fill("1990")
    page.get_by_label("I accept the terms.").check()
    submit(page.get_by_role("button", name="Get my card"))
    assert "/p/" in page.url
    assert page.get_by_text("Žofie").is_visible()
    assert page.get_by_role("img", name="1 of 10 stamps").is_visible()
    assert page.get_by_text("3 more until Cookie").is_visible()
    assert page.get_by_role("link", name="Add to Apple Wallet").is_visible()
    assert phone.cookies() == []
    assert all(url.startswith((origin, "data:,")) for url in asked)


@pytest.mark.parametrize("width", [360, 768, 1280])
@pytest.mark.parametrize("locale", ["en", "he"])
def test_no_page_is_wider_than_its_window(
    page: Page, origin: str, shop: dict[str, Any], width: int, locale: str
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    for name, path in shop.items():
        page.goto(f"{origin}{path}?lang={locale}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        assert page.evaluate(OUTSIDE) == [], name


def test_hebrew_pages_begin_on_the_right(page: Page, origin: str, shop: dict[str, Any]) -> None:
    page.set_viewport_size({"width": 360, "height": 800})
    for locale, begins_left in (("en", True), ("he", False)):
        page.goto(f"{origin}{shop['started']}?lang={locale}")
        logo, balance = (
            page.locator(".logo").bounding_box(),
            page.locator(".balance").bounding_box(),
        )
        assert logo
        assert balance
        assert (logo["x"] < balance["x"]) is begins_left


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(page: Page, origin: str, shop: dict[str, Any], scheme: str) -> None:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    for name, path in shop.items():
        page.goto(origin + path)
        assert page.evaluate(PALE_TEXTS) == [], name
    page.goto(origin + shop["join"])
    submit(page.get_by_role("button"))
    assert page.get_by_role("alert").is_visible()
    assert page.evaluate(PALE_TEXTS) == []


def test_whoever_uses_the_keyboard_sees_where_they_are(
    page: Page, origin: str, shop: dict[str, Any]
) -> None:
    page.goto(origin + shop["join"])
    reached = set()
    stops = page.locator("input:not([type=hidden]), select, button, summary, a")
    for _ in range(stops.count()):
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        reached.add(focused.evaluate("e => e.tagName"))
        assert focused.evaluate("e => getComputedStyle(e).outlineStyle") == "solid"
    assert reached >= {"INPUT", "SELECT", "BUTTON", "SUMMARY", "A"}


def test_no_page_complains_in_the_console(page: Page, origin: str, shop: dict[str, Any]) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    for name in ("join", "started", "ready", "moment", "manual"):
        page.goto(origin + shop[name])
    assert complaints == []
