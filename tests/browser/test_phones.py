"""The page of the virtual phones in a real browser: walking, layout, contrast."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from threading import Event

import pytest
from playwright.sync_api import Browser, Page
from werkzeug.serving import make_server

from certs import development
from certs.apple import load_identities
from certs.authority import load_authority
from tests.browser.chromium import CHROMIUM, OUTSIDE, PALE_TEXTS, submit
from tests.webhooks.simulators.cards import card, now, with_places
from tests.webhooks.simulators.web_service import WebService
from webhooks.simulators.fleet import Fleet
from webhooks.simulators.page import Desk, create_page
from webhooks.simulators.whereabouts import Position

CITIES = {
    "en": (47.4979, 19.0402, "Astoria {}: 2 stamps to your free coffee"),
    "he": (32.0779, 34.7741, "כיכר דיזנגוף {}: עוד 2 חותמות לקפה חינם"),
}

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium found: install it or set CHROMIUM_PATH"
)


@pytest.fixture(scope="module")
def address(identities: development.DevelopmentFiles) -> Iterator[str]:
    """The page: a phone near one of its ten places, one far from them, one that is nowhere."""
    fleet, ended = made_fleet(identities), Event()
    english, hebrew, _ = fleet.all()
    english.walk(Position(47.4979, 19.0402))
    hebrew.walk(Position(47.4979, 19.0402))
    app = create_page(Desk(fleet, None, ended))
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    ended.set()
    server.shutdown()
    thread.join()
    server.server_close()


def made_fleet(identities: development.DevelopmentFiles) -> Fleet:
    """Three phones, each with a card that has ten places."""
    authority = load_authority(identities.authority)
    keyring = load_identities(identities.certificates, authority, None, now())
    identity = keyring.identities[development.PASS_TYPE_IDENTIFIER]
    later = timedelta(seconds=1)
    fleet = Fleet(lambda: WebService(b""), (authority.root,), lambda: now() + later)
    for name, locale in (("Anna", "en"), ("נועה", "he"), ("Nowhere", "en")):
        latitude, longitude, text = CITIES[locale]
        places = [
            {
                "latitude": latitude + number / 300,
                "longitude": longitude + number % 3 / 100,
                "relevantText": text.format(number),
            }
            for number in range(10)
        ]
        assert fleet.buy(name).add(with_places(card(identity), identity, *places)) == ()
    return fleet


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("direction", ["ltr", "rtl"])
def test_the_places_fit_into_every_window_and_direction(
    page: Page, address: str, width: int, direction: str
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(address)
    page.evaluate(f"document.documentElement.dir = '{direction}'")
    assert page.get_by_role("button", name="Walk to place 10").count() == 3
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(OUTSIDE) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_said_of_places_can_be_read(page: Page, address: str, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    page.goto(address)
    texts = [one for one in page.evaluate(PALE_TEXTS) if "Astoria" in one or " km" in one]
    assert texts == []


def test_a_phone_walks_without_script_and_the_lock_screen_follows(
    browser: Browser, address: str
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    nowhere = page.locator("article").nth(2)
    submit(nowhere.get_by_role("button", name="Walk to place 4"))
    assert (
        nowhere.locator(".notice.near")
        .inner_text()
        .endswith("Astoria 3: 2 stamps to your free coffee")
    )
    assert nowhere.locator("li.inside").count() == 1
    submit(nowhere.get_by_role("button", name="Walk away"))
    assert nowhere.locator(".notice.near").count() == 0
    context.close()


def test_with_script_the_page_follows_without_loading_anew(page: Page, address: str) -> None:
    page.goto(address)
    page.evaluate("window.mark = 1")
    anna = page.locator("article").first
    anna.get_by_role("button", name="Walk to place 7").click()
    anna.get_by_text("Astoria 6", exact=False).first.wait_for()
    anna.locator(".notice.near", has_text="Astoria 6").wait_for()
    assert page.evaluate("window.mark") == 1
    anna.get_by_role("button", name="Walk to place 1", exact=True).click()
    anna.locator(".notice.near", has_text="Astoria 0").wait_for()
