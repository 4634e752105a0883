"""From a merchant's link to a save link, as a browser on an Android goes."""

import pytest

from tests.webhooks.simulators.google_room import Shop, opened_shop
from webhooks.simulators.google_http import Reply
from webhooks.simulators.google_links import find_save_token
from webhooks.simulators.web import HttpWeb, Unreachable

HTML = {"Content-Type": "text/html; charset=utf-8"}


def follow(shop: Shop, path: str) -> tuple[str, list[float]]:
    waits: list[float] = []
    web = HttpWeb()
    try:
        return find_save_token(web, shop.url + path, waits.append), waits
    finally:
        web.close()


def test_a_card_page_leads_through_its_button_and_a_redirect_to_the_token() -> None:
    with opened_shop() as shop:
        page = b'<a href="/terms">Terms</a> <a class="wallet" href="/p/anna/google">Add</a>'
        shop.pages["/p/anna"] = Reply(200, page, HTML)
        onward = {"Location": "https://pay.google.com/gp/v/save/aaa.bbb.ccc"}
        shop.pages["/p/anna/google"] = Reply(302, b"", onward)
        assert follow(shop, "/p/anna") == ("aaa.bbb.ccc", [])


def test_a_waiting_page_is_waited_for() -> None:
    with opened_shop() as shop:
        shop.pages["/once"] = Reply(
            503, b'<meta http-equiv="refresh" content="1; url=/then">', HTML
        )
        shop.pages["/then"] = Reply(200, b"One moment", HTML | {"Refresh": "90; url=/last"})
        link = b"<a href='https://pay.google.com/gp/v/save/a.b.c?x=1'>Add</a>"
        shop.pages["/last"] = Reply(200, link, HTML)
        assert follow(shop, "/once") == ("a.b.c", [1.0, 5.0])


def test_a_page_that_waits_for_ever_is_left() -> None:
    with opened_shop() as shop:
        shop.pages["/p"] = Reply(200, b'<meta http-equiv="refresh" content="0">', HTML)
        with pytest.raises(Unreachable, match="does not lead"):
            follow(shop, "/p")


def test_links_that_lead_nowhere_say_so() -> None:
    with opened_shop() as shop:
        shop.pages["/p"] = Reply(200, b"<p>Closed today</p>", HTML)
        with pytest.raises(Unreachable, match="no way to Google Wallet"):
            follow(shop, "/p")
        with pytest.raises(Unreachable, match="404"):
            follow(shop, "/none")
    with pytest.raises(Unreachable, match="starts with"):
        find_save_token(HttpWeb(), "javascript:alert(1)", lambda _: None)
