"""A courier's rounds on both databases: everybody is told once, whatever breaks."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

import pytest
from prometheus_client import REGISTRY

from passes.store import outbox
from passes.store.tables import Registration
from tests.webhooks.living import SECOND, ScriptedCourier, Shop, answering
from webhooks.couriers.apns import Push
from webhooks.couriers.outcomes import Delivered, Later, Outcome
from webhooks.rounds import Counted


def test_every_phone_with_the_pass_is_told_once(shop: Shop) -> None:
    courier = ScriptedCourier()
    rounds = shop.rounds(courier)
    member = shop.member("aa", "bb")
    shop.member("cc")  # whose card does not change
    shop.stamp(member)
    assert rounds.step() == Counted(delivered=2)
    assert sorted(courier.seen) == ["aa", "bb"]
    assert shop.rows() == []
    assert shop.devices()["aa"].pushed_at == shop.clock()
    assert shop.devices()["cc"].pushed_at is None
    assert rounds.step() is None


def test_stamps_in_a_burst_are_one_push(shop: Shop) -> None:
    courier = ScriptedCourier()
    member = shop.member("aa")
    for _ in range(5):
        shop.stamp(member)
    shop.rounds(courier).step()
    assert courier.seen == ["aa"]


def test_a_phone_with_two_changed_cards_is_pushed_once(shop: Shop) -> None:
    courier = ScriptedCourier()
    first, second = shop.member(), shop.member()
    for member in (first, second):
        shop.register(member, "aa", phone="one phone")
    shop.stamp(first, second)
    assert shop.rounds(courier).step() == Counted(delivered=1)


def test_a_stamp_while_the_push_is_under_way_is_told_again_at_once(shop: Shop) -> None:
    member = shop.member("aa")
    shop.stamp(member)
    stamps = iter([1])

    def stamp_meanwhile(_: Push) -> Outcome:
        for _ in stamps:
            shop.stamp(member)
        return Delivered()

    courier = ScriptedCourier(stamp_meanwhile)
    rounds = shop.rounds(courier)
    assert rounds.step() == Counted(delivered=1)
    assert rounds.step() == Counted(delivered=1)
    assert rounds.step() is None


def test_the_token_is_the_one_the_phone_told_last(shop: Shop) -> None:
    courier = ScriptedCourier()
    member = shop.member("aa")
    shop.stamp(member)
    shop.register(member, "bb", phone="phone-aa")
    shop.rounds(courier).step()
    assert courier.seen == ["bb"]


def test_a_phone_that_removed_the_pass_is_left_alone(shop: Shop) -> None:
    courier = ScriptedCourier()
    shop.stamp(shop.member("aa"))
    with shop.database.writing() as session:
        session.execute(Registration.__table__.delete())
    shop.rounds(courier).step()
    assert (courier.seen, shop.rows()) == ([], [])


def test_figures_tell_what_became_of_pushes_and_how_long_they_took(shop: Shop) -> None:
    def figure(name: str, **labels: str) -> float:
        return REGISTRY.get_sample_value(name, {"courier": outbox.APNS} | labels) or 0.0

    told, late = (figure("passmint_deliveries_total", outcome=o) for o in ("delivered", "later"))
    seconds = figure("passmint_delivery_seconds_sum")
    shop.stamp(shop.member("aa", "bb"))
    shop.clock.forward(3 * SECOND)
    shop.rounds(answering(bb=Later("busy"))).step()
    assert figure("passmint_deliveries_total", outcome="delivered") == told + 1
    assert figure("passmint_deliveries_total", outcome="later") == late + 1
    assert figure("passmint_delivery_seconds_sum") == pytest.approx(seconds + 3)


def test_a_push_that_breaks_the_courier_stops_no_other(shop: Shop) -> None:
    def break_at_bb(push: Push) -> Outcome:
        if push.token == "bb":
            raise ValueError(push.token)
        return Delivered()

    rounds = shop.rounds(ScriptedCourier(break_at_bb))
    shop.stamp(shop.member("aa", "bb", "cc"))
    assert rounds.step() == Counted(delivered=2, later=1)
    assert shop.row().last_error == "the courier broke: ValueError"  # and not what it quoted


def test_a_courier_that_tells_nothing_loses_nothing(shop: Shop) -> None:
    class Silent(ScriptedCourier):
        def deliver(self, _: Sequence[Push], /) -> Iterator[tuple[Push, Outcome]]:
            return iter(())

    shop.stamp(shop.member("aa", "bb"))
    assert shop.rounds(Silent()).step() == Counted(later=2)


class Killed(BaseException):
    """The process ends here."""


def test_a_worker_killed_between_sending_and_settling_loses_nothing(shop: Shop) -> None:
    members = [shop.member(f"a{number}") for number in range(6)]
    shop.stamp(*members)
    dying = ScriptedCourier()

    def die_at_the_fourth(_: Push) -> Outcome:
        if len(dying.seen) == 4:
            raise Killed
        return Delivered()

    dying.answer = die_at_the_fourth
    with pytest.raises(Killed):
        shop.rounds(dying, lease=timedelta(seconds=30)).step()
    heir = ScriptedCourier()
    rounds = shop.rounds(heir, lease=timedelta(seconds=30))
    assert rounds.step() is None  # the dead one's lease
    shop.clock.forward(timedelta(seconds=30))
    assert rounds.step() == Counted(delivered=6)
    assert set(heir.seen) == {f"a{number}" for number in range(6)}


def test_a_worker_that_comes_back_too_late_changes_nothing(shop: Shop) -> None:
    """Its lease ended while it waited for an answer, another worker told, the card changed."""
    member = shop.member("aa")
    shop.stamp(member)
    quick = ScriptedCourier()

    def dawdle(_: Push) -> Outcome:
        shop.clock.forward(timedelta(seconds=61))
        shop.rounds(quick).step()
        shop.stamp(member)
        return Delivered()

    shop.rounds(ScriptedCourier(dawdle)).step()
    assert quick.seen == ["aa"]
    assert len(shop.rows()) == 1
    shop.rounds(quick).step()
    assert quick.seen == ["aa", "aa"]
