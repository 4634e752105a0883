"""How a virtual iPhone lives with a web service."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from certs.apple import AppleIdentity
from tests.webhooks.simulators.cards import SERIAL, card, rewritten, spoiled
from tests.webhooks.simulators.web_service import CARD_LINK, WebService, listing
from webhooks.simulators.iphone import IPhone
from webhooks.simulators.web import WebAnswer


class Clock:
    def __init__(self) -> None:
        self.moment = datetime.now(UTC) + timedelta(minutes=1)

    def __call__(self) -> datetime:
        return self.moment

    def forward(self, **step: float) -> None:
        self.moment += timedelta(**step)


class Life:
    """A phone, its web service, its clock, and what a test does with them."""

    def __init__(self, identity: AppleIdentity, roots: tuple[x509.Certificate, ...]) -> None:
        self.identity = identity
        self.clock = Clock()
        self.service = WebService(card(identity, 3))
        self.phone = IPhone("Anna", self.service, roots, self.clock)

    def added(self) -> "Life":
        assert self.phone.add_link(CARD_LINK) == ()
        self.phone.run_due()
        return self

    def stamped(self, stamps: int) -> "Life":
        self.service.change(card(self.identity, stamps))
        return self

    def pushed(self) -> "Life":
        [service] = self.phone.wallet.services.values()
        self.phone.receive_push(service)
        self.phone.run_due()
        return self

    @property
    def texts(self) -> list[str]:
        return [notice.text for notice in self.phone.wallet.lock_screen]

    @property
    def kinds(self) -> list[str]:
        return [event.kind for event in self.phone.wallet.trail.events]

    @property
    def card(self) -> str:
        """The stamps that the phone shows."""
        [one] = self.phone.wallet.cards.values()
        shown = one.package.document["storeCard"]
        assert isinstance(shown, dict)
        return str(shown["headerFields"][0]["value"])


@pytest.fixture
def life(identity: AppleIdentity, roots: tuple[x509.Certificate, ...]) -> Life:
    return Life(identity, roots)


def test_a_card_that_is_added_registers_then_lists_then_fetches(life: Life) -> None:
    life.added()
    assert life.service.calls == ["R", "L", "P"]
    [token] = life.service.registrations.values()
    assert life.phone.service_of(token)
    assert life.service.logs == []
    assert life.card == "3/10"


def test_a_stamp_travels_from_push_to_lock_screen(life: Life) -> None:
    life.added().stamped(4).pushed()
    assert life.card == "4/10"
    assert life.texts == ["Your card now shows 4/10"]
    assert life.kinds[-4:] == ["push", "list", "fetch", "shown"]
    assert life.service.logs == []


def test_several_pushes_before_the_phone_wakes_are_one_fetch(life: Life) -> None:
    life.added().stamped(4)
    [service] = life.phone.wallet.services.values()
    life.service.calls.clear()
    for _ in range(5):
        life.phone.receive_push(service)
    life.phone.run_due()
    assert life.service.calls == ["L", "P"]


def test_a_push_for_nothing_ends_with_the_list(life: Life) -> None:
    life.added().pushed()
    assert life.kinds[-2:] == ["push", "list"]
    assert life.service.logs == []


def test_every_phone_and_web_service_has_ids_of_its_own(
    life: Life, identity: AppleIdentity
) -> None:
    life.added()
    other = card(identity, serial="CARD-2", service="https://cards.example/apple/apple")
    life.phone.add(other)
    first, second = life.phone.wallet.services.values()
    assert first.device != second.device
    assert first.push_token != second.push_token


def test_a_second_card_of_a_known_service_is_listed_with_the_old_tag(
    life: Life, identity: AppleIdentity
) -> None:
    life.added()
    life.service.calls.clear()
    life.phone.add(card(identity, serial="CARD-2"))
    life.phone.run_due()
    assert life.service.calls[:3] == ["R", "L", "P"]


def test_removing_a_card_unregisters_it(life: Life) -> None:
    life.added()
    life.phone.remove((life.identity.pass_type_identifier, SERIAL))
    life.phone.run_due()
    assert life.service.calls[-1] == "U"
    assert life.service.registrations == {}
    assert life.phone.wallet.cards == {}


def test_a_removed_card_is_unregistered_even_after_an_outage(life: Life) -> None:
    life.added()
    life.service.reachable = False
    life.phone.remove((life.identity.pass_type_identifier, SERIAL))
    life.phone.run_due()
    life.service.reachable = True
    life.clock.forward(seconds=2)
    life.phone.run_due()
    assert life.service.registrations == {}


def test_without_automatic_updates_only_pulling_refreshes(life: Life) -> None:
    life.added()
    life.phone.set_automatic(False)
    life.phone.run_due()
    assert life.service.registrations == {}
    life.stamped(5).pushed()
    assert life.card == "3/10"
    life.phone.refresh()
    life.phone.run_due()
    assert life.card == "5/10"
    life.phone.set_automatic(True)
    life.phone.run_due()
    assert life.service.registrations


def test_offline_phones_catch_up_when_they_are_back(life: Life) -> None:
    life.added()
    life.phone.set_offline(True)
    life.stamped(4).pushed()
    assert life.card == "3/10"
    assert life.phone.next_due() is None
    life.phone.set_offline(False)
    assert life.phone.next_due() == life.clock()
    life.phone.run_due()
    assert life.card == "4/10"


def test_troubles_of_the_service_are_tried_again_after_growing_waits(life: Life) -> None:
    life.added().stamped(4)
    life.service.answers["L"] = lambda: WebAnswer(503, {})
    life.pushed()
    waits = []
    while due := life.phone.next_due():
        waits.append((due - life.clock()).total_seconds())
        life.clock.moment = due
        life.phone.run_due()
    assert waits == [2, 10, 60, 300, 1800]
    assert "gives up" in life.phone.wallet.trail.events[-1].text
    del life.service.answers["L"]
    life.pushed()
    assert life.card == "4/10"


def test_a_fetch_that_failed_is_not_forgotten(life: Life) -> None:
    life.added().stamped(4)
    life.service.answers["P"] = lambda: WebAnswer(500, {})
    life.pushed()
    del life.service.answers["P"]
    life.clock.forward(seconds=2)
    life.phone.run_due()
    assert life.card == "4/10"


@pytest.mark.parametrize(
    ("letter", "answer", "complaint"),
    [
        ("L", lambda: listing("1"), r"included 1 serial numbers but the lastUpdated tag \(1\)"),
        ("L", lambda: listing(2), r"'What changed\?' request was malformed"),
        (
            "L",
            lambda: listing("2", "OTHER"),
            "Update requested for unregistered serial number OTHER",
        ),
        (
            "L",
            lambda: WebAnswer(404, {}),
            (
                r"Get serial #s task \(for device \w+, pass type [\w.]+, last updated 1; "
                r"with web service url https://cards.example/apple\) encountered error: "
                "Unexpected response code 404"
            ),
        ),
        ("P", lambda: WebAnswer(304, {}), "'CARD-1', but the pass was unchanged"),
        (
            "P",
            lambda: WebAnswer(401, {}),
            (
                r"Get pass task \(pass type [\w.]+, serial number CARD-1, if-modified-since "
                "Sun, 22 Nov 2026 10:00:01 GMT; with web service url "
                r"https://cards.example/apple\) encountered error: Authentication failure"
            ),
        ),
        ("P", lambda: WebAnswer(200, {}, b"junk"), "Received invalid pass data"),
    ],
)
def test_a_service_that_misbehaves_is_reported_in_apples_words(
    life: Life, letter: str, answer: Callable[[], WebAnswer], complaint: str
) -> None:
    life.added().stamped(4)
    life.service.answers[letter] = answer
    life.pushed()
    [line] = [one for one in life.service.logs if re.search(complaint, one)]
    assert re.match(r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [AP]M \+0000\] ", line)


def test_registration_knows_only_200_and_201(life: Life) -> None:
    life.service.answers["R"] = lambda: WebAnswer(204, {})
    life.added()
    [line] = life.service.logs
    assert "Register task (for device" in line
    assert "Unexpected response code 204" in line
    [one] = life.phone.wallet.cards.values()
    assert not one.registered


def test_a_pass_without_its_date_or_sent_again_for_nothing_is_reported(life: Life) -> None:
    life.added()
    same = life.service.pkpass
    life.service.answers["P"] = lambda: WebAnswer(200, {}, same)
    life.stamped(4).pushed()
    assert "did not provide a 'last-modified' header" in life.service.logs[0]
    assert "Server ignored the 'if-modified-since' header (Sun, 22" in life.service.logs[1]


def test_a_bad_update_leaves_the_old_card_in_place(life: Life) -> None:
    life.added()
    bad = spoiled(card(life.identity, 4), lambda files: files.update({"strip.png": b"x"}))
    life.service.change(bad)
    life.pushed()
    assert life.card == "3/10"
    assert any(
        "manifest_hash_mismatch(strip.png)" in e.text for e in life.phone.wallet.trail.events
    )


def test_an_update_with_another_token_is_refused(life: Life) -> None:
    life.added()
    life.service.change(card(life.identity, 4, token="u" * 32))
    life.pushed()
    assert life.card == "3/10"
    assert any(
        "identity_changed(authenticationToken)" in e.text for e in life.phone.wallet.trail.events
    )


def test_one_general_sentence_replaces_several_messages(life: Life) -> None:
    life.added()

    def speak(document: dict[str, dict[str, list[dict[str, str]]]]) -> None:
        for area in ("headerFields", "secondaryFields"):
            document["storeCard"][area][0] |= {"changeMessage": "Now %@"}
        document["storeCard"]["secondaryFields"][0] |= document["storeCard"]["headerFields"][0]
        document["storeCard"]["secondaryFields"][0]["key"] = "other"

    first, second = (rewritten(card(life.identity, n), life.identity, speak) for n in (3, 4))
    life.service.change(first)
    life.pushed()
    assert life.texts == []
    life.service.change(second)
    life.pushed()
    assert life.texts == ["Store card changed"]


def test_a_change_without_a_message_is_silent(life: Life) -> None:
    life.added()
    terms = rewritten(
        card(life.identity, 3), life.identity, lambda one: one.update(description="Other")
    )
    life.service.change(terms)
    life.pushed()
    assert life.texts == []
    assert life.kinds[-1] == "silent"


def test_a_card_that_was_voided_says_so(life: Life) -> None:
    life.added()
    life.service.change(card(life.identity, 3, voided=True))
    life.pushed()
    assert "voided" in life.kinds


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (WebAnswer(404, {}), "download_failed"),
        (WebAnswer(200, {"content-type": "application/zip"}, b""), "media_type_wrong"),
        (WebAnswer(200, {"content-type": "application/vnd.apple.pkpass"}, b""), "zip_unreadable"),
        (WebAnswer(302, {"location": "/p/x"}), "unreachable"),
        (WebAnswer(302, {"location": "file:///etc/passwd"}), "unreachable"),
    ],
)
def test_a_link_that_leads_to_no_pass_is_refused_in_words(
    life: Life, answer: WebAnswer, code: str
) -> None:
    life.service.links["https://cards.example/p/x"] = answer
    [finding] = [one for one in life.phone.add_link("https://cards.example/p/x") if one.fatal][:1]
    assert finding.code == code
    assert life.phone.wallet.cards == {}


def test_a_page_with_the_button_leads_to_the_pass(life: Life) -> None:
    page = b'<p><a href="/other">No</a> <a class="b" href="/p/x.pkpass">Add</a>'
    answer = WebAnswer(200, {"content-type": "text/html; charset=utf-8"}, page)
    life.service.links["https://cards.example/p/x"] = answer
    assert life.phone.add_link("https://cards.example/p/x") == ()
    assert life.card == "3/10"


def test_a_rationed_phone_waits_longer_and_longer_and_then_stops(life: Life) -> None:
    life.phone.set_rationing(True)
    life.added()
    waits: list[int] = []
    for stamps in range(40):
        life.stamped(stamps % 10).pushed()
        due = life.phone.next_due()
        waits.append(round((due - life.clock()).total_seconds()) if due else 0)
        if due:
            life.clock.moment = due
            life.phone.run_due()
        if not life.service.registrations:
            break
    assert [wait for n, wait in enumerate(waits) if wait not in waits[:n]] == [0, 120, 600, 3600]
    assert life.texts[-1].startswith("Automatic updates were turned off")
    life.stamped(10).pushed()
    assert life.kinds[-1] == "push"
    assert life.card != "10/10"
    life.phone.refresh()
    life.phone.run_due()
    assert life.card == "10/10"
