"""A change of a merchant's shops: what begins it, and how far it has come.

Not for: bringing it to the passes (relocation_steps).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from passes.errors import NotFound
from passes.services import google_sync
from passes.services.merchants import lock_merchant
from passes.services.placing import read_places
from passes.store.tables import Relocation


@dataclass(slots=True)
class Begun:
    """What became of a change: its relocation, or None when no pass can show it."""

    relocation_id: str | None = None


@contextmanager
def relocating(session: Session, merchant_id: str, now: datetime) -> Iterator[Begun]:
    """Whatever the block changes of a merchant's shops reaches all passes that show it.

    What no pass can show (a name, an address) starts nothing. Where every pass of a program shows
    all its shops, Google hears of them with the class: one request for all holders.
    """
    # Until the end nobody places a pass among shops that are about to be others.
    lock_merchant(session, merchant_id)
    before = {one.program_id: one for one in read_places(session, merchant_id)}
    begun = Begun()
    yield begun
    session.flush()
    changed = [
        one
        for one in read_places(session, merchant_id)
        # A program that was made meanwhile has no passes among other shops.
        if one != before.get(one.program_id, one)
    ]
    for here in changed:
        if here.shared != before[here.program_id].shared:
            google_sync.follow_class(session, here.program_id, now)
    if changed:
        begun.relocation_id = _begin(session, merchant_id, now)


def find_relocation(session: Session, merchant_id: str, relocation_id: str) -> Relocation:
    """A merchant's relocation, under way or finished in the last month."""
    found = session.scalar(
        select(Relocation).where(
            Relocation.id == relocation_id, Relocation.merchant_id == merchant_id
        )
    )
    if found is None:
        raise NotFound("There is no such relocation.")
    return found


def _begin(session: Session, merchant_id: str, now: datetime) -> str:
    """The merchant's relocation: the one under way, which goes round once more, or a new one."""
    work = session.scalars(
        select(Relocation)
        .where(Relocation.merchant_id == merchant_id, Relocation.finished_at.is_(None))
        .with_for_update()
    ).one_or_none()
    if work is None:
        work = Relocation(
            merchant_id=merchant_id,
            edits=0,
            after_program_id="",
            after_set_id="",
            checked=0,
            changed=0,
            created_at=now,
            worked_at=now,
        )
        session.add(work)
    work.edits += 1
    if not work.after_program_id and not work.after_set_id:  # nothing was looked at yet
        work.round_edits = work.edits
    session.flush()
    return work.id
