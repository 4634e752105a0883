"""A queue whose provider refuses all or wants less stands still, and no other queue with it."""

from datetime import timedelta

from sqlalchemy import select

from passes.store import outbox
from passes.store.tables import Device, Pass, QueuePause, Registration
from tests.webhooks.living import SECOND, HoldingCourier, ScriptedCourier, Shop, answering
from webhooks.booking import PAUSE
from webhooks.couriers.outcomes import Delivered, Halted, Slower
from webhooks.rounds import Counted

OTHER_TYPE = "pass.com.example.other"


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
