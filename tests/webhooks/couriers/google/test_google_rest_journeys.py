"""The courier against the local Google, which checks every body, pace and token itself."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from certs.development import GOOGLE_ISSUER_ID
from passes.store.database import Database
from passes.store.rate import take
from passes.wallets.google import class_json, object_json, resource_id
from tests.passes.wallets.google_cards import class_facts, face, object_facts
from webhooks.couriers.google_answers import Synced
from webhooks.couriers.google_requests import Notice
from webhooks.couriers.google_rest import GoogleRest, Held, Message, Upsert
from webhooks.couriers.google_turns import Reserve
from webhooks.couriers.outcomes import Halted, Later, Outcome, Refused, Slower
from webhooks.simulators.google_script import Rule
from webhooks.simulators.google_server import Google

CLASS_ID = resource_id(GOOGLE_ISSUER_ID, "prg_4Qm1bC7dE9fG2hJ4kL6mN8")


def now() -> datetime:
    return datetime.now(UTC)


def class_notice(row: int = 0, **body: object) -> Upsert:
    document = class_json(class_facts(class_id=CLASS_ID)) | body
    return Upsert(row, "loyaltyClass", CLASS_ID, document, notify=False)


def object_notice(row: int, stamps: int = 3, *, notify: bool = False) -> Upsert:
    object_id = resource_id(GOOGLE_ISSUER_ID, f"pas_{row:022}")
    document = object_json(
        face(stamps=stamps), object_facts(object_id=object_id, class_id=CLASS_ID)
    )
    return Upsert(row, "loyaltyObject", object_id, document, notify)


@pytest.fixture
def google(running: tuple[Google, Path]) -> Google:
    """A good day, but nobody's pictures are fetched and there is no hurry."""
    google, _ = running
    google.reset()
    google.panel.turn({"rate_per_s": None, "fetch_images": False})
    return google


@pytest.fixture
def make(google: Google, key_file: Path) -> Iterator[Callable[..., GoogleRest]]:
    """Couriers to the local Google, each as in a worker of its own."""
    with ExitStack() as stack:

        def courier(
            reserve: Reserve = lambda turns: [0.0] * turns, timeout_s: float = 10.0
        ) -> GoogleRest:
            made = GoogleRest(
                key_file,
                api_url=google.url,
                now=now,
                reserve=reserve,
                timeout_s=timeout_s,
            )
            return stack.enter_context(closing(made))

        yield courier
        google.holds.release()


@pytest.fixture
def courier(make: Callable[..., GoogleRest]) -> GoogleRest:
    return make()


def told(courier: GoogleRest, notices: Sequence[Notice]) -> dict[int, Outcome]:
    return {notice.row: outcome for notice, outcome in courier.deliver(notices)}


def stored(google: Google, notice: Upsert) -> dict[str, object]:
    [document] = [one.document for one in google.registry.all() if one.id == notice.id]
    return document


def test_what_we_send_is_what_google_keeps(google: Google, courier: GoogleRest) -> None:
    assert told(courier, [class_notice()]) == {0: Synced()}
    assert told(courier, [object_notice(1)]) == {1: Synced(has_users=False)}
    kept = stored(google, object_notice(1))
    assert {key: kept[key] for key in object_notice(1).body} == object_notice(1).body
    assert [one.findings for one in google.journal.entries() if one.findings] == []


@pytest.mark.parametrize("knobs", [{"unproven_reasons": False}, {"legacy_answers": False}])
def test_nothing_depends_on_reasons_nobody_has_seen_nor_on_spellings(
    google: Google, courier: GoogleRest, knobs: dict[str, object]
) -> None:
    google.panel.turn(knobs)
    told(courier, [class_notice()])
    for _ in range(2):
        assert told(courier, [object_notice(2)]) == {2: Synced(has_users=False)}
    google.script.add(Rule(answer="status", method="PATCH", status=404, next=1))
    assert told(courier, [object_notice(2)]) == {2: Synced(has_users=False)}  # by way of a 409
    google.panel.turn({"account_linked": False})
    assert type(told(courier, [object_notice(2)])[2]) is Halted


def test_many_workers_that_insert_the_same_object_at_once_all_succeed(
    google: Google, make: Callable[..., GoogleRest]
) -> None:
    couriers = [make() for _ in range(4)]
    told(couriers[0], [class_notice()])
    together, outcomes = threading.Barrier(4), []

    def insert(courier: GoogleRest) -> None:
        together.wait(5)
        outcomes.append(told(courier, [object_notice(3)]))

    threads = [threading.Thread(target=insert, args=(one,)) for one in couriers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == [{3: Synced(has_users=False)}] * 4


@pytest.mark.parametrize(
    ("review", "row", "kind", "why"),
    [
        ("hold", 40, Later, f"{CLASS_ID} when it is approved"),
        ("reject", 41, Refused, f"rejected {CLASS_ID}: see why in the Google Pay & Wallet console"),
    ],
)
def test_a_card_waits_until_its_class_is_approved(
    google: Google, courier: GoogleRest, review: str, row: int, kind: type[Outcome], why: str
) -> None:
    google.panel.turn({"review": review})
    assert told(courier, [class_notice()]) == {0: Synced()}
    outcome = told(courier, [object_notice(row)])[row]
    assert isinstance(outcome, kind)
    assert why in getattr(outcome, "why", "")
    google.panel.turn({"review": "approve"})
    told(courier, [class_notice()])
    assert told(courier, [object_notice(row)]) == {row: Synced(has_users=False)}


def test_a_card_that_is_wrong_itself_is_refused(google: Google, courier: GoogleRest) -> None:
    told(courier, [class_notice()])
    good = object_notice(42)
    wrong = Upsert(42, good.kind, good.id, {**good.body, "state": "MELTED"}, notify=False)
    assert type(told(courier, [wrong])[42]) is Refused


def test_a_request_on_its_way_for_long_is_in_doubt_and_the_next_telling_heals_it(
    google: Google, make: Callable[..., GoogleRest]
) -> None:
    """Worker A's PATCH is obeyed minutes after B's: whoever knows of the doubt tells again."""
    slow, quick = make(timeout_s=0.2), make()
    told(quick, [class_notice()])
    told(quick, [object_notice(5, stamps=0)])
    google.script.add(Rule(answer="hold", method="PATCH", next=1))
    outcome = told(slow, [object_notice(5, stamps=1)])[5]
    assert isinstance(outcome, Later)
    assert outcome.in_doubt
    assert told(quick, [object_notice(5, stamps=2)]) == {5: Synced(has_users=False)}
    [number] = google.holds.held()
    google.holds.release(number)
    _wait_until(lambda: _balance(google, 5) == "1/10")
    assert told(quick, [object_notice(5, stamps=2)]) == {5: Synced(has_users=False)}
    assert _balance(google, 5) == "2/10"


def _balance(google: Google, row: int) -> object:
    points = stored(google, object_notice(row))["loyaltyPoints"]
    assert isinstance(points, dict)
    return points["balance"]["string"]


def _wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not is_so():
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)


def test_two_workers_that_share_a_bucket_never_go_too_fast(
    google: Google, make: Callable[..., GoogleRest], database: Database
) -> None:
    google.panel.turn({"rate_per_s": 100})

    def reserve(turns: int) -> list[float]:
        with database.writing() as session:
            return take(session, "google:account", 100, 5, now(), turns)

    couriers = [make(reserve) for _ in range(2)]
    told(couriers[0], [class_notice()])
    outcomes: dict[int, Outcome] = {}
    start = time.monotonic()

    def work(first: int) -> None:
        outcomes.update(
            told(couriers[first % 2], [object_notice(row) for row in range(first, 160, 2)])
        )

    threads = [threading.Thread(target=work, args=(first,)) for first in (100, 101)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(outcomes.values()) == {Synced(has_users=False)}
    requests = len(google.journal.entries(path="/walletobjects/"))
    assert requests >= 60
    assert time.monotonic() - start >= (requests - 2 - 5) / 100 - 0.05


def test_without_a_bucket_google_says_when_it_is_too_fast(
    google: Google, make: Callable[..., GoogleRest]
) -> None:
    google.panel.turn({"rate_per_s": 5})
    outcomes = told(make(), [class_notice(), *(object_notice(row) for row in range(200, 260))])
    assert Slower in {type(one) for one in outcomes.values()}


def test_the_fourth_notice_of_a_day_goes_silently(google: Google, courier: GoogleRest) -> None:
    told(courier, [class_notice()])
    told(courier, [object_notice(6)])
    messages = [
        Message(row, "loyaltyObject", object_notice(6).id, f"m{row}", "Hello", "you", notify=True)
        for row in range(4)
    ]
    *first, fourth = told(courier, messages).values()
    assert first == [Synced()] * 3
    assert fourth == Synced(notified=False)


def test_the_nightly_question_who_holds_what(google: Google, courier: GoogleRest) -> None:
    told(courier, [class_notice()])
    told(courier, [object_notice(row) for row in range(300, 305)])
    [resource] = [one for one in google.registry.all() if one.id == object_notice(302).id]
    resource.holders.append("you@example.com")
    held = {one.id: one.has_users for one in courier.list_objects(CLASS_ID)}
    ours = [held[object_notice(row).id] for row in range(300, 305)]
    assert ours == [False, False, True, False, False]
    assert Held(object_notice(302).id, has_users=True) in courier.list_objects(CLASS_ID)
