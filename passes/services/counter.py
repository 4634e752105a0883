"""What happens at the till: ledger lines are added, never changed; the balance is their sum."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from passes.store.tables import Member, Transaction

WELCOME, EARN = "welcome", "earn"


def give_stamps(
    session: Session, member: Member, stamps: int, kind: str, now: datetime
) -> Transaction:
    """One ledger line of `stamps` (≥ 1) for the member."""
    line = Transaction(
        merchant_id=member.merchant_id,
        program_id=member.program_id,
        member_id=member.id,
        type=kind,
        stamps=stamps,
        created_at=now,
    )
    session.add(line)
    session.flush()
    return line


def stamps_of(session: Session, member_ids: list[str]) -> dict[str, int]:
    """The balances of many members in one query; a member without lines is absent."""
    rows = session.execute(
        select(Transaction.member_id, func.sum(Transaction.stamps))
        .where(Transaction.member_id.in_(member_ids))
        .group_by(Transaction.member_id)
    )
    return {member_id: int(total) for member_id, total in rows}
