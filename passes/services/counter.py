"""What a till gives: ledger lines are added, never changed; the balance is their sum.

Not for: whose card it is that somebody shows there (till).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from passes.errors import Conflict
from passes.loyalty.stamps import StampRules, progress
from passes.services.changes import Told, announce_locked, record
from passes.services.google_sync import may_notify
from passes.services.looks import stamp_rules
from passes.services.placing import follow, require_allowed
from passes.services.programs import ACTIVE
from passes.services.till import EARN, Presented
from passes.store.ids import new_id
from passes.store.outbox import AT_THE_TILL
from passes.store.tables import Member, Program, Reward, Transaction

WELCOME = "welcome"

_BY_KEY = select(Transaction).where(
    Transaction.merchant_id == bindparam("merchant_id"),
    Transaction.idempotency_key == bindparam("key"),
)


@dataclass(frozen=True, slots=True)
class Stamping:
    """What one ledger line did, and who is told; Google shows three changes a day and pass.

    `balance` is the member's, all their lines counted.
    """

    at: Presented
    balance: int
    line: Transaction
    rewards: tuple[Reward, ...]
    told: Told
    google_notifies: bool = False


class LimitReached(Conflict):
    code = "limit_reached"


def earn(
    session: Session,
    at: Presented,
    stamps: int,
    now: datetime,
    key: str | None = None,
    location_id: str | None = None,
) -> Stamping:
    """Stamps (≥ 1) for a locked card: the line, the rewards it earns, the push and the event.

    At a known shop the card's places follow the member there. Raises Conflict when the program is
    not open, the card is voided or the shop takes no part, LimitReached above the program's limit.
    """
    if at.program.status != ACTIVE:
        raise Conflict("This program is not open now.", code="program_inactive")
    limit = at.limits.max_stamps
    if stamps > limit:
        raise LimitReached(f"This program gives at most {limit} stamps at once.")
    if at.card.voided:
        raise Conflict("This card was voided.", code="pass_voided")
    if location_id is not None:
        require_allowed(session, at.program, location_id)
    line = _line(at.member, stamps, EARN, at.stamps + stamps, now, key, location_id)
    return _add(session, at, line)


def welcome(session: Session, program: Program, member: Member, now: datetime) -> None:
    """The stamps a new card begins with; nobody has to be told, nobody has the card yet."""
    line = _line(member, program.welcome_stamps, WELCOME, program.welcome_stamps, now)
    session.add(line)
    _earn_rewards(session, stamp_rules(program), member, line, 0)


def line_by_key(session: Session, merchant_id: str, key: str) -> Transaction | None:
    """The ledger line an idempotency key made, however long ago."""
    return session.scalar(_BY_KEY, {"merchant_id": merchant_id, "key": key})


def given_before(session: Session, at: Presented, line: Transaction) -> Stamping:
    """An act whose first answer was forgotten: the line as it is, and nobody is told again."""
    session.refresh(at.member)  # somebody may have been erased while this waited for the card
    mine = select(Reward).where(Reward.transaction_id == line.id)
    rewards = session.scalars(mine.order_by(Reward.cycle, Reward.milestone))
    return Stamping(at, at.stamps, line, tuple(rewards), Told(0, 0))


def stamps_of(session: Session, member_ids: list[str]) -> dict[str, int]:
    """The balances of many members in one query; a member without lines is absent."""
    rows = session.execute(
        select(Transaction.member_id, func.sum(Transaction.stamps))
        .where(Transaction.member_id.in_(member_ids))
        .group_by(Transaction.member_id)
    )
    return {member_id: int(total) for member_id, total in rows}


def _add(session: Session, at: Presented, line: Transaction) -> Stamping:
    member, card, rules, now = at.member, at.card, stamp_rules(at.program), line.created_at
    session.add(line)
    rewards = _earn_rewards(session, rules, member, line, at.stamps)
    record(session, member.merchant_id, "transaction.created", _event(line), now)
    for reward in rewards:
        data = {"member_id": member.id, "milestone": reward.milestone, "title": reward.title}
        record(session, member.merchant_id, "reward.earned", data, now)
    session.flush()
    moved = line.location_id is not None and follow(session, at.program, card, now)
    if not moved and progress(rules, at.stamps).shown == progress(rules, line.balance_after).shown:
        told = Told(0, 0)  # a card that looks the same is not pushed
        return Stamping(at, line.balance_after, line, rewards, told)
    notifies = card.google_saved and card.id in may_notify(session, [card.id], now)
    told = announce_locked(session, card, AT_THE_TILL, now)
    return Stamping(at, line.balance_after, line, rewards, told, notifies)


def _line(
    member: Member,
    stamps: int,
    kind: str,
    balance: int,
    now: datetime,
    key: str | None = None,
    location_id: str | None = None,
) -> Transaction:
    return Transaction(
        id=new_id("txn"),
        merchant_id=member.merchant_id,
        program_id=member.program_id,
        member_id=member.id,
        type=kind,
        stamps=stamps,
        balance_after=balance,
        idempotency_key=key,
        location_id=location_id,
        created_at=now,
    )


def _earn_rewards(
    session: Session, rules: StampRules, member: Member, line: Transaction, before: int
) -> tuple[Reward, ...]:
    passed = tuple(_rewards(rules, member, line, before))
    if not passed:
        return ()
    # After a change of the card's size a cycle's number can come again: its rewards do not.
    rows = session.execute(
        select(Reward.milestone, Reward.cycle).where(Reward.member_id == member.id)
    )
    known = {(milestone, cycle) for milestone, cycle in rows}
    earned = tuple(one for one in passed if (one.milestone, one.cycle) not in known)
    session.add_all(earned)
    return earned


def _rewards(rules: StampRules, member: Member, line: Transaction, before: int) -> Iterator[Reward]:
    """One for every milestone that lies between the balances, whatever the size of the step."""
    for total in range(before + 1, before + line.stamps + 1):
        standing = progress(rules, total)
        for milestone in standing.ready:
            yield Reward(
                merchant_id=member.merchant_id,
                member_id=member.id,
                transaction_id=line.id,
                milestone=milestone.at,
                cycle=standing.cycle,
                title=milestone.title,
                created_at=line.created_at,
            )


def _event(line: Transaction) -> dict[str, object]:
    return {
        "transaction_id": line.id,
        "member_id": line.member_id,
        "program_id": line.program_id,
        "type": line.type,
        "stamps": line.stamps,
        "balance_after": line.balance_after,
        "location_id": line.location_id,
    }
