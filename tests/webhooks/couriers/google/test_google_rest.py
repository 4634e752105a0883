"""The courier to Google Wallet over real HTTP: upserts, messages, questions, and how they end."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from tests.passes.wallets.google_cards import CLASS_ID
from tests.webhooks.couriers.google.double import Double, dropping, error, refusing
from tests.webhooks.couriers.google.notices import (
    ISSUER,
    NOW,
    class_notice,
    courier_to,
    object_notice,
    the_one,
    told,
)
from webhooks.couriers.google_answers import Synced
from webhooks.couriers.google_rest import GoogleRest, Held, Message, Unanswered
from webhooks.couriers.outcomes import Halted, Later, Refused, Slower
from webhooks.simulators.google_http import Reply, Request, json_reply


def test_what_is_there_is_patched_with_its_whole_state(
    stocked: Double, courier: GoogleRest
) -> None:
    notice = object_notice(stamps=4)
    assert told(courier, [notice]) == {2: Synced()}
    [seen] = stocked.seen
    assert str(seen) == f"PATCH loyaltyObject/{notice.id}"
    assert seen.body == notice.body


def test_what_is_not_there_is_inserted(google: Double, courier: GoogleRest) -> None:
    assert told(courier, [class_notice()]) == {1: Synced()}
    assert google.paths() == [f"PATCH loyaltyClass/{CLASS_ID}", "POST loyaltyClass"]
    assert google.resources[f"loyaltyClass/{CLASS_ID}"] == class_notice().body


def test_one_that_somebody_else_inserted_meanwhile_is_patched(
    stocked: Double, courier: GoogleRest
) -> None:
    stocked.moods.append(refusing(404))  # another worker is just inserting it
    assert told(courier, [object_notice(stamps=5)]) == {2: Synced()}
    assert [seen.method for seen in stocked.seen] == ["PATCH", "POST", "PATCH"]
    assert (
        stocked.resources[f"loyaltyObject/{object_notice().id}"]["loyaltyPoints"]
        == (object_notice(stamps=5).body["loyaltyPoints"])
    )


def test_a_google_that_contradicts_itself_is_asked_a_few_times_only(
    google: Double, courier: GoogleRest
) -> None:
    google.always = lambda request: error(404 if request.method == "PATCH" else 409)
    assert type(the_one(told(courier, [object_notice()]))) is Later
    assert len(google.seen) == 5


def test_a_class_always_asks_for_review(stocked: Double, courier: GoogleRest) -> None:
    told(courier, [class_notice(reviewStatus="APPROVED")])
    stocked.resources.clear()
    told(courier, [class_notice(reviewStatus="approved")])
    assert [seen.body["reviewStatus"] for seen in stocked.seen] == ["UNDER_REVIEW"] * 3


def test_a_notice_is_asked_for_only_when_wanted_and_never_with_an_insert(
    stocked: Double, courier: GoogleRest
) -> None:
    told(courier, [object_notice(notify=True)])
    told(courier, [object_notice(notify=False)])
    told(courier, [object_notice(number=1, notify=True)])
    preferences = [(seen.method, seen.body.get("notifyPreference")) for seen in stocked.seen]
    assert preferences == [
        ("PATCH", "NOTIFY_ON_UPDATE"),
        ("PATCH", None),
        ("PATCH", "NOTIFY_ON_UPDATE"),
        ("POST", None),
    ]


def test_none_clears_a_field_and_is_left_out_of_an_insert(
    stocked: Double, courier: GoogleRest
) -> None:
    told(courier, [object_notice(accountName="Jana")])
    assert stocked.resources[f"loyaltyObject/{object_notice().id}"]["accountName"] == "Jana"
    told(courier, [object_notice(accountName=None), object_notice(3, 1, accountName=None)])
    for number in (0, 1):
        stored = stocked.resources[f"loyaltyObject/{object_notice(number=number).id}"]
        assert "accountName" not in stored


def test_an_object_waits_for_its_class(google: Double, courier: GoogleRest) -> None:
    assert type(the_one(told(courier, [object_notice()]))) is Later
    told(courier, [class_notice()])
    assert told(courier, [object_notice()]) == {2: Synced()}


@pytest.mark.parametrize("state", ["active", "ACTIVE", "somethingNew"])
def test_answers_in_old_names_with_new_fields_are_taken(
    stocked: Double, courier: GoogleRest, state: str
) -> None:
    content = b'{"state": "%s", "hasUsers": true, "kind": "x"}' % state.encode()
    stocked.moods.append(lambda _: Reply(200, content))
    assert told(courier, [object_notice()]) == {2: Synced(has_users=True)}


@pytest.mark.parametrize("content", [b"", b"<html>", b"\xff", b"[]"])
def test_success_without_json_is_success(
    stocked: Double, courier: GoogleRest, content: bytes
) -> None:
    stocked.moods.append(lambda _: Reply(200, content))
    assert told(courier, [object_notice()]) == {2: Synced()}


@pytest.mark.parametrize(
    ("status", "reason", "kind"),
    [
        (400, "invalidResource", Refused),
        (403, "permissionDenied", Halted),
        (403, "quotaExceeded", Slower),
        (503, None, Later),
    ],
)
def test_a_refusal_has_its_outcome(
    stocked: Double, courier: GoogleRest, status: int, reason: str | None, kind: type
) -> None:
    stocked.moods.append(refusing(status, reason))
    outcome = the_one(told(courier, [object_notice()]))
    assert type(outcome) is kind
    assert len(stocked.seen) == 1
    if kind is Halted:
        assert f"invite {courier.account} as a user" in outcome.why


@pytest.mark.parametrize(
    ("header", "after_s"),
    [
        ("90", 90.0),
        (format_datetime(NOW + timedelta(minutes=2), usegmt=True), 120.0),
        (format_datetime(NOW - timedelta(minutes=2), usegmt=True), 0.0),
        ("soon", None),
        ("-5", None),
    ],
)
def test_what_google_asks_to_wait_is_passed_on(
    stocked: Double, courier: GoogleRest, header: str, after_s: float | None
) -> None:
    stocked.moods.append(refusing(503, retry_after=header))
    assert the_one(told(courier, [object_notice()])).after_s == after_s


HELLO = Message(
    4, "loyaltyObject", object_notice().id, "msg_1", "Hello", "Bring a friend", notify=True
)


def test_a_message_goes_with_a_notice_or_without(stocked: Double, courier: GoogleRest) -> None:
    assert told(courier, [HELLO]) == {4: Synced()}
    assert told(courier, [replace(HELLO, notify=False)]) == {4: Synced(notified=False)}
    assert [str(seen) for seen in stocked.seen] == [f"POST {HELLO.kind}/{HELLO.id}/addMessage"] * 2
    assert [seen.body for seen in stocked.seen] == [
        {
            "message": {
                "id": "msg_1",
                "header": "Hello",
                "body": "Bring a friend",
                "messageType": kind,
            }
        }
        for kind in ("TEXT_AND_NOTIFY", "TEXT")
    ]


def test_a_message_beyond_the_days_quota_goes_silently(
    stocked: Double, courier: GoogleRest
) -> None:
    stocked.moods.append(refusing(403, "quotaExceeded"))
    assert told(courier, [HELLO]) == {4: Synced(notified=False)}
    kinds = [seen.body["message"]["messageType"] for seen in stocked.seen]  # type: ignore[index]
    assert kinds == ["TEXT_AND_NOTIFY", "TEXT"]


def test_a_message_that_arrived_before_is_not_sent_twice(
    stocked: Double, courier: GoogleRest
) -> None:
    again = replace(HELLO, again=True)
    assert told(courier, [again]) == {4: Synced()}
    assert told(courier, [again]) == {4: Synced()}
    assert [seen.method for seen in stocked.seen] == ["GET", "POST", "GET"]


def test_a_resource_is_read_as_google_shows_it(stocked: Double, courier: GoogleRest) -> None:
    document = courier.read("loyaltyClass", CLASS_ID)
    assert document
    assert document["kind"] == "walletobjects#loyaltyClass"
    assert courier.read("loyaltyClass", f"{ISSUER}.nobody") is None


def test_a_list_is_read_page_by_page(stocked: Double, courier: GoogleRest) -> None:
    pages = [
        {"resources": [{"id": "1.a", "hasUsers": True}], "pagination": {"nextPageToken": "2"}},
        {"resources": [{"id": "1.b"}, {"id": 7}, "x"], "pagination": {"nextPageToken": "3"}},
        {"pagination": {"resultsPerPage": 0}},
    ]
    asked: list[dict[str, str]] = []

    def page(number: int) -> Callable[[Request], Reply]:
        def answer(request: Request) -> Reply:
            asked.append(dict(request.query))
            return json_reply(pages[number])

        return answer

    stocked.moods.extend([page(0), page(1), page(2)])
    assert list(courier.list_objects(CLASS_ID)) == [Held("1.a", True), Held("1.b", None)]
    assert [one.get("token") for one in asked] == [None, "2", "3"]
    assert {one["classId"] for one in asked} == {CLASS_ID}


def test_a_list_of_a_class_that_is_not_there_is_empty(google: Double, courier: GoogleRest) -> None:
    assert list(courier.list_objects(CLASS_ID)) == []


def test_a_question_renews_its_token_too(stocked: Double, courier: GoogleRest) -> None:
    stocked.revoked.update(stocked.tokens)
    assert courier.read("loyaltyClass", CLASS_ID)


@pytest.mark.parametrize("mood", [refusing(503), refusing(403, "permissionDenied"), dropping])
def test_a_question_without_an_answer_tells_why(
    stocked: Double, courier: GoogleRest, mood: Callable[[Request], Reply]
) -> None:
    stocked.moods.append(mood)
    with pytest.raises(Unanswered) as caught:
        courier.read("loyaltyClass", CLASS_ID)
    assert str(caught.value) == getattr(caught.value.outcome, "why", None)


# --- what the environment says --------------------------------------------------------------------


def test_a_password_that_lies_around_does_not_replace_our_token(
    stocked: Double, courier: GoogleRest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password something\n")
    monkeypatch.setenv("NETRC", str(netrc))
    assert told(courier, [object_notice()]) == {2: Synced()}
    assert stocked.offences == []


def test_a_proxy_of_the_environment_is_used(
    google: Double, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")  # where the token service is
    monkeypatch.setenv("HTTP_PROXY", google.url)
    with courier_to(google, tmp_path, api_url="http://wallet.invalid") as courier:
        assert told(courier, [class_notice()]) == {1: Synced()}
    assert google.paths() == [f"PATCH loyaltyClass/{CLASS_ID}", "POST loyaltyClass"]
