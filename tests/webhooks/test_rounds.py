"""A courier's rounds on both databases: what is told, put off, given up, and never lost."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from passes.services.fanout import BATCH, work_one_batch
from passes.store import outbox
from passes.store.tables import Device, Member, Pass, QueuePause, Registration
from passes.store.versions import newest_version
from tests.conftest import Service
from tests.passes.web.answers import problem
from tests.webhooks.living import BUDGET, WINDOW, ScriptedCourier, Shop
from webhooks.booking import GIVE_UP_AFTER, GIVE_UP_TRIES, PAUSE
from webhooks.couriers.apns import Push
from webhooks.couriers.outcomes import Delivered, Gone, Halted, Later, Outcome, Refused, Slower
from webhooks.desks import AppleDesk
from webhooks.rounds import Counted, Rounds
from webhooks.terms import Terms

SECOND = timedelta(seconds=1)
OTHER_TYPE = "pass.com.example.other"


@pytest.fixture(scope="module")
def standing(shared_service: Service) -> Shop:
    return Shop.open(shared_service)


@pytest.fixture
def shop(standing: Shop) -> Shop:
    """A shop without phones."""
    standing.clear()
    return standing


def answering(**outcomes: Outcome) -> ScriptedCourier:
    """Some tokens have their own outcomes; the others are delivered."""
    return ScriptedCourier(lambda push: outcomes.get(push.token, Delivered()))


def another_queue(shop: Shop, token: str) -> None:
    """A phone with a pass of another type waits to be told."""
    with shop.database.writing() as session:
        device = Device(
            library_identifier="other",
            pass_type_identifier=OTHER_TYPE,
            push_token=token,
            token_at=shop.clock(),
            created_at=shop.clock(),
        )
        session.add(device)
        session.flush()
        some_pass = session.scalars(select(Pass.id).limit(1)).one()
        session.add(Registration(device_id=device.id, pass_id=some_pass, created_at=shop.clock()))
        chosen = select(Device.id, Device.pass_type_identifier).where(Device.id == device.id)
        outbox.enqueue(session, outbox.APNS, chosen, outbox.AT_THE_TILL, shop.clock())


# --- told -----------------------------------------------------------------------------------------


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


# --- gone -----------------------------------------------------------------------------------------


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


# --- later ----------------------------------------------------------------------------------------


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
        [depth] = outbox.depths(session)
    assert shop.clock() - (depth.oldest or shop.clock()) == timedelta(hours=1)
    up = ScriptedCourier()
    shop.clock.forward(timedelta(minutes=15))
    assert shop.rounds(up).step() == Counted(delivered=4)
    assert shop.rows() == []


# --- refused, given up, tried again ---------------------------------------------------------------


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


# --- queues that stand still ----------------------------------------------------------------------


def test_a_refused_certificate_stops_its_own_queue_until_somebody_mends_it(shop: Shop) -> None:
    courier = answering(aa=Halted("renew the certificate"), bb=Halted("renew the certificate"))
    rounds = shop.rounds(courier)
    shop.stamp(shop.member("aa", "bb"))
    another_queue(shop, "cc")
    assert rounds.step() == Counted(delivered=1, halted=2)
    with shop.database.reading() as session:
        pauses = session.scalars(select(QueuePause)).all()
    assert [(pause.queue, pause.why) for pause in pauses] == [
        (shop.pass_type, "renew the certificate")
    ]
    assert {row.attempts for row in shop.rows()} == {0}
    another_queue_again = ScriptedCourier()
    with shop.database.writing() as session:
        chosen = select(Device.id, Device.pass_type_identifier).where(Device.push_token == "cc")
        outbox.enqueue(session, outbox.APNS, chosen, outbox.FAN_OUT, shop.clock())
    assert shop.rounds(another_queue_again).step() == Counted(delivered=1)
    assert another_queue_again.topics == [OTHER_TYPE]
    shop.clock.forward(PAUSE)
    mended = shop.rounds(ScriptedCourier())
    assert mended.step() == Counted(delivered=2)
    with shop.database.reading() as session:
        assert session.scalars(select(QueuePause)).all() == []


def test_a_provider_that_has_enough_is_left_alone_for_longer_and_longer(shop: Shop) -> None:
    shop.stamp(shop.member("aa", "bb"))
    another_queue(shop, "cc")
    enough = answering(aa=Slower("429"), bb=Slower("429"))
    rounds = shop.rounds(enough, retry_cap=timedelta(seconds=60))
    assert rounds.step() == Counted(delivered=1, later=2)
    waits = []
    for _ in range(5):
        assert rounds.step() is None
        [until] = {row.due_at for row in shop.rows()}
        waits.append((until - shop.clock()).total_seconds())
        shop.clock.forward(until - shop.clock())
        assert rounds.step() == Counted(later=2)
    assert waits == [10, 20, 60, 120, 120]
    assert {row.attempts for row in shop.rows()} == {0}


def test_a_provider_is_given_the_time_it_asks_for(shop: Shop) -> None:
    shop.stamp(shop.member("aa"))
    rounds = shop.rounds(answering(aa=Slower("429", after_s=600)))
    assert rounds.step() == Counted(later=1)
    shop.clock.forward(600 * SECOND)
    assert rounds.step() is None
    shop.clock.forward(5 * SECOND)
    assert shop.rounds(ScriptedCourier()).step() == Counted(delivered=1)


def test_what_was_asked_for_is_not_forgotten_over_an_earlier_success(shop: Shop) -> None:
    courier = HoldingCourier(lambda push: Slower("429", 600) if push.token == "bb" else Delivered())
    rounds = shop.rounds(courier)
    shop.stamp(shop.member("aa", "bb"))
    assert rounds.step() == Counted(later=1)
    courier.holds = lambda _: False
    assert rounds.step() == Counted(delivered=1)
    shop.clock.forward(599 * SECOND)
    shop.stamp(shop.member("cc"))
    assert rounds.step() == Counted()
    assert courier.seen == ["bb", "aa"]


def test_all_of_a_queue_that_stands_still_waits_with_its_first_rows(shop: Shop) -> None:
    shop.stamp(shop.member(*(f"a{number}" for number in range(9))))
    halted = ScriptedCourier(lambda _: Halted("renew the certificate"))
    rounds = shop.rounds(halted, batch=1)
    assert rounds.step() == Counted(halted=1)
    assert rounds.step() == Counted()
    assert rounds.step() is None


def test_lines_of_a_queue_that_stands_still_are_looked_at_once(shop: Shop) -> None:
    member = shop.member("aa")
    shop.stamp(member)
    rounds = shop.rounds(answering(aa=Halted("renew the certificate")))
    rounds.step()
    assert rounds.step() is None
    shop.stamp(member)
    assert rounds.step() == Counted()
    assert rounds.step() is None
    assert shop.row().last_error == "renew the certificate"


# --- one at a time --------------------------------------------------------------------------------


@dataclass
class HoldingCourier(ScriptedCourier):
    """Answers some pushes only when it is told to."""

    holds: Callable[[Push], bool] = lambda push: push.token == "aa"
    waiting: list[Push] = field(default_factory=list)

    def deliver(self, pushes: Sequence[Push], /) -> Iterator[tuple[Push, Outcome]]:
        self.waiting += pushes
        ready = [push for push in self.waiting if not self.holds(push)]
        self.waiting = [push for push in self.waiting if self.holds(push)]
        self.under_way = bool(self.waiting)
        yield from super().deliver(ready)


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


# --- faults ---------------------------------------------------------------------------------------


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


# --- what nobody can see --------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["limits", "name", "milestones"])
def test_a_change_of_the_program_that_no_pass_shows_is_told_to_nobody(
    shop: Shop, field: str
) -> None:
    shop.member("aa")
    version = _newest(shop)
    same = shop.door.get(f"/programs/{shop.program['id']}").json
    change = {"limits": {"max_stamps": 29}} if field == "limits" else {field: same[field]}
    assert shop.door.patch(f"/programs/{shop.program['id']}", change).status_code == 200
    assert _work_off(shop) == 0
    assert (shop.rows(), _newest(shop)) == ([], version)


@pytest.mark.parametrize("change", [{"person": {"email": "a@b.example"}}, {"external_id": "7"}, {}])
def test_a_change_of_a_member_that_the_pass_does_not_show_is_told_to_nobody(
    shop: Shop, change: dict[str, Any]
) -> None:
    member = shop.member("aa")
    version = _newest(shop)
    assert shop.door.patch(f"/members/{member['id']}", change).status_code == 200
    assert (shop.rows(), _newest(shop)) == ([], version)


def _newest(shop: Shop) -> int:
    with shop.database.reading() as session:
        return newest_version(session, shop.pass_type)


def _work_off(shop: Shop) -> int:
    """All fan-outs; returns how many passes they were about."""
    passes = 0
    while True:
        with shop.database.writing() as session:
            batch = work_one_batch(session, shop.clock())
        if batch is None:
            return passes
        passes += batch.passes


# --- many at once ---------------------------------------------------------------------------------


def test_phones_are_spared_changes_of_many_but_never_a_stamp(shop: Shop) -> None:
    courier = ScriptedCourier()
    rounds = shop.rounds(courier)
    member = shop.member("aa")
    begun = shop.clock()
    for _ in range(BUDGET + 3):
        shop.fan_out(member)
        rounds.step()
        shop.clock.forward(SECOND)
    assert len(courier.seen) == BUDGET
    row = shop.row()
    assert (row.due_at, row.attempts) == (begun + WINDOW, 0)
    shop.stamp(member)
    assert rounds.step() == Counted(delivered=1)
    shop.fan_out(member)
    rounds.step()
    assert len(courier.seen) == BUDGET + 1
    shop.clock.forward(WINDOW)
    assert rounds.step() == Counted(delivered=1)


def test_one_phones_budget_is_not_anothers(shop: Shop) -> None:
    courier = ScriptedCourier()
    rounds = shop.rounds(courier)
    often, seldom = shop.member("aa"), shop.member("bb")
    for _ in range(BUDGET + 1):
        shop.fan_out(often)
        rounds.step()
    shop.fan_out(seldom)
    rounds.step()
    assert courier.seen.count("bb") == 1


def crowd(shop: Shop, size: int) -> None:
    """So many members more, without phones, written at once."""
    stem = {"merchant_id": "", "program_id": shop.program["id"], "created_at": shop.clock()}
    with shop.database.writing() as session:
        stem["merchant_id"] = session.scalars(
            select(Member.merchant_id).where(Member.program_id == shop.program["id"]).limit(1)
        ).one()
        session.execute(
            Member.__table__.insert(),
            [
                stem
                | {"id": f"mem_{number:022}", "first_name": "", "last_name": "", "source": "api"}
                | {"revision": 1}
                for number in range(size)
            ],
        )
        session.execute(
            Pass.__table__.insert(),
            [
                stem
                | {"member_id": f"mem_{number:022}", "pass_type_identifier": shop.pass_type}
                | {"locale": "en", "modified_s": 0}
                for number in range(size)
            ],
        )


def test_a_new_look_reaches_all_in_batches_and_a_stamp_overtakes_it(shop: Shop) -> None:
    carriers = [shop.member(f"a{number}") for number in range(9)]
    crowd(shop, 2 * BATCH)
    courier = ScriptedCourier()
    rounds = shop.rounds(courier, batch=3)
    version = _newest(shop)
    name = {"name": f"New look {version}"}
    assert shop.door.patch(f"/programs/{shop.program['id']}", name).status_code == 200
    batches = []
    while True:
        with shop.database.writing() as session:
            batch = work_one_batch(session, shop.clock())
        if batch is None:
            break
        batches.append(batch.passes)
        stamped, told_before = len(batches), len(courier.seen)
        shop.stamp(carriers[stamped])
        rounds.step()
        assert courier.seen[told_before] == f"a{stamped}"
    assert batches[:2] == [BATCH, BATCH]
    assert len(batches) == 4  # with the rest, and the one that finds nothing left
    while rounds.step():
        pass
    assert set(courier.seen) == {f"a{number}" for number in range(9)}
    with shop.database.reading() as session:
        untold = select(Pass.id).where(
            Pass.program_id == shop.program["id"], Pass.version <= version
        )
        assert session.scalars(untold).all() == []


def test_a_change_during_a_fan_out_begins_it_anew(shop: Shop) -> None:
    """And a worker that is started anew goes on where the last one was."""
    shop.member()
    path = f"/programs/{shop.program['id']}"
    mine = select(Pass.version).where(Pass.program_id == shop.program["id"])
    first = mine.order_by(Pass.id).limit(1)
    shop.door.patch(path, {"name": "First"})
    with shop.database.writing() as session:
        assert work_one_batch(session, shop.clock())
    shop.door.patch(path, {"name": "Second"})
    with shop.database.reading() as session:
        before = session.scalars(first).one()
    _work_off(shop)
    with shop.database.reading() as session:
        assert session.scalars(first).one() > before
