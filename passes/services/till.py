"""A card is presented at the till: found, and nobody else's until the transaction ends.

Not for: what is then given for it (counter).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, bindparam, func, select
from sqlalchemy.orm import Session

from passes.errors import Conflict, NotFound
from passes.services.changes import record
from passes.services.drafts import LimitsDraft
from passes.store.tables import Member, Pass, Program, Transaction

EARN = "earn"  # the lines that people at a till, or their systems, make

_Cards = Select[Member, Pass, Program]

# Crockford's base32 reads these letters as digits: what staff type is what they mean.
_MISREAD = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})

# Asked at every stamp: built once, because building them costs more than asking.
_CARDS = (
    select(Member, Pass, Program)
    .join(Pass, Pass.member_id == Member.id)
    .join(Program, Program.id == Member.program_id)
)
# What the session read before it had the lock may be old.
_LOCKED = _CARDS.with_for_update(of=Pass).execution_options(populate_existing=True)
_HAS_ID = (Member.id == bindparam("member_id"), Member.merchant_id == bindparam("merchant_id"))
_HAS_CODE = (
    Pass.code == bindparam("code"),
    Pass.merchant_id == bindparam("merchant_id"),
    Member.erased_at.is_(None),
)
_LOCKED_BY_ID, _LOCKED_BY_CODE = _LOCKED.where(*_HAS_ID), _LOCKED.where(*_HAS_CODE)
_BY_CODE = _CARDS.where(*_HAS_CODE)
_SO_FAR = select(
    func.coalesce(func.sum(Transaction.stamps), 0),
    func.max(Transaction.created_at).filter(Transaction.type == EARN),
).where(Transaction.member_id == bindparam("member_id"))


@dataclass(frozen=True, slots=True)
class Presented:
    """A member's card, its balance, and when somebody last gave stamps for it."""

    member: Member
    card: Pass
    program: Program
    stamps: int
    stamped_at: datetime | None

    @property
    def limits(self) -> LimitsDraft:
        return LimitsDraft.model_validate(self.program.limits)


class CooldownActive(Conflict):
    """The same card again, too soon; it may be confirmed when `can_override`."""

    code = "cooldown_active"

    def __init__(self, retry_after_s: int, *, can_override: bool) -> None:
        cure = "confirm it with override_cooldown" if can_override else "wait a moment"
        super().__init__(f"This card was stamped a moment ago: {cure}.")
        self.more = {"retry_after_s": retry_after_s, "can_override": can_override}


def present(session: Session, merchant_id: str, member_id: str) -> Presented:
    """The card of a merchant's member, locked; NotFound when there is none.

    The card is as it is now; member and program may be as they were before the lock was had.
    """
    found = _read(session, _LOCKED_BY_ID, merchant_id=merchant_id, member_id=member_id)
    if found is None:
        raise NotFound("There is no such member.")
    return found


def present_code(session: Session, merchant_id: str, code: str) -> Presented:
    """The card that shows this code, locked; NotFound (code_unknown) when none does."""
    return _by_code(session, _LOCKED_BY_CODE, merchant_id, code)


def look_up(session: Session, merchant_id: str, code: str) -> Presented:
    """The same for who only looks: the card is not locked."""
    return _by_code(session, _BY_CODE, merchant_id, code)


def check_cooldown(session: Session, at: Presented, now: datetime, *, confirmed: bool) -> None:
    """CooldownActive when the card was stamped a moment ago (see LimitsDraft).

    That somebody confirmed a second stamp is told as an event.
    """
    if at.stamped_at is None:
        return
    limits = at.limits
    # Whoever waited for the lock may have asked a little earlier; a clock that was set far back
    # must not lock anybody out.
    since = abs(now - at.stamped_at)
    if since < timedelta(seconds=limits.cooldown_s):
        raise CooldownActive(_left(limits.cooldown_s, since), can_override=False)
    if since >= timedelta(seconds=limits.confirm_s):
        return
    if not confirmed:
        raise CooldownActive(_left(limits.confirm_s, since), can_override=True)
    data = {"member_id": at.member.id, "seconds_since": int(since.total_seconds())}
    record(session, at.member.merchant_id, "cooldown.overridden", data, now)


def _by_code(session: Session, cards: _Cards, merchant_id: str, code: str) -> Presented:
    found = _read(session, cards, merchant_id=merchant_id, code=code.upper().translate(_MISREAD))
    if found is None:
        raise NotFound("No card has this code.", code="code_unknown")
    return found


def _read(session: Session, cards: _Cards, **names: str) -> Presented | None:
    row = session.execute(cards, names).one_or_none()
    if row is None:
        return None
    member, card, program = row
    # A statement of its own: a stamp that was waited for has to count.
    so_far = session.connection().execute(_SO_FAR, {"member_id": member.id}).one()
    return Presented(member, card, program, *so_far)


def _left(window_s: int, since: timedelta) -> int:
    return max(1, window_s - int(since.total_seconds()))
