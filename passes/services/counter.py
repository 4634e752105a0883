"""What happens at the till: ledger lines are added, never changed; the balance is their sum."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from passes.errors import Conflict, NotFound
from passes.loyalty.stamps import StampRules, progress
from passes.services.changes import Told, announce, record
from passes.services.drafts import LimitsDraft
from passes.services.google_sync import may_notify
from passes.services.looks import stamp_rules
from passes.services.placing import follow, require_allowed
from passes.services.programs import ACTIVE
from passes.store.outbox import AT_THE_TILL
from passes.store.tables import Member, Pass, Program, Reward, Transaction

WELCOME, EARN = "welcome", "earn"

# Crockford's base32 reads these letters as digits: what staff type is what they mean.
_MISREAD = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})


@dataclass(frozen=True, slots=True)
class Stamping:
    """What one ledger line did, and who is told; Google shows three changes a day and pass."""

    line: Transaction
    rewards: tuple[Reward, ...]
    told: Told
    google_notifies: bool = False


class CooldownActive(Conflict):
    """The same card again, too soon; it may be confirmed when `can_override`."""

    code = "cooldown_active"

    def __init__(self, retry_after_s: int, *, can_override: bool) -> None:
        cure = "confirm it with override_cooldown" if can_override else "wait a moment"
        super().__init__(f"This card was stamped a moment ago: {cure}.")
        self.more = {"retry_after_s": retry_after_s, "can_override": can_override}


class LimitReached(Conflict):
    code = "limit_reached"


def earn(
    session: Session,
    member: Member,
    stamps: int,
    now: datetime,
    key: str | None = None,
    location_id: str | None = None,
) -> Stamping:
    """Stamps (≥ 1) for a member: the line, the rewards it earns, the push and the event.

    At a known shop the card's places follow the member there. Raises Conflict when the program is
    not open, the card is voided or the shop takes no part, LimitReached above the program's limit.
    """
    program = session.get_one(Program, member.program_id)
    if program.status != ACTIVE:
        raise Conflict("This program is not open now.", code="program_inactive")
    limit = LimitsDraft.model_validate(program.limits).max_stamps
    if stamps > limit:
        raise LimitReached(f"This program gives at most {limit} stamps at once.")
    card = _lock(session, member)
    if card.voided:
        raise Conflict("This card was voided.", code="pass_voided")
    if location_id is not None:
        require_allowed(session, program, location_id)
    before = stamps_of(session, [member.id]).get(member.id, 0)
    line = _line(member, stamps, EARN, before + stamps, now, key, location_id)
    return _add(session, program, member, card, line)


def welcome(session: Session, program: Program, member: Member, now: datetime) -> None:
    """The stamps a new card begins with; nobody has to be told, nobody has the card yet."""
    line = _line(member, program.welcome_stamps, WELCOME, program.welcome_stamps, now)
    session.add(line)
    session.flush()
    _earn_rewards(session, stamp_rules(program), member, line, 0)


def check_cooldown(session: Session, member: Member, now: datetime, *, confirmed: bool) -> None:
    """CooldownActive when the member's card was stamped a moment ago (see LimitsDraft).

    That somebody confirmed a second stamp is told as an event.
    """
    limits = LimitsDraft.model_validate(session.get_one(Program, member.program_id).limits)
    _lock(session, member)  # two tills at once: the second one sees the first one's line
    last = session.scalar(
        select(func.max(Transaction.created_at)).where(
            Transaction.member_id == member.id, Transaction.type == EARN
        )
    )
    if last is None:
        return
    # Whoever waited for the lock may have asked a little earlier; a clock that was set far back
    # must not lock anybody out.
    since = abs(now - last)
    if since < timedelta(seconds=limits.cooldown_s):
        raise CooldownActive(_left(limits.cooldown_s, since), can_override=False)
    if since >= timedelta(seconds=limits.confirm_s):
        return
    if not confirmed:
        raise CooldownActive(_left(limits.confirm_s, since), can_override=True)
    data = {"member_id": member.id, "seconds_since": int(since.total_seconds())}
    record(session, member.merchant_id, "cooldown.overridden", data, now)


def member_by_code(session: Session, merchant_id: str, code: str) -> Member:
    """The member whose card shows this code; NotFound (code_unknown) otherwise."""
    found = session.scalar(
        select(Member)
        .join(Pass, Pass.member_id == Member.id)
        .where(
            Pass.merchant_id == merchant_id,
            Pass.code == code.upper().translate(_MISREAD),
            Member.erased_at.is_(None),
        )
    )
    if found is None:
        raise NotFound("No card has this code.", code="code_unknown")
    return found


def line_by_key(session: Session, merchant_id: str, key: str) -> Transaction | None:
    """The ledger line an idempotency key made, however long ago."""
    return session.scalar(
        select(Transaction).where(
            Transaction.merchant_id == merchant_id, Transaction.idempotency_key == key
        )
    )


def rewards_of(session: Session, line: Transaction) -> tuple[Reward, ...]:
    """The rewards a ledger line earned."""
    mine = select(Reward).where(Reward.transaction_id == line.id).order_by(Reward.cycle)
    return tuple(session.scalars(mine.order_by(Reward.milestone)))


def stamps_of(session: Session, member_ids: list[str]) -> dict[str, int]:
    """The balances of many members in one query; a member without lines is absent."""
    rows = session.execute(
        select(Transaction.member_id, func.sum(Transaction.stamps))
        .where(Transaction.member_id.in_(member_ids))
        .group_by(Transaction.member_id)
    )
    return {member_id: int(total) for member_id, total in rows}


def _add(
    session: Session, program: Program, member: Member, card: Pass, line: Transaction
) -> Stamping:
    rules, now = stamp_rules(program), line.created_at
    before = line.balance_after - line.stamps
    session.add(line)
    session.flush()
    rewards = _earn_rewards(session, rules, member, line, before)
    record(session, member.merchant_id, "transaction.created", _event(line), now)
    for reward in rewards:
        data = {"member_id": member.id, "milestone": reward.milestone, "title": reward.title}
        record(session, member.merchant_id, "reward.earned", data, now)
    moved = line.location_id is not None and follow(session, program, card, now)
    if not moved and progress(rules, before).shown == progress(rules, line.balance_after).shown:
        return Stamping(line, rewards, Told(0, 0))  # a card that looks the same is not pushed
    notifies = may_notify(session, card.id, now)
    told = announce(session, card.pass_type_identifier, [card.id], AT_THE_TILL, now)
    return Stamping(line, rewards, told, notifies)


def _lock(session: Session, member: Member) -> Pass:
    return session.scalars(select(Pass).where(Pass.member_id == member.id).with_for_update()).one()


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
    # After a change of the card's size a cycle's number can come again: its rewards do not.
    rows = session.execute(
        select(Reward.milestone, Reward.cycle).where(Reward.member_id == member.id)
    )
    known = {(milestone, cycle) for milestone, cycle in rows}
    earned = tuple(
        reward
        for reward in _rewards(rules, member, line, before)
        if (reward.milestone, reward.cycle) not in known
    )
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


def _left(window_s: int, since: timedelta) -> int:
    return max(1, window_s - int(since.total_seconds()))
