"""A card on its way to Google Wallet, stamped there, and gone from there with its member."""

import json
from datetime import timedelta

import pytest

from certs.development import GOOGLE_ISSUER_ID
from tests.webhooks.google_world import PREFIX, World
from webhooks.couriers.google_rest import GoogleRest
from webhooks.google_reconcile import reconcile
from webhooks.simulators.google_script import Rule
from webhooks.simulators.google_server import USER


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
