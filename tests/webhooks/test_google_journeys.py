"""A card's life at Google: the real service and courier against the local Google."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event, Thread
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from certs.development import GOOGLE_ISSUER_ID
from passes.services import phones
from passes.store import outbox
from passes.store.tables import Pass
from tests.conftest import logo_png
from tests.webhooks.google_world import DOUBT, PREFIX, World
from tests.webhooks.living import ScriptedCourier
from webhooks.booking import PAUSE
from webhooks.couriers.google_rest import GoogleRest
from webhooks.desks import AppleDesk
from webhooks.google_desk import Telling
from webhooks.google_reconcile import reconcile
from webhooks.rounds import Counted, Rounds
from webhooks.simulators.google_script import Rule
from webhooks.simulators.google_server import USER
from webhooks.terms import Terms

LINK = {"uri": "https://fern.example"}
HELLO = {"defaultValue": {"language": "en", "value": "Hello"}}

# --- to the wallet --------------------------------------------------------------------------------


def test_an_open_program_has_its_class_before_anybody_taps(world: World) -> None:
    world.member()
    world.work()
    assert world.rows() == []
    [insert] = world.told("POST")
    assert insert.path == f"{PREFIX}loyaltyClass"
    world.forget()
    for move in ("pause", "activate", "activate"):
        assert world.door.post(f"/programs/{world.program['id']}/{move}").status_code == 200
    world.work()
    assert world.told() == []  # ids can never be deleted: no object before the tap


def test_a_tap_makes_class_and_object_and_leads_on_when_they_are_there(world: World) -> None:
    member = world.member()
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


def test_who_waits_for_a_class_is_told_as_soon_as_it_is_there(world: World) -> None:
    member = world.member()
    world.google.script.add(
        Rule(answer="status", path="loyaltyClass", status=503, retry_after=600, next=1)
    )
    world.tap(member)
    world.work()
    [the_class] = [row for row in world.rows() if row.target.startswith("class:")]
    assert world.door.post(f"/deliveries/{the_class.id}/retry").status_code == 200
    world.work(seconds=1)
    assert world.tap(member).status_code == 302


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


def test_a_void_pass_is_inactive_before_anybody_saves_it(world: World) -> None:
    tapped, untouched = world.member(), world.member()
    world.tap(tapped)
    world.work()
    world.forget()
    for member in (tapped, untouched):
        world.door.post(f"/passes/{member['pass']['id']}/void")
    world.work()
    [patch] = world.told()
    assert patch.path.endswith(str(world.at_google(tapped)["object_id"]))
    assert world.object(tapped).document["state"] == "INACTIVE"


@pytest.mark.parametrize("is_held", [True, False])
def test_of_an_erased_member_google_keeps_nothing(world: World, is_held: bool) -> None:
    person = {"first_name": "Zofie", "last_name": "Unique"}
    member = world.saved(person=person) if is_held else world.member(person=person)
    world.tap(member)
    world.work()
    before = world.object(member).document
    assert before["accountName"] == "Zofie Unique"
    assert world.door.post(f"/members/{member['id']}/erase").status_code == 200
    world.work()
    after = world.object(member).document
    assert after["state"] == "INACTIVE"
    assert "accountName" not in after
    assert "Unique" not in json.dumps(after)
    assert before["accountId"] not in json.dumps(after)
    assert world.tap(member).status_code == 410
    assert world.rows() == []


def test_overrides_that_are_taken_back_leave_nothing_at_google(world: World) -> None:
    member = world.saved()
    plain_class, plain_object = world.the_class().document, world.object(member).document
    both = {
        "messages": [{"header": "Hello", "body": "Come in."}],
        "valueAddedModuleData": [{"header": HELLO, "uri": "https://fern.example/more"}],
        "appLinkData": {"webAppLinkInfo": {"appTarget": {"targetUri": LINK}}},
    }
    details = {"fieldPath": "object.accountId"}
    listed = {"firstRowOption": {"fieldOption": {"fields": [details]}}}
    world.restyle(
        google_overrides={
            "class": both
            | {
                "countryCode": "HU",
                "rewardsTier": "Gold",
                "classTemplateInfo": {"listTemplateOverride": listed},
                "localizedAccountNameLabel": {"translatedValues": []},
            },
            "object": both
            | {
                "groupingInfo": {"groupingId": "fern", "sortIndex": 1},
                "disableExpirationNotification": True,
            },
        }
    )
    world.work()
    assert world.the_class().document["rewardsTier"] == "Gold"
    assert world.object(member).document["groupingInfo"] == {"groupingId": "fern", "sortIndex": 1}
    world.restyle(
        google_overrides={"class": None, "object": {"groupingInfo": {"groupingId": None}}}
    )
    world.work()
    assert world.the_class().document == plain_class
    assert world.object(member).document["groupingInfo"] == {"sortIndex": 1}
    world.restyle(google_overrides=None)
    world.work()
    assert world.object(member).document == plain_object


def test_what_google_made_and_seemed_to_refuse_is_withdrawn_too(world: World) -> None:
    member = world.member(person={"first_name": "Zofie", "last_name": "Unique"})
    world.work()
    world.google.script.add(
        Rule(answer="status", path="loyaltyObject", method="POST", status=400, applied=True)
    )
    world.tap(member)
    world.work()
    assert world.at_google(member)["sync"] == "failed"
    assert "Unique" in json.dumps(world.object(member).document)
    assert world.door.post(f"/members/{member['id']}/erase").status_code == 200
    world.work()
    after = world.object(member).document
    assert after["state"] == "INACTIVE"
    assert "Unique" not in json.dumps(after)


@pytest.mark.parametrize("is_redrawn", [True, False])
def test_of_a_member_of_an_archived_program_google_keeps_nothing_either(
    world: World, *, is_redrawn: bool
) -> None:
    member = world.saved(person={"first_name": "Zofie", "last_name": "Unique"})
    assert world.door.post(f"/programs/{world.program['id']}/archive").status_code == 200
    if is_redrawn:
        world.restyle()
    else:
        world.restyle_and_die()
    assert world.door.post(f"/members/{member['id']}/erase").status_code == 200
    world.work()
    after = world.object(member).document
    assert after["state"] == "INACTIVE"
    assert "Unique" not in json.dumps(after)
    assert ("heroImage" in after) is is_redrawn  # what is withdrawn waits for no picture
    assert world.rows() == []


def test_a_look_whose_pictures_nobody_drew_is_drawn_by_the_worker(world: World) -> None:
    members = [world.saved() for _ in range(2)]
    before = [world.object(member).document["heroImage"] for member in members]
    world.restyle_and_die()
    world.work()
    assert [world.object(member).document["heroImage"] for member in members] != before
    assert [world.at_google(member)["sync"] for member in members] == ["synced"] * 2
    assert world.rows() == []


def test_what_waits_for_pictures_that_cannot_be_drawn_says_so_and_tries_less_and_less(
    world: World,
) -> None:
    member = world.saved()
    world.restyle_and_die()
    rounds = world.make_rounds(draw=lambda _: None)
    tries = 0
    for _ in range(60):
        tries += rounds.step() is not None
        world.clock.forward(timedelta(seconds=1))
    assert 5 <= tries <= 8
    assert {row.attempts for row in world.rows()} == {6}
    assert "pictures" in str(world.trouble(member))
    for _ in range(2):  # the worker draws, then it tells
        world.clock.forward(timedelta(minutes=1))
        world.work()
    assert world.at_google(member)["sync"] == "synced"
    assert world.rows() == []


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


def test_a_new_colour_of_three_hundred_held_cards_is_one_request(world: World) -> None:
    world.saved()
    world.restyle(strip={"mode": "none"})
    world.work(seconds=1)
    crowd = world.crowd(300)
    world.forget()
    world.restyle()
    world.work()
    [patch] = world.told()
    assert patch.method == "PATCH"
    assert patch.path.startswith(f"{PREFIX}loyaltyClass/")
    assert isinstance(patch.body, dict)
    assert patch.body["hexBackgroundColor"] == "#7a1f3d"
    assert world.are_current(crowd)
    assert world.rows() == []


def test_a_new_stamp_is_one_request_for_each_card_that_is_held(world: World) -> None:
    held = [world.saved() for _ in range(4)]
    world.forget()
    unsaved = world.member()
    stamp = world.door.upload(logo_png("#aa2211"), "stamp_on").get_json()["id"]
    world.restyle(strip={"stamp_on_id": stamp})
    world.work()
    ids = [str(world.at_google(member)["object_id"]) for member in held]
    objects = [entry.path.rpartition("/")[2] for entry in world.told(path="loyaltyObject")]
    assert sorted(objects) == sorted(ids)
    assert [entry.method for entry in world.told(path="loyaltyClass")] == ["PATCH"]
    assert world.at_google(unsaved)["sync"] == "none"


# --- trouble --------------------------------------------------------------------------------------


def test_while_google_is_down_the_card_stays_usable_and_all_converges(world: World) -> None:
    member, other = world.saved(), world.member()
    world.google.script.add(Rule(answer="status", path=PREFIX, status=503))
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
    world.google.script.add(Rule(answer="status", path=PREFIX, status=503, retry_after=30))
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
    world.google.script.add(Rule(answer="status", path=PREFIX, status=429, retry_after=30, next=1))
    world.stamp(member)
    assert world.rounds.step() == Counted(later=1)
    world.stamp(member)  # a change does not cut the wait short
    assert world.work(seconds=29) == [Counted()]  # it is looked at, and sent back
    world.work()
    assert world.balance(member) == "2/10"


def test_a_storm_of_429_lets_the_whole_queue_rest_longer_and_longer(world: World) -> None:
    members = [world.saved() for _ in range(3)]
    world.forget()
    world.google.script.add(Rule(answer="status", path=PREFIX, status=429))
    for member in members:
        world.stamp(member)
    pauses: list[timedelta] = []
    for _ in range(5):
        asked = len(world.told())
        while len(world.told()) == asked:
            world.work(seconds=1)
        pauses.append(world.rested())
    assert pauses == sorted(pauses)
    assert pauses[-1] >= 4 * pauses[0]
    assert len(world.told()) <= 5 * len(members)
    assert {row.attempts for row in world.rows()} == {0}  # nothing is given up for it
    assert "console" not in world.service.client.get("/readyz").text
    world.google.script.clear()
    world.clock.forward(pauses[-1])
    world.work()
    assert [world.balance(member) for member in members] == ["1/10"] * 3
    assert world.rows() == []


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


def test_what_is_taken_and_what_is_refused_is_booked_in_one_order_of_passes(world: World) -> None:
    """A change that takes the same passes one after the other cannot wait for us in a circle."""
    parts = world.service.parts
    first, last = sorted(world.crowd(2))
    told, refused = (_telling(number, one) for number, one in enumerate((last, first)))

    def settle() -> None:
        with parts.database.writing() as session:
            world.rounds.desk.book(session, [told], [(refused, "no")], parts.now())

    def touch(session: Session, pass_id: str) -> None:
        session.execute(select(Pass.id).where(Pass.id == pass_id).with_for_update())

    with ThreadPoolExecutor(1) as pool, parts.database.writing() as session:
        touch(session, first)
        settling = pool.submit(settle)
        Event().wait(0.3)
        touch(session, last)
        session.commit()
        settling.result()
    assert [world.sync(one) for one in (last, first)] == ["synced", "failed"]


def _telling(row: int, pass_id: str) -> Telling:
    target = f"object:{pass_id}"
    return Telling(row, "loyaltyObject", pass_id, {}, notify=False, target=target, version=9)


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not is_so():
        assert time.monotonic() < deadline
        Event().wait(0.01)
