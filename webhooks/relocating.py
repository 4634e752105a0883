"""The worker's way through relocations: what to do is found without a lock, and done under one."""

from dataclasses import dataclass, field
from datetime import datetime

from passes.services import relocation_plan, relocation_steps
from passes.services.fanout import BATCH
from passes.services.looks import LookBook
from passes.services.relocation_plan import Stretch
from passes.services.relocation_steps import Batch
from passes.store.database import Database


@dataclass(slots=True)
class Mover:
    """Brings changes of shops to the passes, one batch at a time; for one thread.

    What one look has found is remembered for many batches. Several workers may do so at the same
    time. A crash repeats at most one batch.
    """

    database: Database
    _looks: LookBook = field(default_factory=LookBook)
    _found: dict[str, Stretch] = field(default_factory=dict)

    def work_one_batch(self, now: datetime, size: int = BATCH) -> Batch | None:
        """The next passes of the relocation that waited longest; None when there is nothing to do.

        A relocation that raises comes last in line.
        """
        with self.database.reading() as session:
            relocation_id = relocation_plan.next_in_line(session)
        if relocation_id is None:
            self._found.clear()
            return None
        try:
            return self._work_on(relocation_id, now, size)
        except Exception:
            self._found.pop(relocation_id, None)
            with self.database.writing() as session:
                relocation_steps.put_last(session, relocation_id, now)
            raise

    def _work_on(self, relocation_id: str, now: datetime, size: int) -> Batch:
        with self.database.reading() as session:
            known = self._found.get(relocation_id)
            step = relocation_plan.look(session, self._looks, relocation_id, known, size)
        self._found[relocation_id] = step.stretch
        with self.database.writing() as session:
            return relocation_steps.carry_out(session, self._looks, step, now)
