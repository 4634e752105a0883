"""A card's life at Google: the real service and courier against the local Google."""

import itertools
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from certs.development import GOOGLE_ISSUER_ID
from certs.google import GoogleIdentity
from passes.services import phones
from passes.services.fanout import work_one_batch
from passes.store import outbox
from passes.store.tables import Delivery
from passes.wallets.google_rules import Kind, faults
from passes.web.parts import Parts
from tests.conftest import PUBLIC_URL, Clock, Door, Service, serve
from tests.webhooks.living import ScriptedCourier
from webhooks import google_callbacks
from webhooks.couriers.google_rest import GoogleRest
from webhooks.desks import AppleDesk
from webhooks.google_desk import GoogleDesk, Telling
from webhooks.google_keys import RootKeys, fetch_keys
from webhooks.google_reconcile import reconcile
from webhooks.rounds import PAUSE, Counted, Rounds, Terms
from webhooks.simulators.google_journal import Entry
from webhooks.simulators.google_registry import Resource
from webhooks.simulators.google_script import Rule
from webhooks.simulators.google_server import USER, Google, running_google

DOUBT = timedelta(minutes=10)
_RULES: dict[str, Kind] = {"loyaltyClass": "LoyaltyClass", "loyaltyObject": "LoyaltyObject"}
_PREFIX = "/walletobjects/v1/"


@dataclass
class World:
    """A shop, a local Google, and one worker's rounds between them."""

    service: Service
    door: Door
    program: dict[str, Any]
    google: Google
    make_rounds: Callable[..., Rounds[Telling]]
    rounds: Rounds[Telling]
    seen: int = 0

    @property
    def clock(self) -> Clock:
        assert isinstance(self.service.parts.now, Clock)
        return self.service.parts.now

    def member(self) -> dict[str, Any]:
        return self.service.member(self.door, self.program)

    def tap(self, member: dict[str, Any]) -> TestResponse:
        """On “Add to Google Wallet”."""
        path = urlsplit(member["pass"]["urls"]["google"]).path
        return self.service.client.get(path)

    def work(self, seconds: int = 3) -> list[Counted]:
        """All rounds that find something to do in the next seconds."""
        told: list[Counted] = []
        for _ in range(seconds):
            for _ in range(10):
                counted = self.rounds.step()
                if counted is None:
                    break
                told.append(counted)
            self.clock.forward(timedelta(seconds=1))
        return told

    def save(self, member: dict[str, Any], user: str = USER) -> None:
        """The holder's whole way, up to the callback."""
        self.tap(member)
        self.work()
        link = self.tap(member).headers["Location"]
        self.google.desk.tap(link.rpartition("/")[2], user)
        self.hear()

    def hear(self) -> None:
        """Google's callbacks arrive."""
        for letter in self.google.postman.letters():
            answer = self.service.client.post("/google/callback", data=letter.body)
            assert answer.status_code == 200, answer.text
        self.google.postman.clear()

    def saved(self) -> dict[str, Any]:
        """A new member whose card is in a wallet; what Google was told for that is forgotten."""
        member = self.member()
        self.save(member)
        self.work()
        self.forget()
        return member

    def forget(self) -> None:
        """`told` begins here."""
        self.seen = max((entry.number for entry in self.told()), default=self.seen)

    def stamp(self, member: dict[str, Any], stamps: int = 1) -> dict[str, Any]:
        """At the till; the answer's `push`."""
        answer = self.door.post(
            f"/members/{member['id']}/transactions",
            {"type": "earn", "stamps": stamps},
            headers={"Idempotency-Key": f"key-{next(_keys)}"},
        )
        assert answer.status_code == 201, answer.text
        return dict(answer.get_json()["push"])

    def at_google(self, member: dict[str, Any]) -> dict[str, Any]:
        """What the API tells of the pass."""
        return dict(self.door.get(f"/passes/{member['pass']['id']}").get_json()["google"])

    def object(self, member: dict[str, Any]) -> Resource:
        object_id = self.at_google(member)["object_id"]
        [found] = [one for one in self.google.registry.all() if one.id == object_id]
        return found

    def balance(self, member: dict[str, Any]) -> str:
        """What an Android shows."""
        return str(self.object(member).document["loyaltyPoints"]["balance"]["string"])

    def told(self, method: str = "", path: str = _PREFIX) -> list[Entry]:
        """Requests to the API, oldest first."""
        return self.google.journal.entries(method, path, self.seen)

    def rows(self) -> list[Delivery]:
        with self.service.parts.database.reading() as session:
            mine = select(Delivery).where(Delivery.courier == "google")
            return list(session.scalars(mine.order_by(Delivery.id)))

    def restyle(self) -> None:
        """The program has a new look, and all its cards are to follow."""
        path = f"/templates/{self.program['template_id']}"
        answer = self.door.patch(path, {"colors": {"background": "#7a1f3d"}})
        assert answer.status_code == 200, answer.text
        while True:
            with self.service.parts.database.writing() as session:
                if work_one_batch(session, self.clock()) is None:
                    return


_keys = itertools.count()


@pytest.fixture(scope="module")
def running(
    google_account: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Google, Path]]:
    """The local Google, and a key file that names its token service."""
    with running_google(google_account, GOOGLE_ISSUER_ID, now=lambda: datetime.now(UTC)) as google:
        key_file = tmp_path_factory.mktemp("account") / "key.json"
        account = json.loads(google_account.read_text()) | {"token_uri": f"{google.url}/token"}
        key_file.write_text(json.dumps(account))
        yield google, key_file


@pytest.fixture
def google(running: tuple[Google, Path]) -> Iterator[Google]:
    """A good day; whatever it was told in a test, it was told in whole and sound documents."""
    google, _ = running
    google.reset()
    google.panel.turn({"rate_per_s": None, "fetch_images": False, "hold_callbacks": True})
    yield google
    google.holds.release()
    _check(google.journal.entries(path=_PREFIX))


def _check(entries: Sequence[Entry]) -> None:
    for entry in entries:
        kind = entry.path.removeprefix(_PREFIX).partition("/")[0]
        if entry.method in {"POST", "PATCH"} and isinstance(entry.body, dict):
            whole = {key: value for key, value in entry.body.items() if value is not None}
            assert faults(_RULES[kind], whole) == ()


@pytest.fixture
def world(
    make_parts: Callable[..., Parts], google: Google, running: tuple[Google, Path]
) -> Iterator[World]:
    _, key_file = running
    parts = make_parts(
        GOOGLE_SERVICE_ACCOUNT=str(key_file),
        GOOGLE_ISSUER_ID=GOOGLE_ISSUER_ID,
        GOOGLE_SAVE_URL=google.save_url,
        GOOGLE_KEYS_URL=google.keys_url,
    )
    service = serve(parts)
    google_callbacks.install(
        service.app, RootKeys(parts.settings.google_keys_url, fetch_keys, parts.now)
    )
    identity = parts.google
    assert isinstance(identity, GoogleIdentity)
    with ExitStack() as stack:

        def make_rounds(timeout_s: float = 10.0) -> Rounds[Telling]:
            """As in a worker of its own; our own back-off takes no time."""
            courier = GoogleRest(
                key_file,
                api_url=google.url,
                now=parts.now,
                wait_for_turn=lambda: None,
                timeout_s=timeout_s,
            )
            stack.enter_context(closing(courier))
            desk = GoogleDesk(courier, identity, PUBLIC_URL, parts.looks)
            terms = Terms(batch=20, doubt=DOUBT)
            return Rounds(parts.database, desk, parts.now, terms, uniform=lambda least, _: least)

        door = service.merchant()
        limits = {"max_stamps": 30, "cooldown_s": 0}
        program = service.program(door, logo=False, limits=limits)
        yield World(service, door, program, google, make_rounds, make_rounds())
        google.holds.release()


# --- to the wallet --------------------------------------------------------------------------------


def test_a_tap_makes_class_and_object_and_leads_on_when_they_are_there(world: World) -> None:
    member = world.member()
    assert world.told() == []  # ids can never be deleted: nothing before the tap
    waiting = world.tap(member)
    assert (waiting.status_code, waiting.headers["Refresh"]) == (200, "1")
    assert "One moment" in waiting.text
    assert world.at_google(member)["sync"] == "pending"
    world.work()
    assert [entry.method for entry in world.told("POST")] == ["POST", "POST"]
    onward = world.tap(member)
    assert onward.status_code == 302
    assert onward.headers["Location"].startswith(world.google.save_url)
    view = world.at_google(member)
    assert (view["sync"], view["error"], view["saved"]) == ("synced", None, False)
    assert world.balance(member) == "0/10"


def test_a_save_is_known_by_its_callback_and_a_removal_as_well(world: World) -> None:
    member = world.member()
    world.save(member)
    assert world.at_google(member)["saved"]
    world.google.desk.remove(world.at_google(member)["object_id"], USER)
    world.hear()
    assert not world.at_google(member)["saved"]


def test_a_save_whose_callback_never_came_is_found_in_the_night(world: World) -> None:
    member = world.member()
    world.tap(member)
    world.work()
    world.google.desk.tap(world.tap(member).headers["Location"].rpartition("/")[2], USER)
    world.stamp(member)
    world.work()
    assert world.balance(member) == "0/10"
    parts, courier = world.service.parts, world.rounds.desk.courier
    assert isinstance(courier, GoogleRest)
    assert reconcile(parts.database, courier, GOOGLE_ISSUER_ID, parts.now, lambda: False)
    assert world.at_google(member)["saved"]
    world.work()
    assert world.balance(member) == "1/10"


# --- in the wallet --------------------------------------------------------------------------------


def test_a_stamp_is_one_patch_that_notifies_and_the_fourth_of_a_day_is_silent(
    world: World,
) -> None:
    member = world.saved()
    for turn in range(4):
        world.forget()
        push = world.stamp(member)
        is_loud = turn < 3
        assert push == {"apple": "none", "google": "queued", "notified": is_loud}
        assert world.at_google(member)["sync"] == "pending"
        world.work()
        assert world.at_google(member)["sync"] == "synced"
        [patch] = world.told()
        assert patch.method == "PATCH"
        assert isinstance(patch.body, dict)
        wish = "NOTIFY_ON_UPDATE" if is_loud else None
        assert patch.body.get("notifyPreference") == wish
    assert world.balance(member) == "4/10"
    world.clock.forward(timedelta(hours=24))
    assert world.stamp(member)["notified"]


def test_stamps_in_a_burst_are_one_patch(world: World) -> None:
    member = world.saved()
    for _ in range(5):
        world.stamp(member)
    world.work()
    assert len(world.told("PATCH")) == 1
    assert world.balance(member) == "5/10"
    assert world.rows() == []


def test_what_nobody_saved_is_brought_up_to_date_by_the_next_tap(world: World) -> None:
    member = world.member()
    world.tap(member)
    world.work()
    world.forget()
    assert world.stamp(member) == {"apple": "none", "google": "none", "notified": False}
    world.work()
    assert world.told() == []
    assert world.tap(member).status_code == 200
    world.work()
    assert world.tap(member).status_code == 302
    assert world.balance(member) == "1/10"


def test_a_stamp_between_tap_and_save_is_told_after_the_save(world: World) -> None:
    member = world.member()
    world.tap(member)
    world.work()
    link = world.tap(member).headers["Location"]
    world.stamp(member)
    world.google.desk.tap(link.rpartition("/")[2], USER)
    world.hear()
    world.work()
    assert world.balance(member) == "1/10"


def test_a_void_pass_is_inactive_at_google(world: World) -> None:
    member = world.saved()
    world.door.post(f"/passes/{member['pass']['id']}/void")
    world.work()
    assert world.object(member).document["state"] == "INACTIVE"


def test_a_new_look_is_one_patch_of_the_class_and_the_objects_follow(world: World) -> None:
    member = world.saved()
    unsaved = world.member()
    world.restyle()
    world.work()
    [patch] = world.told(path="loyaltyClass")
    assert isinstance(patch.body, dict)
    assert (patch.method, patch.body["reviewStatus"]) == ("PATCH", "UNDER_REVIEW")
    [follows] = world.told(path="loyaltyObject")
    assert follows.path.endswith(str(world.at_google(member)["object_id"]))
    assert world.at_google(unsaved)["sync"] == "none"


# --- trouble --------------------------------------------------------------------------------------


def test_while_google_is_down_the_card_stays_usable_and_all_converges(world: World) -> None:
    member, other = world.saved(), world.member()
    world.google.script.add(Rule(answer="status", path=_PREFIX, status=503))
    for _ in range(3):
        assert world.stamp(member)["google"] == "queued"
    world.tap(other)
    world.work()
    page = world.tap(other)
    assert (page.status_code, page.headers["Refresh"]) == (200, "10")
    assert "Google is slow just now" in page.text
    assert world.service.client.get(urlsplit(other["pass"]["urls"]["landing"]).path).text
    assert "503" in world.at_google(member)["error"]
    assert len(world.rows()) == 2  # one per object, whatever changed
    world.google.script.clear()
    world.work()
    assert world.balance(member) == "3/10"
    assert world.tap(other).status_code == 302
    assert world.rows() == []


def test_the_very_first_tap_while_google_is_down_waits_without_a_storm(world: World) -> None:
    member = world.member()
    world.google.script.add(Rule(answer="status", path=_PREFIX, status=503, retry_after=30))
    world.tap(member)
    for _ in range(3):
        world.work()
        world.clock.forward(timedelta(seconds=30))
    assert "Google is slow just now" in world.tap(member).text
    assert "503" in world.at_google(member)["error"]
    assert len(world.told()) == 3
    [waiting] = [row for row in world.rows() if row.target.startswith("object:")]
    [parent] = [row for row in world.rows() if row.target.startswith("class:")]
    assert waiting.due_at == parent.due_at + timedelta(seconds=1)
    world.google.script.clear()
    world.clock.forward(timedelta(seconds=30))
    world.work()
    assert world.tap(member).status_code == 302


def test_objects_follow_stamps_while_their_class_cannot_be_told(world: World) -> None:
    member = world.saved()
    world.google.script.add(Rule(answer="status", path="loyaltyClass", status=503))
    world.restyle()
    world.stamp(member)
    world.work()
    assert world.balance(member) == "1/10"


def test_without_permission_the_queue_stands_still_and_says_how_to_mend_it(world: World) -> None:
    member = world.saved()
    world.google.panel.turn({"account_linked": False})
    world.stamp(member)
    world.work()
    asked = len(world.told())
    cure = "as a user in the Google Pay & Wallet console"
    assert cure in world.at_google(member)["error"]
    assert cure in world.service.client.get("/readyz").text
    world.work(seconds=5)
    assert len(world.told()) == asked  # nobody knocks meanwhile
    world.google.panel.turn({"account_linked": True})
    world.clock.forward(PAUSE)
    world.work()
    assert world.balance(member) == "1/10"
    assert world.at_google(member)["error"] is None


def test_a_rejected_class_is_seen_at_the_pass_and_a_new_look_heals_it(world: World) -> None:
    member = world.member()
    world.google.panel.turn({"review": "reject"})
    world.tap(member)
    world.work()
    view = world.at_google(member)
    assert view["sync"] == "failed"
    assert "rejected" in view["error"]
    page = world.tap(member)
    assert page.status_code == 503
    assert "does not take this card" in page.text
    world.google.panel.turn({"review": "approve"})
    world.restyle()
    world.work()
    assert world.tap(member).status_code == 302


def test_a_class_google_refuses_is_seen_at_the_pass_and_causes_no_storm(world: World) -> None:
    member = world.member()
    world.google.script.add(Rule(answer="status", path="loyaltyClass", status=400))
    world.tap(member)
    world.work()
    view = world.at_google(member)
    assert view["sync"] == "failed"
    assert "400" in view["error"]
    assert len(world.told(path="loyaltyClass")) == 1


def test_a_revoked_token_is_replaced_unseen(world: World) -> None:
    member = world.saved()
    world.google.tokens.revoke_all()
    world.stamp(member)
    assert world.work() == [Counted(delivered=1)]
    assert world.balance(member) == "1/10"


def test_a_patch_that_arrives_late_has_not_the_last_word(world: World) -> None:
    """Worker A's first stamp is obeyed minutes after worker B's second."""
    member = world.saved()
    slow, quick = world.make_rounds(timeout_s=0.2), world.rounds
    world.google.script.add(Rule(answer="hold", method="PATCH", next=1))
    world.stamp(member)
    assert slow.step() == Counted(later=1)
    world.stamp(member)
    assert quick.step() == Counted(delivered=1)
    assert world.balance(member) == "2/10"
    [number] = world.google.holds.held()
    world.google.holds.release(number)
    wait_until(lambda: world.balance(member) == "1/10")
    assert quick.step() is None
    world.clock.forward(DOUBT)
    assert quick.step() == Counted(delivered=1)
    assert world.balance(member) == "2/10"
    assert world.rows() == []


def test_what_a_worker_sent_before_it_died_is_told_once_more(world: World) -> None:
    member = world.saved()
    world.stamp(member)
    lease = timedelta(seconds=60)
    with world.service.parts.database.writing() as session:
        assert outbox.claim(session, "google", "own_dead", 9, world.clock(), lease)
    assert world.rounds.step() is None
    world.clock.forward(lease)
    assert world.rounds.step() == Counted(delivered=1)
    world.forget()
    world.clock.forward(DOUBT)
    assert world.rounds.step() == Counted(delivered=1)
    [again] = world.told("PATCH")
    assert isinstance(again.body, dict)
    assert "notifyPreference" not in again.body
    assert world.rows() == []


def test_a_google_that_wants_less_is_left_alone_as_long_as_it_says(world: World) -> None:
    member = world.saved()
    world.google.script.add(Rule(answer="status", path=_PREFIX, status=429, retry_after=30, next=1))
    world.stamp(member)
    assert world.rounds.step() == Counted(later=1)
    world.stamp(member)  # a change does not cut the wait short
    assert world.work(seconds=29) == []
    world.work()
    assert world.balance(member) == "2/10"


def test_phones_with_apple_wallet_are_told_while_google_keeps_silent(world: World) -> None:
    member = world.saved()
    parts = world.service.parts
    with parts.database.writing() as session:
        found = phones.find_pass(
            session, world.program["pass_type_identifier"], member["pass"]["serial_number"]
        )
        assert found
        pass_type = world.program["pass_type_identifier"]
        phones.register(session, found, "iPhone", pass_type, "aa", world.clock())
    world.google.script.add(Rule(answer="hold", method="PATCH", next=1))
    world.stamp(member)
    google = Thread(target=world.rounds.step)
    google.start()
    wait_until(lambda: bool(world.google.holds.held()))
    courier = ScriptedCourier()
    apple = Rounds(parts.database, AppleDesk(courier, 4, timedelta(hours=1)), parts.now, Terms())
    assert apple.step() == Counted(delivered=1)
    assert google.is_alive()
    world.google.holds.release()
    google.join()
    assert (courier.seen, world.balance(member)) == (["aa"], "1/10")


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not is_so():
        assert time.monotonic() < deadline
        Event().wait(0.01)
