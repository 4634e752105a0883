"""Once a day Google itself is asked who holds our objects: callbacks may come late or never."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Protocol

import structlog

from passes.services import google_saves, google_sync
from passes.store.database import Database
from webhooks.couriers.google_rest import Held, Unanswered
from webhooks.terms import Clock

_BATCH = 200  # objects per transaction, as many as Google lists at once

log = structlog.get_logger()


class Lists(Protocol):
    """What is needed of the courier to Google."""

    def list_objects(self, class_id: str) -> Iterator[Held]:
        """All objects of a class; raises Unanswered."""


def reconcile(
    database: Database,
    google: Lists,
    issuer_id: str,
    now: Clock,
    is_stopping: Callable[[], bool],
) -> bool:
    """Mends what callbacks missed, program by program; False when Google would not tell.

    One request per 200 objects, each in its turn with the courier's own. Ends early, between two
    requests, when `is_stopping`; the next day begins anew.
    """
    with database.reading() as session:
        programs = google_sync.programs_at_google(session)
    try:
        mended = sum(
            _mend(database, google, f"{issuer_id}.", program, now, is_stopping)
            for program in programs
        )
    except Unanswered as error:
        log.error("google does not tell who holds what", why=str(error))  # noqa: TRY400
        return False
    log.info("google told who holds what", programs=len(programs), mended=mended)
    return True


def _mend(
    database: Database,
    google: Lists,
    prefix: str,
    program_id: str,
    now: Clock,
    is_stopping: Callable[[], bool],
) -> int:
    asked_at, mended = now(), 0
    objects = google.list_objects(f"{prefix}{program_id}")
    while not is_stopping() and (batch := list(islice(objects, _BATCH))):
        held = {one.id.removeprefix(prefix): one.has_users for one in batch}
        with database.writing() as session:
            mended += google_saves.mend(session, program_id, held, asked_at, now())
    return mended
