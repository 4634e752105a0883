"""What a callback of Google's brings about, once, in whatever order it arrives."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import permutations

from sqlalchemy import select

from passes.services import google_saves
from passes.services.google_sync import GOOGLE as GOOGLE_COURIER
from passes.store.tables import Delivery, Pass
from tests.passes.web.answers import problem
from tests.webhooks.google_calls import HOUR, ONE_DATABASE, Calls
from tests.webhooks.google_signer import ISSUER
from tests.webhooks.living import SECOND


def test_a_save_marks_the_pass_and_tells_the_merchant(calls: Calls) -> None:
    calls.tell(calls.event("save", 0))
    assert calls.saved()
    assert not calls.saved(1)
    pass_id = calls.members[0]["pass"]["id"]
    assert calls.events() == [("pass.installed", {"pass_id": pass_id, "platform": "google"})]


def test_what_changed_before_the_save_is_sent_after_it(calls: Calls) -> None:
    """Objects that nobody holds are not kept up to date."""
    for member in calls.members:
        calls.service.stamp(member, 1)
    with calls.service.parts.database.writing() as session:
        current = session.get_one(Pass, calls.members[1]["pass"]["id"])
        current.google_version = current.version
    calls.tell(*(calls.event("save", 0, number=number) for number in (0, 1)))
    with calls.service.parts.database.reading() as session:
        sent = session.scalars(select(Delivery.target).where(Delivery.courier == GOOGLE_COURIER))
        assert sent.all() == [f"object:{calls.members[0]['pass']['id']}"]


def test_a_deletion_takes_it_back(calls: Calls) -> None:
    calls.tell(calls.event("save", 0), calls.event("save", 0, number=1))
    calls.clock.forward(timedelta(seconds=1))
    calls.tell(calls.event("del", 1))
    assert (calls.saved(), calls.saved(1)) == (False, True)
    assert calls.kinds() == ["installed", "installed", "uninstalled"]


def test_a_repeat_changes_nothing(calls: Calls) -> None:
    save, again = calls.event("save", 0, nonce="žluťoučký-🐎"), calls.event("save", 2)
    deletion = calls.event("del", 1)
    calls.tell(save, deletion, save, save, again, deletion)
    assert calls.saved()
    assert sorted(calls.kinds()) == ["installed", "installed", "uninstalled"]
    assert calls.nonces() == 3


@ONE_DATABASE
def test_a_known_nonce_in_another_message_has_no_effect(calls: Calls) -> None:
    calls.tell(calls.event("save", 0, nonce="n"), calls.event("del", 1, nonce="n"))
    assert calls.saved()


def test_every_order_of_arrival_ends_alike(calls: Calls) -> None:
    """Each order in an hour of its own, so that its first callback is newer than all before."""
    story = [("save", 0), ("del", 1), ("save", 2), ("del", 3)]
    for length, saved in ((2, False), (3, True)):
        for hour, order in enumerate(permutations(story[:length]), start=10 * length):
            calls.tell(*(calls.event(kind, hour * 3600 + second) for kind, second in order))
            assert calls.saved() == saved, order
    kinds = calls.kinds()
    assert kinds.count("installed") == kinds.count("uninstalled") + 1


@ONE_DATABASE
def test_of_two_in_the_same_moment_the_save_counts(calls: Calls) -> None:
    calls.tell(*(calls.event(kind, 0) for kind in ("save", "del")))
    calls.tell(*(calls.event(kind, 0, number=1) for kind in ("del", "save")))
    assert (calls.saved(), calls.saved(1)) == (True, True)
    assert calls.kinds() == ["installed", "installed"]


@ONE_DATABASE
def test_only_what_changes_is_an_event(calls: Calls) -> None:
    calls.tell(calls.event("save", 0), calls.event("save", 5), calls.event("del", 1))
    calls.tell(calls.event("del", 0, number=1))
    assert (calls.saved(), calls.saved(1)) == (True, False)
    assert calls.kinds() == ["installed"]


def test_repeats_in_parallel_take_effect_once(calls: Calls) -> None:
    contents = [calls.event("save", 0)] * 6 + [calls.event("save", 1)] * 6
    with ThreadPoolExecutor(6) as pool:
        statuses = [answer.status_code for answer in pool.map(calls.post, contents)]
    assert statuses == [200] * 12
    assert calls.kinds() == ["installed"]
    assert calls.nonces() == 2


@ONE_DATABASE
def test_what_we_do_not_know_is_taken_without_effect(calls: Calls) -> None:
    for told in (
        {"objectId": f"{ISSUER}.pas_nobody"},
        {"objectId": f"{ISSUER}."},
        {"objectId": f"{ISSUER}.kůň-🐎"},
        {"classId": f"{ISSUER}.prg_other"},
    ):
        calls.tell(calls.event("save", 0, **told))
    assert (calls.saved(), calls.kinds()) == (False, [])


def test_old_nonces_are_forgotten_when_they_cannot_come_back(calls: Calls) -> None:
    save = calls.event("save", 0)
    calls.tell(save, calls.event("save", 3600))
    for step, left in ((HOUR, 2), (HOUR - SECOND, 2), (2 * SECOND, 1)):
        calls.clock.forward(step)
        with calls.service.parts.database.writing() as session:
            google_saves.forget_old_nonces(session, calls.clock())
        assert calls.nonces() == left
    assert problem(calls.post(save)) == (401, "callback_refused")
