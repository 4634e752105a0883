"""A pass's way to its phones, from download to fetch, and what most likely ails it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from passes.store import outbox
from passes.store.tables import Delivery, Device, Pass, PhoneLog, QueuePause, Registration


@dataclass(frozen=True, slots=True)
class Step:
    """`at` is None when it has not happened."""

    step: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Trail:
    """`diagnosis` is one sentence with the cure; `complaint` the newest of any phone."""

    devices: int
    version: int
    served_version: int | None
    steps: tuple[Step, ...]
    complaint: str | None
    diagnosis: str

    @property
    def last_fetched_at(self) -> datetime | None:
        return next((step.at for step in self.steps if step.step == "fetched"), None)


def trail_of(session: Session, card: Pass, now: datetime) -> Trail:
    """What is known of one pass's phones."""
    phones = session.execute(
        select(
            func.count(Device.id),
            func.max(Registration.created_at),
            func.max(Device.pushed_at),
            func.max(Device.listed_at),
        )
        .join(Registration, Registration.device_id == Device.id)
        .where(Registration.pass_id == card.id)
    ).one()
    devices, registered, pushed, listed = phones
    complaint = _complaint(session, card)
    steps = (
        Step("downloaded", card.downloaded_at),
        Step("registered", registered),
        Step("pushed", pushed),
        Step("listed", listed),
        Step("fetched", card.fetched_at),
    )
    trouble = _trouble(session, card, now)
    return Trail(
        devices=devices,
        version=card.version,
        served_version=card.served_version,
        steps=steps,
        complaint=complaint,
        diagnosis=trouble or _diagnosis(card, devices, pushed, listed, complaint),
    )


def _complaint(session: Session, card: Pass) -> str | None:
    return session.scalar(
        select(PhoneLog.message)
        .where(PhoneLog.serial_number == card.serial_number)
        .order_by(PhoneLog.received_at.desc(), PhoneLog.id.desc())
        .limit(1)
    )


def _trouble(session: Session, card: Pass, now: datetime) -> str | None:
    """What keeps a waiting push from going out."""
    paused = session.scalar(
        select(QueuePause.why).where(
            QueuePause.courier == outbox.APNS,
            QueuePause.queue == card.pass_type_identifier,
            QueuePause.until > now,
        )
    )
    if paused:
        return f"Pushes of this pass type stand still: {paused}"
    row = session.execute(
        select(Delivery.state, Delivery.last_error)
        .join(Registration, Registration.device_id == Delivery.target)
        .where(Delivery.courier == outbox.APNS, Registration.pass_id == card.id)
        .order_by(Delivery.state)
        .limit(1)
    ).one_or_none()
    if row is None:
        return None
    if row.state == outbox.GAVE_UP:
        return f"A push was given up ({row.last_error}): mend it, then `passmint deliveries retry`."
    if row.last_error:
        return f"A push waits for its next try: {row.last_error}"
    return "A push waits in the outbox: check that `passmint worker` runs."


def _diagnosis(
    card: Pass,
    devices: int,
    pushed: datetime | None,
    listed: datetime | None,
    complaint: str | None,
) -> str:
    if card.downloaded_at is None and card.fetched_at is None:
        return "Nobody has downloaded this pass yet."
    if devices == 0:
        return (
            "Downloaded, but no phone is registered: it was not added, it was removed, or the "
            "phone cannot reach the web service (check PASSMINT_PUBLIC_URL from outside)."
        )
    if card.served_version == card.version:
        return "All is well: the newest version is on a phone."
    if complaint:
        return f"A phone complained: {complaint}"
    return _stuck(pushed, listed)


def _stuck(pushed: datetime | None, listed: datetime | None) -> str:
    """Where a change got stuck that registered phones do not have yet."""
    if pushed is None:
        return "Changed but not pushed: check that `passmint worker` runs."
    if listed is None or listed < pushed:
        return "Pushed, but the phone has not asked yet: it is offline, or Apple delays the push."
    return "The phone asked but has not fetched: it rations updates, or the download failed."
