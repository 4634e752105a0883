"""The courier to Google Wallet over real HTTP: upserts, races, every fault, nothing out of turn."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from certs.development import mint_google
from certs.errors import CertificateError
from passes.wallets.google import class_json, object_json
from tests.passes.wallets.google_cards import CLASS_ID, class_facts, face, object_facts
from tests.webhooks.google_double import (
    Double,
    dropping,
    error,
    refusing,
    running_double,
)
from webhooks.couriers.google_answers import Synced
from webhooks.couriers.google_rest import (
    GoogleRest,
    Held,
    Message,
    Notice,
    Unanswered,
    Upsert,
)
from webhooks.couriers.outcomes import Halted, Later, Outcome, Refused, Slower
from webhooks.simulators.google_http import Reply, Request, json_reply

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ISSUER = CLASS_ID.partition(".")[0]


def class_notice(row: int = 1, **body: object) -> Upsert:
    return Upsert(row, "loyaltyClass", CLASS_ID, class_json(class_facts()) | body, notify=False)


def object_notice(
    row: int = 2, number: int = 0, stamps: int = 3, *, notify: bool = False, **body: object
) -> Upsert:
    facts = object_facts(object_id=f"{ISSUER}.pas_{number:022}")
    document = object_json(face(stamps=stamps), facts)
    return Upsert(row, "loyaltyObject", facts.object_id, document | body, notify)


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mint_google(tmp_path_factory.mktemp("google"))


@pytest.fixture
def google(account: Path, tmp_path: Path) -> Iterator[Double]:
    with running_double(account, tmp_path / "key.json") as double:
        yield double
        assert double.offences == []


@contextmanager
def courier_to(google: Double, tmp_path: Path, **options: Any) -> Iterator[GoogleRest]:
    options = {"api_url": google.url, "reserve": lambda turns: [0.0] * turns} | options
    courier = GoogleRest(tmp_path / "key.json", now=lambda: NOW, **options)
    try:
        yield courier
    finally:
        courier.close()


@pytest.fixture
def courier(google: Double, tmp_path: Path) -> Iterator[GoogleRest]:
    with courier_to(google, tmp_path) as courier:
        yield courier


@pytest.fixture
def stocked(google: Double, courier: GoogleRest) -> Double:
    """A Google that knows the class and the object, with an empty journal."""
    assert set(told(courier, [class_notice()]).values()) == {Synced()}
    assert set(told(courier, [object_notice()]).values()) == {Synced()}
    google.seen.clear()
    return google


class HeldBack:
    """A mood that answers when it is released."""

    def __init__(self) -> None:
        self.reached, self.released = threading.Event(), threading.Event()

    def __call__(self, _: Request) -> None:
        self.reached.set()
        assert self.released.wait(5)


def told(courier: GoogleRest, notices: Sequence[Notice]) -> dict[int, Outcome]:
    """The outcome of each row; every notice has exactly one, and none tells a secret."""
    pairs = list(courier.deliver(notices))
    assert sorted(notice.row for notice, _ in pairs) == sorted(notice.row for notice in notices)
    assert "ya29" not in repr(pairs)
    assert "PRIVATE KEY" not in repr(pairs)
    return {notice.row: outcome for notice, outcome in pairs}


def the_one(outcomes: dict[int, Outcome]) -> Any:
    [outcome] = set(outcomes.values())
    return outcome


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
        (400, None, Refused),
        (403, "permissionDenied", Halted),
        (403, "insufficientPermissions", Halted),
        (403, "quotaExceeded", Slower),
        (403, "rateLimitExceeded", Slower),
        (429, None, Slower),
        (500, "backendError", Later),
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


# The token


def test_all_threads_share_one_token(google: Double, courier: GoogleRest) -> None:
    told(courier, [class_notice()])
    told(courier, [object_notice(row, row) for row in range(40)])
    assert len(google.tokens) == 1


def test_a_refused_token_is_renewed_once_for_all(stocked: Double, courier: GoogleRest) -> None:
    stocked.revoked.update(stocked.tokens)
    outcomes = told(courier, [object_notice(row, row) for row in range(20)])
    assert set(outcomes.values()) == {Synced()}
    assert len(stocked.tokens) == 2


def test_a_fresh_token_that_is_refused_too_halts_the_queue(
    stocked: Double, courier: GoogleRest
) -> None:
    stocked.always = refusing(401)
    outcome = the_one(told(courier, [object_notice()]))
    assert isinstance(outcome, Halted)
    assert courier.account in outcome.why
    assert len(stocked.seen) == 2
    assert len(stocked.tokens) == 2


@pytest.mark.parametrize("code", ["invalid_grant", "unauthorized_client", "<html>"])
def test_an_account_that_gets_no_token_halts_the_queue(
    google: Double, courier: GoogleRest, code: str
) -> None:
    document = {"error": code, "error_description": "Invalid JWT Signature."}
    google.token_always = lambda _: json_reply(document, 400)
    outcome = the_one(told(courier, [object_notice(row, row) for row in range(50)]))
    assert isinstance(outcome, Halted)
    assert "clock is right" in outcome.why
    assert "create a new key" in outcome.why
    assert (code in outcome.why) == code.replace("_", "").isalpha()
    assert google.seen == []
    assert google.token_requests <= 8  # one a thread
    google.token_always = None
    assert told(courier, [class_notice()]) == {1: Synced()}


@pytest.mark.parametrize(
    "reply",
    [
        Reply(500),
        Reply(503, b"<html>"),
        Reply(429, b'{"error": "rate"}'),
        Reply(200, b"<html>welcome to our hotel</html>"),
        Reply(200, b'{"access_token": "x", "expires_in": "soon"}'),
    ],
)
def test_a_token_service_in_trouble_is_asked_again_later(
    google: Double, courier: GoogleRest, reply: Reply
) -> None:
    google.token_always = lambda _: reply
    outcome = the_one(told(courier, [object_notice()]))
    assert type(outcome) is Slower
    assert "token" in outcome.why
    google.token_always = None
    assert told(courier, [class_notice()]) == {1: Synced()}


def test_a_token_service_that_cannot_be_reached_is_asked_again_later(
    google: Double, courier: GoogleRest
) -> None:
    google.token_always = dropping
    assert type(the_one(told(courier, [object_notice()]))) is Slower


def test_a_file_that_is_no_key_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "key.json").write_text("{}")
    with pytest.raises(CertificateError, match=r"key\.json is no key file"):
        GoogleRest(
            tmp_path / "key.json",
            api_url="https://x",
            now=lambda: NOW,
            reserve=lambda turns: [0.0] * turns,
        )


# The network


def test_nobody_at_the_other_end_is_later(google: Double, tmp_path: Path) -> None:
    with courier_to(google, tmp_path, api_url="http://127.0.0.1:1") as courier:
        outcome = the_one(told(courier, [object_notice()]))
    assert isinstance(outcome, Later)
    assert not outcome.in_doubt
    assert "127.0.0.1:1 cannot be reached" in outcome.why


def test_a_reset_is_later_and_the_next_request_works(stocked: Double, courier: GoogleRest) -> None:
    stocked.moods.append(dropping)
    outcome = the_one(told(courier, [object_notice()]))
    assert isinstance(outcome, Later)
    assert outcome.in_doubt
    assert told(courier, [object_notice()]) == {2: Synced()}


def test_an_answer_that_takes_too_long_is_not_awaited(
    google: Double, tmp_path: Path, courier: GoogleRest
) -> None:
    told(courier, [class_notice()])
    held = HeldBack()
    google.moods.append(held)
    with courier_to(google, tmp_path, timeout_s=0.2) as hasty:
        outcome = the_one(told(hasty, [object_notice()]))
    held.released.set()
    assert isinstance(outcome, Later)
    assert outcome.in_doubt  # it may still be carried out, after something newer
    assert "no answer within 0.2 s" in outcome.why


def test_slow_answers_hold_up_nobody_else(google: Double, courier: GoogleRest) -> None:
    """The outcomes come as the answers do."""
    told(courier, [class_notice()])
    slow = object_notice(0, 0)
    held = HeldBack()
    google.always = lambda request: held(request) if request.path.endswith(slow.id) else None
    arrived = courier.deliver([object_notice(row, row) for row in range(10)])
    first = [next(arrived)[0].row for _ in range(9)]
    assert 0 not in first
    held.released.set()
    assert [notice.row for notice, _ in arrived] == [0]


# Order


def test_one_object_is_told_in_order_and_never_twice_at_once(
    stocked: Double, courier: GoogleRest
) -> None:
    notices = [object_notice(row, row % 3, stamps=row % 10) for row in range(1, 31)]
    told(courier, notices)
    for number in range(3):
        path = f"PATCH loyaltyObject/{object_notice(number=number).id}"
        told_points = [seen.body["loyaltyPoints"] for seen in stocked.seen if str(seen) == path]
        asked = [notice.body["loyaltyPoints"] for notice in notices[(number - 1) % 3 :: 3]]
        assert told_points == asked


def test_after_one_that_waits_the_same_object_is_told_nothing_newer(
    stocked: Double, tmp_path: Path
) -> None:
    stocked.moods.append(refusing(500))
    with courier_to(stocked, tmp_path, threads=1) as courier:
        outcomes = told(courier, [object_notice(1), object_notice(2), object_notice(3, 1)])
    assert isinstance(outcomes[1], Later)
    assert outcomes[2] is outcomes[1]
    assert outcomes[3] == Synced()
    assert [seen.method for seen in stocked.seen] == ["PATCH", "PATCH", "POST"]


def test_nothing_begins_after_the_patience_so_that_no_old_state_overtakes_a_new_one(
    stocked: Double, tmp_path: Path
) -> None:
    """Worker A hangs; the lease ends and B tells the newest; A then has nothing old left to say."""
    held = HeldBack()
    stocked.moods.append(held)
    outcomes: dict[int, Outcome] = {}
    with (
        courier_to(stocked, tmp_path, threads=1, patience_s=0.2) as slow,
        courier_to(stocked, tmp_path) as quick,
    ):
        old = [object_notice(1, 9), object_notice(2, stamps=1)]
        thread = threading.Thread(target=lambda: outcomes.update(told(slow, old)))
        thread.start()
        assert held.reached.wait(5)
        assert told(quick, [object_notice(2, stamps=2)]) == {2: Synced()}
        threading.Event().wait(0.2)
        held.released.set()
        thread.join()
    assert isinstance(outcomes[2], Later)
    key = f"loyaltyObject/{object_notice().id}"
    assert stocked.resources[key]["loyaltyPoints"] == object_notice(stamps=2).body["loyaltyPoints"]


def test_a_storm_of_429_is_not_answered_with_a_storm(google: Double, tmp_path: Path) -> None:
    google.always = refusing(429, "rateLimitExceeded", retry_after="30")
    with courier_to(google, tmp_path, threads=4) as courier:
        outcome = the_one(told(courier, [object_notice(row, row) for row in range(100)]))
    assert isinstance(outcome, Slower)
    assert outcome.after_s == 30
    assert len(google.seen) <= 4


def test_without_permission_the_rest_is_not_tried(google: Double, tmp_path: Path) -> None:
    google.always = refusing(403, "permissionDenied")
    with courier_to(google, tmp_path, threads=4) as courier:
        outcome = the_one(told(courier, [object_notice(row, row) for row in range(100)]))
    assert isinstance(outcome, Halted)
    assert len(google.seen) <= 4


def test_every_request_waits_for_its_turn(google: Double, tmp_path: Path) -> None:
    reserved: list[int] = []

    def reserve(turns: int) -> list[float]:
        reserved.append(turns)
        return [0.0] * turns

    with courier_to(google, tmp_path, reserve=reserve, threads=2) as courier:
        told(courier, [class_notice()])
        told(courier, [object_notice(row, row) for row in range(5)])
        list(courier.list_objects(CLASS_ID))
    assert len(google.seen) == 13
    assert len(google.seen) <= sum(reserved) <= len(google.seen) + 1
    assert len(reserved) < 13  # fewer transactions than requests
    assert max(reserved) <= 2  # nobody reserves more than soon will go


def test_nothing_goes_before_its_turn(stocked: Double, tmp_path: Path) -> None:
    with courier_to(stocked, tmp_path, reserve=lambda turns: [0.2] * turns) as courier:
        start = time.monotonic()
        told(courier, [object_notice()])
    assert time.monotonic() - start >= 0.2


def test_trouble_while_waiting_for_a_turn_is_the_callers(google: Double, tmp_path: Path) -> None:
    def fail(_: int) -> list[float]:
        raise ZeroDivisionError

    with (
        courier_to(google, tmp_path, reserve=fail) as courier,
        pytest.raises(ZeroDivisionError),
    ):
        told(courier, [object_notice()])


def test_left_early_nothing_goes_on_behind_the_callers_back(
    stocked: Double, tmp_path: Path
) -> None:
    with courier_to(stocked, tmp_path, threads=1) as courier:
        arrived = courier.deliver([object_notice(row, row) for row in range(50)])
        next(arrived)
        arrived.close()
        sent = len(stocked.seen)
        assert sent < 100
        assert told(courier, [object_notice()]) == {2: Synced()}
        assert len(stocked.seen) == sent + 1


# Messages

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


# Questions


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
