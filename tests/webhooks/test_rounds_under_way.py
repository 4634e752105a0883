"""Pushes whose answers are still to come: what they hold up, and whose they are in the end."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from tests.webhooks.living import BUDGET, SECOND, WINDOW, HoldingCourier, Shop
from webhooks.couriers.apns import Push
from webhooks.desks import AppleDesk
from webhooks.rounds import Counted, Rounds
from webhooks.terms import Terms


def test_a_push_without_answer_holds_up_no_other(shop: Shop) -> None:
    courier = HoldingCourier()
    rounds = shop.rounds(courier, batch=2)
    slow, quick = shop.member("aa", "bb"), shop.member("cc")
    shop.stamp(slow)
    assert rounds.step() == Counted(delivered=1)
    shop.stamp(quick)
    assert rounds.step() == Counted(delivered=1)
    assert courier.seen == ["bb", "cc"]
    courier.holds = lambda _: False
    assert rounds.step() == Counted(delivered=1)
    assert shop.rows() == []


def test_a_provider_slower_than_the_lease_is_told_once(shop: Shop) -> None:
    """The answers come one by one, and the last long after the first lease would have ended."""
    courier = HoldingCourier(holds=lambda _: True)
    rounds = shop.rounds(courier, lease=timedelta(seconds=60))
    tokens = [f"a{number}" for number in range(9)]
    shop.stamp(shop.member(*tokens))
    rounds.step()
    for number in range(9):
        shop.clock.forward(20 * SECOND)
        answered = set(tokens[: number + 1])
        courier.holds = lambda push, answered=answered: push.token not in answered
        rounds.step()
    assert courier.seen == tokens
    assert shop.rows() == []


def test_what_was_sent_is_settled_before_the_end(shop: Shop) -> None:
    courier = HoldingCourier()
    rounds = shop.rounds(courier)
    shop.stamp(shop.member("aa"))
    rounds.step()
    courier.holds = lambda _: False
    rounds.close()
    assert shop.rows() == []


def test_a_worker_that_slept_keeps_what_nobody_took(shop: Shop) -> None:
    courier = HoldingCourier()
    rounds = shop.rounds(courier)
    member = shop.member("aa")
    shop.stamp(member)
    rounds.step()
    shop.clock.forward(timedelta(seconds=61))
    shop.stamp(member)
    assert rounds.step() == Counted()
    courier.holds = lambda _: False
    assert rounds.step() == Counted(delivered=1)
    assert rounds.step() == Counted(delivered=1)  # the second stamp
    assert shop.rows() == []


def test_an_answer_to_a_lost_claim_settles_nothing(shop: Shop) -> None:
    """The worker slept longer than its lease, another took over and has no answer yet."""
    sleeper, heir = HoldingCourier(), HoldingCourier()
    late, quick = shop.rounds(sleeper), shop.rounds(heir)
    shop.stamp(shop.member("aa"))
    late.step()
    shop.clock.forward(timedelta(seconds=61))
    quick.step()
    sleeper.holds = lambda _: False
    late.step()
    assert len(shop.rows()) == 1
    heir.holds = lambda _: False
    quick.step()
    assert shop.rows() == []


class Unbookable(AppleDesk):
    """A database that fails the first time something is to be written down."""

    works = False

    def book(
        self,
        session: Session,
        told: Sequence[Push],
        lost: Sequence[tuple[Push, str]],
        now: datetime,
    ) -> None:
        if not self.works:
            self.works = True
            raise OperationalError("", {}, Exception())
        super().book(session, told, lost, now)


def test_a_database_that_fails_forgets_no_answer_that_is_under_way(shop: Shop) -> None:
    courier = HoldingCourier()
    desk = Unbookable(courier, BUDGET, WINDOW)
    rounds = Rounds(shop.database, desk, shop.clock, Terms())
    shop.stamp(shop.member("aa", "bb"))
    with pytest.raises(OperationalError):
        rounds.step()
    courier.holds = lambda _: False
    assert rounds.step() == Counted(delivered=1)
    shop.clock.forward(timedelta(seconds=60))
    assert rounds.step() == Counted(delivered=1)
    assert courier.seen == ["bb", "aa", "bb"]


def test_a_worker_with_much_under_way_claims_no_more(shop: Shop) -> None:
    courier = HoldingCourier(holds=lambda _: True)
    rounds = shop.rounds(courier, batch=1)
    shop.stamp(shop.member(*(f"a{number}" for number in range(9))))
    for _ in range(9):
        rounds.step()
    assert len(courier.waiting) == 4
