"""The card in the browser, and the doors from it into the wallets."""

import io
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from zipfile import ZipFile

import pytest
import zxingcpp
from flask.testing import FlaskClient
from PIL import Image

from certs.apple import Keyring
from passes.web.application import create_app
from passes.web.barcodes import barcode
from passes.web.devices import Kind, device_of
from tests.service import PUBLIC_URL, Door, Service

IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1"
ANDROID = "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/130.0 Mobile"
DESKTOP = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36"
IPAD = "Mozilla/5.0 (iPad; CPU OS 12_5 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1"
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
APPLE, GOOGLE = "Add to Apple Wallet", "Add to Google Wallet"

Issue = Callable[..., str]


@pytest.fixture(scope="module")
def service(standing: Service) -> Service:
    return standing


@pytest.fixture(scope="module")
def door(service: Service) -> Door:
    return service.merchant("cards")


@pytest.fixture(scope="module")
def issue(service: Service, door: Door) -> Issue:
    """The path of a new card; `stamps` beside the fields of a member."""
    program = service.program(door, terms="One stamp a day.")

    def issue(stamps: int = 0, **fields: Any) -> str:
        member = service.member(door, program, **fields)
        for _ in range(stamps):
            service.stamp(member, 1)
        return str(member["pass"]["urls"]["landing"]).removeprefix(PUBLIC_URL)

    return issue


def read(service: Service, path: str, user_agent: str = DESKTOP) -> str:
    answer = service.client.get(path, headers=BROWSER | {"User-Agent": user_agent})
    assert answer.status_code == 200
    return answer.text


def without(service: Service, *, google: bool) -> FlaskClient:
    """The same service without its Google account, or without any certificate."""
    parts = service.parts
    lacking = replace(parts, google=None) if google else replace(parts, keyring=Keyring({}, ()))
    return create_app(lacking).test_client()


def test_nobody_else_gets_or_keeps_the_page(service: Service, issue: Issue) -> None:
    headers = service.client.get(issue()).headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Robots-Tag"] == "noindex"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "User-Agent" in headers["Vary"]
    assert "Set-Cookie" not in headers


def test_a_guessed_token_leads_nowhere(service: Service) -> None:
    for path in ("/p/guess", "/p/guess.pkpass", "/p/guess/google"):
        answer = service.client.get(path, headers=BROWSER)
        assert answer.status_code == 404
        assert "There is nothing here" in answer.text


@pytest.mark.parametrize(
    ("stamps", "picture", "sentence"),
    [
        (0, "0 of 10 stamps", "4 more until <bdi>Cookie</bdi>"),
        (3, "3 of 10 stamps", "1 more until <bdi>Cookie</bdi>"),
        (4, "4 of 10 stamps", "Your reward is ready: <bdi>Cookie</bdi>"),
        (10, "10 of 10 stamps", "Your reward is ready: <bdi>Coffee</bdi>"),
        (11, "1 of 10 stamps", "3 more until <bdi>Cookie</bdi>"),
    ],
)
def test_the_card_shows_the_ledger(
    service: Service, issue: Issue, stamps: int, picture: str, sentence: str
) -> None:
    page = read(service, issue(stamps))
    assert f'alt="{picture}"' in page
    assert sentence in page


def test_each_count_has_its_own_picture(service: Service, issue: Issue) -> None:
    heroes = set()
    for stamps in range(3):
        found = re.search(r'class="hero" src="([^"]+)"', read(service, issue(stamps)))
        assert found
        heroes.add(found[1])
        assert service.client.get(found[1]).content_type == "image/png"
    assert len(heroes) == 3


def test_the_card_tells_brand_holder_contact_and_terms(service: Service, issue: Issue) -> None:
    page = read(service, issue(person={"first_name": "Anna", "last_name": "Kovács"}))
    for text in ("Fern &amp; Bean", "Coffee card", "Anna Kovács", "hi@fern.example", "One stamp"):
        assert text in page


def test_the_code_is_readable_by_people_and_scanners(
    service: Service, door: Door, issue: Issue
) -> None:
    page = read(service, issue())
    found = re.search(r'class="code"><bdi>([0-9A-Z]{16})</bdi>', page)
    assert found
    assert str(barcode("qr", found[1], "Your code: show it at the till")) in page


@pytest.mark.parametrize("symbol", ["qr", "aztec", "pdf417", "code128"])
def test_a_drawn_barcode_reads_as_its_message(symbol: str) -> None:
    svg = str(barcode(symbol, "7K3QW9X2M4P6R8T0", 'a "code"'))
    assert 'aria-label="a &#34;code&#34;"' in svg
    width, height = (int(edge) for edge in re.findall(r'viewBox="0 0 (\d+) (\d+)"', svg)[0])
    image = Image.new("L", (width, height), 255)
    path = re.findall(r"M(\d+) (\d+)h(\d+)v(\d+)", svg)
    for x, y, across, down in (tuple(int(n) for n in step) for step in path):
        image.paste(0, (x, y, x + across, y + down))
    [result] = zxingcpp.read_barcodes(image.resize((width * 4, height * 4), Image.Resampling.BOX))
    assert result.text == "7K3QW9X2M4P6R8T0"


@pytest.mark.parametrize(
    ("user_agent", "kind", "in_app"),
    [
        (IPHONE, Kind.IPHONE, False),
        (f"{IPHONE} Instagram 340.0", Kind.IPHONE, True),
        (f"{IPHONE} [FBAN/FBIOS;FBAV/480.0]", Kind.IPHONE, True),
        (f"{IPHONE} Safari Line/14.9", Kind.IPHONE, True),
        (ANDROID, Kind.ANDROID, False),
        (f"{ANDROID} [FB_IAB/FB4A;FBAV/480.0]", Kind.ANDROID, True),
        (DESKTOP, Kind.DESKTOP, False),
        (IPAD, Kind.DESKTOP, False),
        ("iPod touch", Kind.IPHONE, False),
        ("Offline/1.0 Pipeline/2", Kind.DESKTOP, False),
        ("", Kind.DESKTOP, False),
    ],
)
def test_a_user_agent_tells_the_device(user_agent: str, kind: Kind, in_app: bool) -> None:
    device = device_of(user_agent)
    assert (device.kind, device.in_app) == (kind, in_app)


def test_the_wallet_of_the_device_comes_first_and_the_other_is_a_link(
    service: Service, issue: Issue
) -> None:
    path = issue()
    for user_agent, first, second in ((IPHONE, APPLE, GOOGLE), (ANDROID, GOOGLE, APPLE)):
        page = read(service, path, user_agent)
        assert re.search(rf'class="wallet"[^>]*>.*{first}', page)
        assert re.search(rf'class="other"[^>]*>{second}', page)
        assert page.index(first) < page.index(second)


def test_a_desktop_gets_both_wallets_and_the_pages_address_to_scan(
    service: Service, issue: Issue
) -> None:
    path = issue()
    page = read(service, path)
    assert page.count('class="wallet"') == 2
    assert str(barcode("qr", PUBLIC_URL + path, "The address of this page as a QR code")) in page


def test_the_browser_of_an_app_gets_the_way_out(service: Service, issue: Issue) -> None:
    path = issue()
    assert "Open this page in Safari" in read(service, path, f"{IPHONE} Instagram 340.0")
    assert "Open this page in Chrome" in read(service, path, f"{ANDROID} Instagram 340.0")
    assert "This browser cannot add cards" not in read(service, path, IPHONE)


@pytest.mark.parametrize(("google", "user_agent"), [(True, ANDROID), (False, IPHONE)])
def test_a_missing_wallet_leaves_a_sentence_and_the_card(
    service: Service, issue: Issue, google: bool, user_agent: str
) -> None:
    missing, present = (GOOGLE, APPLE) if google else (APPLE, GOOGLE)
    page = without(service, google=google).get(issue(), headers={"User-Agent": user_agent})
    assert page.status_code == 200
    assert "is not available for this card just now" in page.text
    assert missing not in page.text
    assert present in page.text


@pytest.mark.parametrize(("google", "path"), [(True, "/google"), (False, ".pkpass")])
def test_a_missing_wallets_door_is_a_page(
    service: Service, issue: Issue, google: bool, path: str
) -> None:
    client, address = without(service, google=google), issue() + path
    page = client.get(address, headers=BROWSER)
    assert page.status_code == 503
    assert "is not available just now" in page.text
    code = "google_unavailable" if google else "apple_signing_unavailable"
    assert client.get(address).json["code"] == code


def test_the_apple_door_gives_the_package(service: Service, issue: Issue) -> None:
    answer = service.client.get(f"{issue()}.pkpass")
    assert answer.content_type == "application/vnd.apple.pkpass"
    assert "pass.json" in ZipFile(io.BytesIO(answer.data)).namelist()


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("נועה בת־שבע", "נועה בת־שבע"),
        ("Žluťoučký kůň", "Žluťoučký kůň"),
        ("🧋👩‍👧", "🧋👩‍👧"),
        ("x" * 200, "x" * 200),
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ('"O\'Neill" & co', "&#34;O&#39;Neill&#34; &amp; co"),
        ("%(num)s {{ 7*7 }} %", "%(num)s {{ 7*7 }} %"),
    ],
)
def test_any_name_is_shown_as_it_is(service: Service, issue: Issue, name: str, shown: str) -> None:
    page = read(service, issue(person={"first_name": name}))
    assert f'dir="auto">{shown}</dd>' in page
    assert "<script" not in page


def test_the_card_speaks_its_holders_language_and_any_other_on_request(
    service: Service, issue: Issue
) -> None:
    path = issue(3, locale="he")
    page = read(service, path)
    assert '<html lang="he" dir="rtl">' in page
    assert "עוד חותמת אחת עד <bdi>Cookie</bdi>" in page
    assert "Ještě 1 razítko" in read(service, f"{path}?lang=cs")
