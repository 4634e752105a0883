"""Telling phones that passes changed: the version, the push and the event, in one transaction."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, bindparam, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from passes.services.google_sync import tell_google
from passes.store import outbox
from passes.store.tables import Device, Event, FanOut, Pass, Registration
from passes.store.versions import mark_changed


@dataclass(frozen=True, slots=True)
class Told:
    """How many phones, and how many objects at Google, are on their way to know."""

    phones: int
    objects: int


# Asked at every stamp: built once, because building them costs more than asking.
_IDS: BindParameter[str] = bindparam("pass_ids", expanding=True)
_LOCK = (
    select(Pass.id, Pass.google_saved).where(Pass.id.in_(_IDS)).order_by(Pass.id).with_for_update()
)
_TELL_PHONES = outbox.enqueuing(
    outbox.APNS,
    select(Device.id, Device.pass_type_identifier)
    .join(Registration, Registration.device_id == Device.id)
    .where(Registration.pass_id.in_(_IDS))
    .distinct(),
)


def announce(
    session: Session,
    pass_type_identifier: str,
    pass_ids: Collection[str],
    priority: int,
    now: datetime,
    *,
    objects: bool = True,
) -> Told:
    """These passes, all of one type, have visibly changed: who hears of it.

    `objects` is False for what their objects at Google do not show. Locks the passes, then their
    lines of the outbox; the versions follow at the commit.
    """
    rows = session.execute(_LOCK, {"pass_ids": list(pass_ids)}).all()
    held = [row.id for row in rows if row.google_saved] if objects else []
    told = _tell(session, pass_ids, held, priority, now)
    mark_changed(session, pass_type_identifier, pass_ids, now, objects=objects)
    return told


def announce_locked(session: Session, card: Pass, priority: int, now: datetime) -> Told:
    """The same for one pass that the caller has locked and read."""
    session.flush()
    told = _tell(session, [card.id], [card.id] if card.google_saved else [], priority, now)
    mark_changed(session, card.pass_type_identifier, [card.id], now)
    return told


def record(
    session: Session, merchant_id: str, kind: str, data: dict[str, Any], now: datetime
) -> None:
    """An event for the merchant's own systems, in the same transaction as what it tells."""
    session.add(Event(merchant_id=merchant_id, type=kind, data=data, created_at=now))


def begin_fan_out(
    session: Session,
    program_id: str,
    now: datetime,
    *,
    phones: bool = True,
    objects: bool = True,
    resumes: bool = False,
) -> None:
    """All passes of the program have a new look. The worker goes through them in batches.

    `phones` and `objects` are False for what they do not show; `resumes` lets objects go on that
    depended on their class. While an earlier change is under way, the passes that have not heard of
    it come first and are told once, of both: however often a look changes, nobody waits for ever.
    """
    told = {"tells_phones": phones, "tells_objects": objects, "resumes_objects": resumes}
    row = insert(FanOut).values(
        program_id=program_id, worked_at=now, after_pass_id="", until_pass_id="", **told
    )
    either = {name: or_(FanOut.__table__.c[name], row.excluded[name]) for name in told}
    all_round = {"until_pass_id": FanOut.after_pass_id, "wrapped": False}
    session.execute(
        row.on_conflict_do_update(index_elements=["program_id"], set_={**all_round, **either})
    )


def _tell(
    session: Session, pass_ids: Collection[str], held: Collection[str], priority: int, now: datetime
) -> Told:
    """All phones of the passes, and the objects of those that somebody holds at Google."""
    phones = outbox.enqueue_by(session, _TELL_PHONES, priority, now, pass_ids=list(pass_ids))
    return Told(phones, tell_google(session, held, priority, now) if held else 0)
