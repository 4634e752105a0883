"""After the database was restored from a backup: phones and Google know more than we do."""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from passes.services.changes import begin_fan_out
from passes.services.google_sync import follow_class
from passes.store.tables import PassTypeCounter, Program


def tell_everybody_again(session: Session, now: datetime) -> int:
    """Every phone and every object at Google is told what the restored database says.

    Phones hold tags of changes that are lost. The numbers of changes leap over all of them, so that
    nothing new is taken for something known; the time is a number beyond any count of changes, and
    of any earlier leap. Returns how many programs are worked through.
    """
    beyond = int(now.timestamp() * 1000)
    session.execute(
        update(PassTypeCounter)
        .where(PassTypeCounter.value < beyond)
        .values(value=beyond)
        .execution_options(synchronize_session=False)
    )
    programs = sorted(session.scalars(select(Program.id)))
    for program_id in programs:
        begin_fan_out(session, program_id, now)
        follow_class(session, program_id, now)
    return len(programs)
