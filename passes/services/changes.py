"""Telling phones that passes changed: the version, the push and the event, in one transaction."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from passes.store import outbox
from passes.store.tables import Device, Event, FanOut, Pass, Registration
from passes.store.versions import mark_changed


def announce(
    session: Session,
    pass_type_identifier: str,
    passes: ColumnElement[bool],
    priority: int,
    now: datetime,
) -> int:
    """The passes that match, all of one type, have visibly changed: returns how many phones hear.

    The last call of a use case, because it ends with the pass type's counter (see versions).
    """
    session.flush()
    session.execute(select(Pass.id).where(passes).order_by(Pass.id).with_for_update()).all()
    phones = (
        select(Device.id, Device.pass_type_identifier)
        .join(Registration, Registration.device_id == Device.id)
        .join(Pass, Pass.id == Registration.pass_id)
        .where(passes)
        .distinct()
    )
    told = outbox.enqueue(session, outbox.APNS, phones, priority, now)
    mark_changed(session, pass_type_identifier, passes, now)
    return told


def record(
    session: Session, merchant_id: str, kind: str, data: dict[str, Any], now: datetime
) -> None:
    """An event for the merchant's own systems, in the same transaction as what it tells."""
    session.add(Event(merchant_id=merchant_id, type=kind, data=data, created_at=now))


def begin_fan_out(session: Session, program_id: str, now: datetime) -> None:
    """All passes of the program have a new look. The worker goes through them in batches.

    A change while an earlier one is under way starts over: every pass is told once.
    """
    work = session.get(FanOut, program_id)
    if work is None:
        session.add(FanOut(program_id=program_id, after_pass_id="", changed=0, created_at=now))
        return
    work.after_pass_id, work.changed = "", 0
