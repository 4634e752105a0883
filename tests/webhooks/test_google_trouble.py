"""Google is down, slow, late or has enough: cards stay usable, and all comes right."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event, Thread
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.orm import Session

from passes.store import claims
from passes.store.tables import Pass
from tests.processes import until
from tests.webhooks.google_world import DOUBT, PREFIX, World
from tests.webhooks.living import ScriptedCourier
from webhooks.booking import PAUSE
from webhooks.desks import AppleDesk
from webhooks.google_desk import Telling
from webhooks.rounds import Counted, Rounds
from webhooks.simulators.google_script import Rule
from webhooks.terms import Terms


def test_while_google_is_down_the_card_stays_usable_and_all_converges(world: World) -> None:
    member, other = world.saved(), world.member()
    world.google.script.add(Rule(answer="status", path=PREFIX, status=503))
    for _ in range(3):
        assert world.stamp(member)["google"] == "queued"
    world.tap(other)
    world.work()
    page = world.tap(other)
    assert (page.status_code, page.headers["Refresh"]) == (200, "10")
    assert "Google is slow just now" in page.text
    assert world.service.client.get(urlsplit(other["pass"]["urls"]["landing"]).path).text
    assert "503" in world.at_google(member)["error"]
    assert len(world.rows()) == 2  # one per object, whatever changed
    world.google.script.clear()
    world.work()
    assert world.balance(member) == "3/10"
    assert world.tap(other).status_code == 302
    assert world.rows() == []


def test_the_very_first_tap_while_google_is_down_waits_without_a_storm(world: World) -> None:
    member = world.member()
    world.google.script.add(Rule(answer="status", path=PREFIX, status=503, retry_after=30))
    world.tap(member)
    for _ in range(3):
        world.work()
        world.clock.forward(timedelta(seconds=30))
    assert "Google is slow just now" in world.tap(member).text
    assert "503" in world.at_google(member)["error"]
    assert len(world.told()) == 3
    [waiting] = [row for row in world.rows() if row.target.startswith("object:")]
    [parent] = [row for row in world.rows() if row.target.startswith("class:")]
    assert waiting.due_at == parent.due_at + timedelta(seconds=1)
    world.google.script.clear()
    world.clock.forward(timedelta(seconds=30))
    world.work()
    assert world.tap(member).status_code == 302


def test_objects_follow_stamps_while_their_class_cannot_be_told(world: World) -> None:
    member = world.saved()
    world.google.script.add(Rule(answer="status", path="loyaltyClass", status=503))
    world.restyle()
    world.stamp(member)
    world.work()
    assert world.balance(member) == "1/10"


def test_without_permission_the_queue_stands_still_and_says_how_to_mend_it(world: World) -> None:
    member = world.saved()
    world.google.panel.turn({"account_linked": False})
    world.stamp(member)
    world.work()
    asked = len(world.told())
    cure = "as a user in the Google Pay & Wallet console"
    assert cure in world.at_google(member)["error"]
    assert cure in world.service.client.get("/readyz").text
    world.work(seconds=5)
    assert len(world.told()) == asked  # nobody knocks meanwhile
    world.google.panel.turn({"account_linked": True})
    world.clock.forward(PAUSE)
    world.work()
    assert world.balance(member) == "1/10"
    assert world.at_google(member)["error"] is None


def test_a_rejected_class_is_seen_at_the_pass_and_a_new_look_heals_it(world: World) -> None:
    member = world.member()
    world.google.panel.turn({"review": "reject"})
    world.tap(member)
    world.work()
    view = world.at_google(member)
    assert view["sync"] == "failed"
    assert "rejected" in view["error"]
    page = world.tap(member)
    assert page.status_code == 503
    assert "does not take this card" in page.text
    world.google.panel.turn({"review": "approve"})
    world.restyle()
    world.work()
    assert world.tap(member).status_code == 302


def test_a_class_google_refuses_is_seen_at_the_pass_and_causes_no_storm(world: World) -> None:
    member = world.member()
    world.google.script.add(Rule(answer="status", path="loyaltyClass", status=400))
    world.tap(member)
    world.work()
    view = world.at_google(member)
    assert view["sync"] == "failed"
    assert "400" in view["error"]
    assert len(world.told(path="loyaltyClass")) == 1


def test_a_revoked_token_is_replaced_unseen(world: World) -> None:
    member = world.saved()
    world.google.tokens.revoke_all()
    world.stamp(member)
    assert world.work() == [Counted(delivered=1)]
    assert world.balance(member) == "1/10"


def test_a_patch_that_arrives_late_has_not_the_last_word(world: World) -> None:
    """Worker A's first stamp is obeyed minutes after worker B's second."""
    member = world.saved()
    slow, quick = world.make_rounds(timeout_s=1.0), world.rounds
    world.google.script.add(Rule(answer="hold", method="PATCH", next=1))
    world.stamp(member)
    assert slow.step() == Counted(later=1)
    world.stamp(member)
    assert quick.step() == Counted(delivered=1)
    assert world.balance(member) == "2/10"
    [number] = world.google.holds.held()
    world.google.holds.release(number)
    until(lambda: world.balance(member) == "1/10")
    assert quick.step() is None
    world.clock.forward(DOUBT)
    assert quick.step() == Counted(delivered=1)
    assert world.balance(member) == "2/10"
    assert world.rows() == []


def test_what_a_worker_sent_before_it_died_is_told_once_more(world: World) -> None:
    member = world.saved()
    world.stamp(member)
    lease = timedelta(seconds=60)
    with world.service.parts.database.writing() as session:
        assert claims.claim(session, "google", "own_dead", 9, world.clock(), lease)
    assert world.rounds.step() is None
    world.clock.forward(lease)
    assert world.rounds.step() == Counted(delivered=1)
    world.forget()
    world.clock.forward(DOUBT)
    assert world.rounds.step() == Counted(delivered=1)
    [again] = world.told("PATCH")
    assert isinstance(again.body, dict)
    assert "notifyPreference" not in again.body
    assert world.rows() == []


def test_a_google_that_wants_less_is_left_alone_as_long_as_it_says(world: World) -> None:
    member = world.saved()
    world.google.script.add(Rule(answer="status", path=PREFIX, status=429, retry_after=30, next=1))
    world.stamp(member)
    assert world.rounds.step() == Counted(later=1)
    world.stamp(member)  # a change does not cut the wait short
    assert world.work(seconds=29) == [Counted()]  # it is looked at, and sent back
    world.work()
    assert world.balance(member) == "2/10"


def test_a_storm_of_429_lets_the_whole_queue_rest_longer_and_longer(world: World) -> None:
    members = [world.saved() for _ in range(3)]
    world.forget()
    world.google.script.add(Rule(answer="status", path=PREFIX, status=429))
    for member in members:
        world.stamp(member)
    pauses: list[timedelta] = []
    for _ in range(5):
        asked = len(world.told())
        while len(world.told()) == asked:
            world.work(seconds=1)
        pauses.append(world.rested())
    assert pauses == sorted(pauses)
    assert pauses[-1] >= 4 * pauses[0]
    assert len(world.told()) <= 5 * len(members)
    assert {row.attempts for row in world.rows()} == {0}  # nothing is given up for it
    assert "console" not in world.service.client.get("/readyz").text
    world.google.script.clear()
    world.clock.forward(pauses[-1])
    world.work()
    assert [world.balance(member) for member in members] == ["1/10"] * 3
    assert world.rows() == []


def test_phones_with_apple_wallet_are_told_while_google_keeps_silent(world: World) -> None:
    member = world.saved()
    parts = world.service.parts
    world.service.carry(member, "iPhone", token="aa")
    world.google.script.add(Rule(answer="hold", method="PATCH", next=1))
    world.stamp(member)
    google = Thread(target=world.rounds.step)
    google.start()
    until(lambda: bool(world.google.holds.held()))
    courier = ScriptedCourier()
    apple = Rounds(parts.database, AppleDesk(courier, 4, timedelta(hours=1)), parts.now, Terms())
    assert apple.step() == Counted(delivered=1)
    assert google.is_alive()
    world.google.holds.release()
    google.join()
    assert (courier.seen, world.balance(member)) == (["aa"], "1/10")


def test_what_is_taken_and_what_is_refused_is_booked_in_one_order_of_passes(world: World) -> None:
    """A change that takes the same passes one after the other cannot wait for us in a circle."""
    parts = world.service.parts
    first, last = sorted(world.crowd(2))
    told, refused = (_telling(number, one) for number, one in enumerate((last, first)))

    def settle() -> None:
        with parts.database.writing() as session:
            world.rounds.desk.book(session, [told], [(refused, "no")], parts.now())

    def touch(session: Session, pass_id: str) -> None:
        session.execute(select(Pass.id).where(Pass.id == pass_id).with_for_update())

    with ThreadPoolExecutor(1) as pool, parts.database.writing() as session:
        touch(session, first)
        settling = pool.submit(settle)
        Event().wait(0.3)
        touch(session, last)
        session.commit()
        settling.result()
    assert [world.sync(one) for one in (last, first)] == ["synced", "failed"]


def _telling(row: int, pass_id: str) -> Telling:
    target = f"object:{pass_id}"
    return Telling(row, "loyaltyObject", pass_id, {}, notify=False, target=target, version=9)
