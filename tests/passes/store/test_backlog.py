"""How much waits, and how much of it for too long."""

from datetime import timedelta

from passes.store import backlog, claims
from passes.store.claims import Retry
from passes.store.outbox import APNS
from tests.passes.store.box import NOW, A, B, Box, C


def test_what_waits_by_our_own_wish_is_not_overdue(box: Box) -> None:
    box.enqueue(A, B, C)
    untried, retried = box.claim(limit=2)
    later = NOW + timedelta(hours=1)
    with box.writing() as session:
        claims.send_back(session, "own_1", [Retry(untried.id, later, "budget")])
        claims.postpone(session, "own_1", [Retry(retried.id, later, "busy")])
    with box.database.reading() as session:
        now = NOW + timedelta(minutes=6)
        found = {depth.courier: depth for depth in backlog.overdue(session, now, now)}
        assert (found[APNS].rows, found[APNS].oldest) == (2, NOW)
        assert backlog.overdue(session, NOW, now) == []
