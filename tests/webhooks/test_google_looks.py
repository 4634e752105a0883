"""A new look in Google Wallet: what it shows, what it costs, and what it waits for."""

from datetime import timedelta

from tests.service import logo_png
from tests.webhooks.google_world import PREFIX, World

LINK = {"uri": "https://fern.example"}
HELLO = {"defaultValue": {"language": "en", "value": "Hello"}}


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
