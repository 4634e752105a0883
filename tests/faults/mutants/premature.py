"""A worker that crosses a relocation off before its work: what it finishes is not yet begun."""

import time

from sqlalchemy import update

import wsgi
from passes.store.tables import Relocation
from webhooks.cli import run
from webhooks.worker import Worker

_DAWDLE_S = 1.5  # far longer than it takes to kill somebody


class PrematureWorker(Worker):
    """Dies with the relocations it has in mind."""

    def _relocate(self) -> bool:
        unfinished = update(Relocation).where(Relocation.finished_at.is_(None))
        with self.database.writing() as session:
            crossed_off = unfinished.values(finished_at=self.now()).returning(Relocation.id)
            mine = session.scalars(crossed_off).all()
        if not mine:
            return False
        time.sleep(_DAWDLE_S)
        with self.database.writing() as session:
            remembered = update(Relocation).where(Relocation.id.in_(mine))
            session.execute(remembered.values(finished_at=None))
        while super()._relocate():
            pass
        return True


def compose_worker() -> Worker:
    worker = wsgi.compose_worker()
    return PrematureWorker(worker.database, worker.rounds, worker.now, worker.terms, worker.daily)


if __name__ == "__main__":
    run(compose_worker())
