"""The door to Google Wallet: the first tap asks for the object, a page waits, the link follows."""

import re
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from passes.services import google_booking, google_sync
from passes.store import outbox, pauses
from passes.store.tables import Delivery, GoogleNotice, Pass
from tests.service import PUBLIC_URL, Door, Service

_keys = count()

LINK = "https://pay.google.com/gp/v/save/ey"


@dataclass(frozen=True)
class Tap:
    """A card, and who taps on it."""

    service: Service
    door: Door
    member: dict[str, Any]

    @property
    def pass_id(self) -> str:
        return str(self.member["pass"]["id"])

    @property
    def path(self) -> str:
        return str(self.member["pass"]["urls"]["google"]).removeprefix(PUBLIC_URL)

    @property
    def row(self) -> Delivery | None:
        """What waits for this card at Google."""
        with self.service.parts.database.reading() as session:
            mine = Delivery.target == google_sync.OBJECT + self.pass_id
            return session.scalars(select(Delivery).where(mine)).one_or_none()

    @property
    def at_google(self) -> dict[str, Any]:
        """As the API tells it."""
        return dict(self.door.get(f"/passes/{self.pass_id}").get_json()["google"])

    def __call__(self, method: str = "GET", **headers: str) -> TestResponse:
        return self.service.client.open(self.path, method=method, headers=headers)

    def arrive(self) -> None:
        """The worker told Google, and settled its row."""
        with self.service.parts.database.writing() as session:
            version = session.get_one(Pass, self.pass_id).version
            now = self.service.parts.now()
            google_booking.book_objects(
                session, [google_booking.Taken(self.pass_id, version, "0/10")], now
            )

    def say(self, **columns: Any) -> None:
        """What the row says of its tries."""
        with self.service.parts.database.writing() as session:
            mine = Delivery.target == google_sync.OBJECT + self.pass_id
            session.execute(update(Delivery).where(mine).values(columns))

    def save(self) -> None:
        """A callback told that somebody holds it."""
        with self.service.parts.database.writing() as session:
            session.execute(update(Pass).where(Pass.id == self.pass_id).values(google_saved=True))

    def notice(self) -> None:
        """Google showed a change of it just now."""
        with self.service.parts.database.writing() as session:
            session.add(GoogleNotice(pass_id=self.pass_id, sent_at=self.service.parts.now()))

    def refuse(self, why: str) -> None:
        with self.service.parts.database.writing() as session:
            google_booking.book_failure(session, google_sync.OBJECT + self.pass_id, why)


@pytest.fixture(scope="module")
def shop(shared_service: Service) -> tuple[Door, dict[str, Any]]:
    door = shared_service.merchant("cards")
    program = shared_service.program(door, logo=False)
    noise = shared_service.member(door, program)
    shared_service.client.get(noise["pass"]["urls"]["google"].removeprefix(PUBLIC_URL))
    return door, program


@pytest.fixture
def tap(shared_service: Service, shop: tuple[Door, dict[str, Any]]) -> Tap:
    """Somebody with a new card."""
    door, program = shop
    return Tap(shared_service, door, shared_service.member(door, program))


def title(answer: TestResponse) -> str:
    found = re.search(r"<h1>(.+)</h1>", answer.text)
    assert found
    return found[1]


def test_enrolment_burns_no_id_at_google(tap: Tap) -> None:
    assert tap.row is None
    assert tap.at_google["sync"] == "none"


def test_the_first_tap_asks_for_the_object_and_a_page_waits(tap: Tap) -> None:
    answer = tap()
    assert answer.status_code == 200
    assert title(answer) == "One moment, please"
    assert answer.headers["Refresh"] == "1"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "<script" not in answer.text
    assert tap.row
    assert tap.row.priority == outbox.AT_THE_TILL
    assert tap.at_google["sync"] == "pending"


def test_who_taps_does_not_wait_behind_a_fan_out(tap: Tap) -> None:
    tap()
    tap.say(priority=outbox.FAN_OUT)  # as after a refusal that a new class may have mended
    tap()
    assert tap.row
    assert tap.row.priority == outbox.AT_THE_TILL


def test_who_waits_asks_for_nothing_more(tap: Tap) -> None:
    tap()
    first = tap.row
    answer = tap()
    assert title(answer) == "One moment, please"
    assert first
    assert tap.row
    assert (tap.row.id, tap.row.version) == (first.id, first.version)


def test_a_card_that_is_there_leads_to_the_short_save_link(tap: Tap) -> None:
    tap()
    tap.arrive()
    answer = tap()
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(LINK)
    assert len(answer.headers["Location"]) < 1000
    assert answer.headers["Cache-Control"] == "no-store"
    assert tap.at_google["sync"] == "synced"


def test_a_stamp_since_the_last_tap_is_fetched_before_the_link(tap: Tap) -> None:
    tap.arrive()
    tap.service.stamp(tap.member, 1)
    assert title(tap()) == "One moment, please"
    assert tap.row
    tap.arrive()
    assert tap().status_code == 302


def test_a_slow_google_is_told_and_asked_for_less_often(tap: Tap) -> None:
    tap()
    tap.say(attempts=2, last_error="Google answered 503")
    assert title(tap()) == "One moment, please"
    tap.say(attempts=3, last_error="Google answered 503")
    answer = tap()
    assert answer.status_code == 200
    assert title(answer) == "Google is slow just now"
    assert answer.headers["Refresh"] == "10"
    assert "Google answered" not in answer.text
    assert tap.at_google["error"] == "Google answered 503"


def test_a_queue_that_stands_still_is_told_at_once(tap: Tap) -> None:
    tap()
    now = tap.service.parts.now()
    with tap.service.parts.database.writing() as session:
        until = now + timedelta(minutes=5)
        pauses.pause(session, google_sync.GOOGLE, google_sync.GOOGLE, "not invited", now, until)
    answer = tap()
    assert (title(answer), answer.headers["Refresh"]) == ("Google is slow just now", "10")
    assert tap.at_google["error"] == "not invited"
    with tap.service.parts.database.writing() as session:
        pauses.resume(session, google_sync.GOOGLE, {google_sync.GOOGLE})
    assert title(tap()) == "One moment, please"


def test_a_card_google_refuses_stays_usable_in_the_browser(tap: Tap) -> None:
    tap()
    tap.refuse("loyaltyPoints is malformed")
    answer = tap()
    assert answer.status_code == 503
    assert title(answer) == "Google Wallet does not take this card"
    assert "Refresh" not in answer.headers
    assert f'href="{tap.member["pass"]["urls"]["landing"]}"' in answer.text
    assert "loyaltyPoints" not in answer.text
    at_google = tap.at_google
    assert (at_google["sync"], at_google["error"]) == ("failed", "loyaltyPoints is malformed")
    card = tap.service.client.get(tap.path.removesuffix("/google"))
    assert card.status_code == 200


def test_a_look_without_a_tap_writes_nothing(tap: Tap) -> None:
    answer = tap("HEAD")
    assert (answer.status_code, answer.data) == (200, b"")
    assert tap.row is None
    assert tap.at_google["sync"] == "none"


@pytest.mark.parametrize(
    ("locale", "waiting", "slow", "refused"),
    [
        (
            "he",
            "רק רגע, בבקשה",
            "Google איטי כרגע",
            "Google Wallet לא קיבל את הכרטיס הזה",
        ),
        (
            "hu",
            "Egy pillanat türelmet",
            "A Google most lassú",
            "A Google Tárca nem fogadja el ezt a kártyát",
        ),
        (
            "cs",
            "Okamžik, prosím",
            "Google je teď pomalý",
            "Peněženka Google tuto kartu nepřijala",
        ),
    ],
)
def test_the_page_speaks_the_language_of_who_waits(
    tap: Tap, locale: str, waiting: str, slow: str, refused: str
) -> None:
    language = {"Accept-Language": locale}
    answer = tap(**language)
    assert title(answer) == waiting
    assert ('dir="rtl"' in answer.text) == (locale == "he")
    tap.say(attempts=3, last_error="Google answered 503")
    assert title(tap(**language)) == slow
    tap.refuse("no")
    assert title(tap(**language)) == refused


def test_a_stamp_tells_whether_google_hears_of_it_and_notifies(tap: Tap) -> None:
    def push() -> tuple[str, bool]:
        draft = {"type": "earn", "stamps": 1}
        key = {"Idempotency-Key": f"{tap.pass_id}-{next(_keys)}"}
        answer = tap.door.post(f"/members/{tap.member['id']}/transactions", draft, headers=key)
        told = answer.get_json()["push"]
        return told["google"], told["notified"]

    sent: list[tuple[str, bool]] = []
    tap.arrive()
    assert push() == ("none", False)
    tap.save()
    assert tap.at_google["saved"]
    for _ in range(google_sync.NOTICES_PER_DAY):
        sent.append(push())
        tap.notice()
    sent.append(push())
    assert sent == [("queued", True)] * 3 + [("queued", False)]
