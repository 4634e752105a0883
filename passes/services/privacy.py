"""Forgetting a member: who they were goes, what was counted stays for the accounts."""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from passes.services.changes import record
from passes.services.google_sync import forget_words
from passes.services.issued import withdraw
from passes.store.ids import new_code
from passes.store.tables import IdempotentRequest, Member, Pass, Transaction


def erase_member(session: Session, member: Member, now: datetime) -> None:
    """Blanks all that tells who the member was; their card is void for good, in every wallet.

    Ledger, rewards and consents stay, under an id that leads to nobody. What phones and Google show
    is replaced as soon as they can be told. Erasing again changes nothing.
    """
    # The pass before the member, as a stamp does, so that the two cannot wait for each other.
    card = session.scalars(select(Pass).where(Pass.member_id == member.id).with_for_update()).one()
    session.refresh(member)
    if member.erased_at is not None:
        return
    _blank(member)
    member.erased_at = now
    card.code = new_code()  # whoever noted the old one cannot find the ledger's lines by it
    card.code_epoch += 1
    _forget_answers(session, member)
    data = {"member_id": member.id, "pass_id": card.id, "program_id": member.program_id}
    record(session, member.merchant_id, "member.erased", data, now)
    withdraw(session, card, now)
    forget_words(session, card.id)


def _blank(member: Member) -> None:
    member.external_id = None
    member.first_name = member.last_name = ""
    member.email = member.phone = None
    member.birthday = None
    member.locale = None
    member.join_sha256 = None  # the same browser may join anew


def _forget_answers(session: Session, member: Member) -> None:
    """Answers kept for repeated requests name the member; the ledger alone answers from now on."""
    keys = select(Transaction.idempotency_key).where(
        Transaction.member_id == member.id, Transaction.idempotency_key.is_not(None)
    )
    session.execute(
        delete(IdempotentRequest)
        .where(IdempotentRequest.merchant_id == member.merchant_id, IdempotentRequest.key.in_(keys))
        .execution_options(synchronize_session=False)
    )
