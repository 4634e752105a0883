"""Queues that stand still: which, why, since when, and when they move again."""

from datetime import timedelta

from passes.store import pauses
from passes.store.outbox import APNS
from tests.passes.store.box import NOW, OTHER_QUEUE, QUEUE, A, Box


def test_which_queues_stand_still_is_told_by_courier(box: Box) -> None:
    until = NOW + timedelta(minutes=5)
    with box.writing() as session:
        pauses.pause(session, APNS, QUEUE, "certificate", NOW, until)
        pauses.pause(session, "another", OTHER_QUEUE, "noise", NOW, until)
    with box.database.reading() as session:
        assert [pause.queue for pause in pauses.standing(session, NOW, APNS)] == [QUEUE]
        assert len(pauses.standing(session, NOW)) == 2
        assert pauses.standing(session, until) == []


def test_pausing_again_keeps_since_when_and_resuming_ends_it(box: Box) -> None:
    box.enqueue(A)
    with box.writing() as session:
        pauses.pause(session, APNS, QUEUE, "first", NOW, NOW + timedelta(minutes=5))
        later = NOW + timedelta(minutes=4)
        pauses.pause(session, APNS, QUEUE, "second", later, later + timedelta(minutes=5))
    with box.database.reading() as session:
        [pause] = pauses.standing(session, NOW + timedelta(minutes=8))
    assert (pause.why, pause.since) == ("second", NOW)
    with box.writing() as session:
        pauses.pause(session, APNS, QUEUE, "third", NOW, NOW + timedelta(minutes=1))
        pauses.forget_over(session, APNS, [QUEUE], NOW + timedelta(minutes=8))
        assert pauses.trouble_since(session, APNS, QUEUE) == NOW  # it waits as long as ever
        pauses.forget_over(session, APNS, [QUEUE], NOW + timedelta(minutes=9))
        assert pauses.trouble_since(session, APNS, QUEUE) is None
        pauses.pause(session, APNS, QUEUE, "fourth", NOW, NOW + timedelta(minutes=1))
    with box.writing() as session:
        assert pauses.trouble_since(session, APNS, QUEUE) == NOW
        pauses.resume(session, APNS, [QUEUE])
    with box.writing() as session:
        assert pauses.trouble_since(session, APNS, QUEUE) is None
