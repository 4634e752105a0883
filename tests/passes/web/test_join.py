"""The join page, as a browser without script meets it."""

import itertools
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from passes.store.tables import Consent
from passes.web.join import JOINS_PER_ADDRESS
from tests.service import Clock, Door, Service

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
ENROLMENT = {
    "fields": [
        {"key": "first_name", "required": True},
        {"key": "email"},
        {"key": "phone"},
        {"key": "birthday"},
    ],
    "consents": [
        {"purpose": "terms", "text": "I accept the <terms>.", "required": True},
        {"purpose": "marketing_wallet", "text": "Tell me about offers."},
    ],
}
ANNA = {"first_name": "Anna", "consent": "terms"}


Form = dict[str, Any]


@dataclass(frozen=True)
class Shop:
    """A merchant with a program, and the browser of somebody who stands in front of it."""

    browser: FlaskClient
    door: Door
    program: dict[str, Any]

    @property
    def address(self) -> str:
        return f"/j/{self.program['slug']}"

    def opened(self, query: str = "") -> str:
        """The hidden door of a form just opened."""
        return door_in(self.browser.get(self.address + query))

    def sent(self, form: Form, query: str = "") -> TestResponse:
        """The answer to a form just opened and filled in."""
        door = {"door": self.opened(query)}
        return self.browser.post(self.address + query, data=door | form)

    def members(self) -> list[dict[str, Any]]:
        return list(self.door.get("/members").json["data"])


def door_in(page: TestResponse) -> str:
    found = re.search(r'name="door" value="([^"]+)"', page.text)
    assert found
    return found[1]


@pytest.fixture
def shop(service: Service, door: Door) -> Shop:
    """A shop of its own for the test, on each database."""
    return Shop(service.client, door, service.program(door, enrolment=ENROLMENT))


@pytest.fixture(scope="module")
def common(standing: Service) -> Shop:
    """A shop for the tests in which nobody joins."""
    door = standing.merchant("join")
    return Shop(standing.client, door, standing.program(door, enrolment=ENROLMENT))


@pytest.fixture
def window(common: Shop, standing: Service) -> Shop:
    """The common shop seen by somebody new: joins are limited per address."""
    browser = standing.app.test_client()
    browser.environ_base["REMOTE_ADDR"] = f"198.51.100.{next(_addresses)}"
    return replace(common, browser=browser)


_addresses = itertools.count(1)


def test_the_page_says_what_the_program_gives(window: Shop) -> None:
    page = window.browser.get(window.address)
    assert page.status_code == 200
    assert page.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in page.headers
    assert "Coffee card" in page.text
    assert "with 4 stamps" in page.text
    assert "Cookie" in page.text
    hero = re.search(r'og:image" content="https://cards.example(/i/[0-9a-f]{64}.png)"', page.text)
    assert hero
    assert window.browser.get(hero[1]).status_code == 200


def test_the_page_answers_a_head_request(window: Shop) -> None:
    assert window.browser.head(window.address).status_code == 200


def test_boxes_are_not_ticked_and_their_texts_are_escaped(window: Shop) -> None:
    page = window.browser.get(window.address).text
    assert "I accept the &lt;terms&gt;." in page
    assert page.count('type="checkbox"') == 2
    assert "checked" not in page


@pytest.mark.parametrize(
    ("header", "query", "locale", "direction"),
    [
        ("he-IL,he;q=0.9,en;q=0.5", "", "he", "rtl"),
        ("he", "?lang=cs", "cs", "ltr"),
        ("fr", "", "en", "ltr"),
        ("fr", "?lang=fr", "en", "ltr"),
    ],
)
def test_the_visitors_choice_precedes_the_browsers_language(
    window: Shop,
    header: str,
    query: str,
    locale: str,
    direction: str,
) -> None:
    page = window.browser.get(window.address + query, headers={"Accept-Language": header}).text
    assert f'<html lang="{locale}" dir="{direction}">' in page


def test_a_filled_form_leads_to_the_new_card(shop: Shop) -> None:
    birthday = {"birthday_day": "29", "birthday_month": "2", "birthday_year": "1996"}
    answer = shop.sent(ANNA | birthday | {"email": " anna@example.com "})
    assert answer.status_code == 303
    card = shop.browser.get(answer.headers["Location"])
    assert card.status_code == 200
    assert "Anna" in card.text
    [member] = shop.members()
    assert member["person"]["birthday"] == "1996-02-29"
    assert member["person"]["email"] == "anna@example.com"
    assert member["person"]["phone"] is None
    assert member["source"] == "join"


def test_each_shown_consent_is_logged_with_its_words(service: Service, shop: Shop) -> None:
    shop.sent(ANNA)
    with service.parts.database.reading() as session:
        log = session.scalars(select(Consent).order_by(Consent.id)).all()
        assert [(c.purpose, c.granted, c.text) for c in log] == [
            ("terms", True, "I accept the <terms>."),
            ("marketing_wallet", False, "Tell me about offers."),
        ]


def test_a_chosen_language_becomes_the_cards(shop: Shop) -> None:
    answer = shop.sent(ANNA, "?lang=he")
    assert 'lang="he" dir="rtl"' in shop.browser.get(answer.headers["Location"]).text
    assert shop.members()[0]["locale"] == "he"


def test_one_tap_joins_a_program_that_asks_for_nothing(standing: Service, window: Shop) -> None:
    door = standing.merchant("one-tap")
    shop = replace(window, door=door, program=standing.program(door))
    assert shop.sent({}).status_code == 303


def test_the_same_form_twice_at_once_makes_one_member(shop: Shop) -> None:
    form = ANNA | {"door": shop.opened()}
    with ThreadPoolExecutor(2) as threads:
        posts = [
            threads.submit(shop.browser.application.test_client().post, shop.address, data=form)
            for _ in range(2)
        ]
        answers = [post.result() for post in posts]
    assert {answer.status_code for answer in answers} == {303}
    assert len({answer.headers["Location"] for answer in answers}) == 1
    assert len(shop.members()) == 1


def test_two_forms_make_two_members(shop: Shop) -> None:
    cards = {shop.sent(ANNA).headers["Location"] for _ in range(2)}
    assert len(cards) == len(shop.members()) == 2


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"first_name": "  "}, "Please enter your first name."),
        ({"first_name": "x" * 201}, "This is too long."),
        ({"first_name": "An\u2028na"}, "Please write your first name in one line."),
        ({"email": "anna"}, "This is not an e-mail address."),
        ({"phone": "call me"}, "This is not a telephone number."),
        ({"birthday_day": "31", "birthday_month": "2", "birthday_year": "1990"}, "no such day"),
        ({"birthday_day": "1"}, "no such day"),
        ({"birthday_day": "1", "birthday_month": "1", "birthday_year": "2999"}, "no such day"),
        ({"birthday_day": "1", "birthday_month": "1", "birthday_year": "0096"}, "no such day"),
        ({"consent": "marketing_wallet"}, "Please tick this box"),
    ],
)
def test_a_fault_is_told_at_its_field_and_nobody_joins(
    window: Shop, fields: dict[str, str], sentence: str
) -> None:
    answer = window.sent(ANNA | fields)
    assert answer.status_code == 422
    assert answer.text.count('class="fault"') == 1
    assert sentence in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert window.members() == []


def test_all_faults_are_told_at_once_and_the_entries_are_kept(window: Shop) -> None:
    form = {"email": '"><script>', "consent": "marketing_wallet", "birthday_month": "3"}
    page = window.sent(form).text
    assert page.count('class="fault"') == 4
    assert 'value="&#34;&gt;&lt;script&gt;"' in page
    assert '<option value="3" selected>' in page
    assert 'value="marketing_wallet" checked' in page
    assert 'value="terms" required' in page


def test_faults_are_told_in_the_pages_language(window: Shop) -> None:
    page = window.sent({"consent": "terms"}, "?lang=hu").text
    assert "Kérjük, add meg a keresztneved." in page


@pytest.mark.parametrize("forged", ["", "x.y", "WyJhIiwxXQ.AAAA"])
def test_a_forged_door_opens_the_form_again(window: Shop, forged: str) -> None:
    answer = window.browser.post(window.address, data=ANNA | {"door": forged})
    assert answer.status_code == 422
    assert 'value="Anna"' in answer.text
    assert window.members() == []


def test_a_door_stays_open_for_a_day(shop: Shop, clock: Clock) -> None:
    early, late = shop.opened(), shop.opened()
    clock.forward(timedelta(hours=24))
    assert shop.browser.post(shop.address, data=ANNA | {"door": early}).status_code == 303
    clock.forward(timedelta(seconds=2))
    stale = shop.browser.post(shop.address, data=ANNA | {"door": late})
    assert stale.status_code == 422
    renewed = {"door": door_in(stale)}
    assert shop.browser.post(shop.address, data=ANNA | renewed).status_code == 303
    assert len(shop.members()) == 2


def test_an_unknown_program_is_a_page_for_browsers_and_a_problem_for_others(
    standing: Service,
) -> None:
    page = standing.client.get("/j/nothing", headers=BROWSER)
    assert page.status_code == 404
    assert "There is nothing here" in page.text
    problem = standing.client.get("/j/nothing")
    assert problem.status_code == 404
    assert problem.json["code"] == "not_found"


def test_a_draft_does_not_exist_yet(window: Shop) -> None:
    template = window.door.post("/templates", {"name": "Look"}).json
    draft = {"name": "Soon", "slug": "soon", "card_size": 5, "template_id": template["id"]}
    assert window.door.post("/programs", draft).status_code == 201
    assert window.browser.get("/j/soon").status_code == 404


@pytest.mark.parametrize("act", ["pause", "archive"])
def test_a_closed_program_says_so_and_takes_nobody(shop: Shop, act: str) -> None:
    form = ANNA | {"door": shop.opened()}
    shop.door.post(f"/programs/{shop.program['id']}/{act}")
    for answer in (shop.browser.get(shop.address), shop.browser.post(shop.address, data=form)):
        assert answer.status_code == 410
        assert "is not handing out new cards" in answer.text
    assert shop.members() == []


def test_joins_from_one_address_are_limited_and_others_are_not_disturbed(shop: Shop) -> None:
    allowed = int(JOINS_PER_ADDRESS.partition("/")[0])
    for _ in range(allowed):
        assert shop.browser.post(shop.address).status_code == 422
    refused = shop.browser.post(shop.address, headers=BROWSER)
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    assert "One moment, please" in refused.text
    assert shop.browser.get(shop.address).status_code == 200
    elsewhere = {"REMOTE_ADDR": "192.0.2.7"}
    assert shop.browser.post(shop.address, environ_overrides=elsewhere).status_code == 422
