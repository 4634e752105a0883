"""What becomes of a provider's answer: a phone forgotten, a push put off, given up, sent again."""

from datetime import timedelta
from typing import Any

import pytest

from passes.store import backlog
from tests.passes.web.answers import problem
from tests.webhooks.living import SECOND, ScriptedCourier, Shop, answering
from webhooks.booking import GIVE_UP_AFTER, GIVE_UP_TRIES
from webhooks.couriers.apns import Push
from webhooks.couriers.outcomes import Delivered, Gone, Later, Outcome, Refused
from webhooks.rounds import Counted


def test_a_phone_that_is_gone_is_forgotten(shop: Shop) -> None:
    uninstalled = shop.events("pass.uninstalled")
    shop.stamp(shop.member("aa", "bb"))
    assert shop.rounds(answering(aa=Gone("410"))).step() == Counted(delivered=1, gone=1)
    assert set(shop.devices()) == {"bb"}
    assert (shop.registrations(), shop.rows()) == (1, [])
    assert shop.events("pass.uninstalled") == uninstalled + 1


@pytest.mark.parametrize(("after", "forgotten"), [(-SECOND, False), (SECOND, True)])
def test_when_it_went_decides_against_when_it_registered(
    shop: Shop, after: timedelta, *, forgotten: bool
) -> None:
    shop.stamp(shop.member("aa"))
    gone = Gone("410", since=shop.clock() + after)
    shop.rounds(answering(aa=gone)).step()
    assert (shop.devices() == {}) == forgotten


def test_a_phone_that_renewed_its_token_meanwhile_is_told_with_the_new_one(shop: Shop) -> None:
    member = shop.member("aa")
    shop.stamp(member)

    def renew(push: Push) -> Outcome:
        if push.token == "bb":
            return Delivered()
        shop.register(member, "bb", phone="phone-aa")
        return Gone("400 BadDeviceToken")

    courier = ScriptedCourier(renew)
    rounds = shop.rounds(courier)
    rounds.step()
    shop.clock.forward(SECOND)
    rounds.step()
    assert (courier.seen, shop.rows(), set(shop.devices())) == (["aa", "bb"], [], {"bb"})


def test_a_phone_that_is_called_gone_again_and_again_is_not_asked_without_pause(shop: Shop) -> None:
    courier = answering(aa=Gone("410", since=shop.clock() - SECOND))
    rounds = shop.rounds(courier)
    shop.stamp(shop.member("aa"))
    for _ in range(50):
        rounds.step()
    assert courier.seen == ["aa"]


def test_waits_double_up_to_their_cap(shop: Shop) -> None:
    rounds = shop.rounds(answering(aa=Later("busy")), retry_cap=timedelta(seconds=10))
    shop.stamp(shop.member("aa"))
    waits = []
    for _ in range(6):
        assert rounds.step() == Counted(later=1)
        wait = shop.row().due_at - shop.clock()
        waits.append(wait.total_seconds())
        shop.clock.forward(wait)
    assert waits == [1, 2, 4, 8, 10, 10]


def test_an_asked_for_wait_is_kept_whatever_happens_at_the_till(shop: Shop) -> None:
    courier = answering(aa=Later("429", after_s=60))
    rounds = shop.rounds(courier)
    member = shop.member("aa")
    shop.stamp(member)
    rounds.step()
    for _ in range(6):
        shop.clock.forward(10 * SECOND)
        shop.stamp(member)
        rounds.step()
    assert courier.seen == ["aa"]
    shop.clock.forward(SECOND)
    rounds.step()
    assert courier.seen == ["aa", "aa"]


def test_a_lost_push_is_tried_at_once_when_the_next_stamp_comes(shop: Shop) -> None:
    courier = answering(aa=Later("the connection ended"))
    rounds = shop.rounds(courier)
    member = shop.member("aa")
    shop.stamp(member)
    for _ in range(2):
        rounds.step()
    shop.stamp(member)
    rounds.step()
    assert courier.seen == ["aa", "aa"]
    assert shop.row().attempts == 1


def test_an_outage_is_one_line_per_phone_and_ends_by_itself(shop: Shop) -> None:
    """An hour without APNs, with stamps all the time."""
    members = [shop.member(f"a{number}") for number in range(4)]
    down = answering(**{f"a{number}": Later("no connection") for number in range(4)})
    rounds = shop.rounds(down)
    for _ in range(12):
        shop.stamp(*members)
        rounds.step()
        shop.clock.forward(timedelta(minutes=5))
    assert len(shop.rows()) == 4
    with shop.database.reading() as session:
        [depth] = backlog.depths(session)
    assert shop.clock() - (depth.oldest or shop.clock()) == timedelta(hours=1)
    up = ScriptedCourier()
    shop.clock.forward(timedelta(minutes=15))
    assert shop.rounds(up).step() == Counted(delivered=4)
    assert shop.rows() == []


def given_up(shop: Shop) -> list[dict[str, Any]]:
    answer = shop.door.get("/deliveries?state=gave_up")
    return list(answer.json["data"])


def test_a_refused_push_is_given_up_where_people_see_it(shop: Shop) -> None:
    shop.stamp(shop.member("aa", "bb"))
    rounds = shop.rounds(answering(aa=Refused("APNs answered 400 BadTopic")))
    assert rounds.step() == Counted(delivered=1, refused=1)
    [seen] = given_up(shop)
    assert (seen["state"], seen["last_error"]) == ("gave_up", "APNs answered 400 BadTopic")
    assert "aa" not in str(seen["target"])
    shop.clock.forward(timedelta(days=2))
    assert rounds.step() is None


def test_a_providers_own_words_are_in_no_log(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.stamp(shop.member("aa"))
    shop.rounds(answering(aa=Refused("Answered 400 invalid", "Zofie is no name"))).step()
    [seen] = given_up(shop)
    assert seen["last_error"] == "Answered 400 invalid (Zofie is no name)"
    logged = capsys.readouterr().out
    assert "Answered 400 invalid" in logged
    assert "Zofie" not in logged


def test_a_line_given_up_can_be_sent_again(shop: Shop) -> None:
    shop.stamp(shop.member("aa"))
    shop.rounds(answering(aa=Refused("no"))).step()
    [seen] = given_up(shop)
    path = f"/deliveries/{seen['id']}/retry"
    stranger = shop.service.merchant(f"birch-{seen['id']}-{shop.clock().timestamp():.0f}")
    assert problem(stranger.post(path)) == (404, "not_found")
    answer = shop.door.post(path)
    assert (answer.json["state"], answer.json["attempts"]) == ("waiting", 0)
    assert shop.rounds(ScriptedCourier()).step() == Counted(delivered=1)
    assert problem(shop.door.post(path)) == (404, "not_found")


def test_even_patience_ends(shop: Shop) -> None:
    rounds = shop.rounds(answering(aa=Later("busy")))
    shop.stamp(shop.member("aa"))
    for _ in range(GIVE_UP_TRIES):
        shop.clock.forward(GIVE_UP_AFTER / GIVE_UP_TRIES)
        assert rounds.step() == Counted(later=1)
    shop.clock.forward(timedelta(minutes=15))
    assert rounds.step() == Counted(refused=1)
    assert [seen["last_error"] for seen in given_up(shop)] == ["busy"]


def test_a_week_without_a_worker_is_no_reason_to_give_up(shop: Shop) -> None:
    shop.stamp(shop.member("aa"))
    shop.clock.forward(2 * GIVE_UP_AFTER)
    assert shop.rounds(answering(aa=Later("busy"))).step() == Counted(later=1)
