"""A network that breaks and dawdles: nothing is told out of order, too often or too fast."""

import threading
import time
from pathlib import Path

import pytest

from tests.passes.wallets.google_cards import CLASS_ID
from tests.webhooks.couriers.google.double import Double, dropping, refusing
from tests.webhooks.couriers.google.notices import (
    class_notice,
    courier_to,
    object_notice,
    the_one,
    told,
)
from webhooks.couriers.google_answers import Synced
from webhooks.couriers.google_rest import GoogleRest
from webhooks.couriers.outcomes import Halted, Later, Outcome, Slower
from webhooks.simulators.google_http import Request


class HeldBack:
    """A mood that answers when it is released."""

    def __init__(self) -> None:
        self.reached, self.released = threading.Event(), threading.Event()

    def __call__(self, _: Request) -> None:
        self.reached.set()
        assert self.released.wait(5)


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
