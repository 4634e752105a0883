"""A worker that settles before the answer: what it claims is off the outbox before it is sent."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

import wsgi
from passes.settings import load_settings
from passes.store.claims import Claimed
from passes.store.tables import Delivery
from webhooks.cli import run
from webhooks.couriers.apns import Push
from webhooks.desks import AppleDesk, Prepared
from webhooks.rounds import Rounds
from webhooks.worker import Worker


class HastyDesk(AppleDesk):
    """Takes every notice for told."""

    def prepare(self, session: Session, rows: Sequence[Claimed], now: datetime) -> Prepared[Push]:
        prepared = super().prepare(session, rows, now)
        told = [notice.row for notice in prepared.notices]
        session.execute(delete(Delivery).where(Delivery.id.in_(told)))
        return prepared


def compose_worker() -> Worker:
    worker = wsgi.compose_worker()
    [rounds] = worker.rounds
    assert isinstance(rounds, Rounds)
    rounds.desk = HastyDesk(
        rounds.desk.courier, load_settings().push_budget, window=timedelta(hours=1)
    )
    return worker


if __name__ == "__main__":
    run(compose_worker())
