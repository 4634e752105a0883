"""What may be done with an issued pass: push it again, void it."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from passes.errors import NotFound
from passes.services.changes import announce, record
from passes.services.google_sync import withdraw_object
from passes.store import outbox
from passes.store.tables import Device, Pass, Registration


def find_pass_row(session: Session, merchant_id: str, pass_id: str) -> Pass:
    card = session.scalar(select(Pass).where(Pass.id == pass_id, Pass.merchant_id == merchant_id))
    if card is None:
        raise NotFound("There is no such card.")
    return card


def push_again(session: Session, card: Pass, now: datetime) -> int:
    """Asks the pass's phones to come; nothing is marked as changed. Returns how many are told."""
    phones = (
        select(Device.id, Device.pass_type_identifier)
        .join(Registration, Registration.device_id == Device.id)
        .where(Registration.pass_id == card.id)
    )
    return outbox.enqueue(session, outbox.APNS, phones, outbox.BY_HAND, now)


def void_pass(session: Session, card: Pass, now: datetime) -> None:
    """Void for good; every wallet learns it at once. Voiding again changes nothing."""
    if not card.voided:
        withdraw(session, card, now)


def withdraw(session: Session, card: Pass, now: datetime) -> None:
    """The card is void from now on, and every wallet that has it is told what it shows."""
    if not card.voided:
        card.voided = True
        record(session, card.merchant_id, "pass.voided", {"pass_id": card.id}, now)
    announce(session, card.pass_type_identifier, [card.id], outbox.AT_THE_TILL, now)
    withdraw_object(session, card.id, now)
