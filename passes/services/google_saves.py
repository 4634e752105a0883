"""Who holds an object at Google, as its callbacks tell: each once, in whatever order they come.

Callbacks may come twice, late or never. So nothing but `google_saved` depends on them, and a
nightly look at Google mends what they missed.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from enum import Enum, auto

from sqlalchemy import delete, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from passes.services.changes import record
from passes.services.google_sync import is_behind, tell_google
from passes.store import outbox
from passes.store.tables import Event, GoogleNonce, Pass

_SLACK = timedelta(hours=1)  # between the clocks of our hosts
_INSTALLED, _UNINSTALLED = "pass.installed", "pass.uninstalled"


class Heard(Enum):
    """What became of a callback."""

    INSTALLED = auto()
    UNINSTALLED = auto()
    NOTHING_NEW = auto()
    OVERTAKEN = auto()  # a later one was faster
    REPEATED = auto()
    UNKNOWN = auto()  # no pass of ours


def hear(
    session: Session,
    program_id: str,
    pass_id: str,
    nonce: str,
    expires_at: datetime,
    now: datetime,
    *,
    saved: bool,
) -> Heard:
    """A verified callback: the pass's object was saved, or deleted.

    Google promises no order. `expires_at` serves as one, supposing that all callbacks are valid for
    equally long. Of two with the same moment the save counts: taken for held by mistake, an object
    costs needless PATCHes, taken for deleted it shows an old balance.
    """
    if not _is_new(session, nonce, expires_at):
        return Heard.REPEATED
    card = session.scalar(
        select(Pass).where(Pass.id == pass_id, Pass.program_id == program_id).with_for_update()
    )
    if card is None:
        return Heard.UNKNOWN
    newest = card.google_event_expires_at
    if newest is not None and (expires_at, saved) < (newest, card.google_saved):
        return Heard.OVERTAKEN
    card.google_event_expires_at = expires_at
    return _mark(session, card, now, saved=saved)


def mend(
    session: Session,
    program_id: str,
    held: Mapping[str, bool | None],
    asked_at: datetime,
    now: datetime,
) -> int:
    """Books what Google lists about its objects, by pass; returns how many were known otherwise.

    None where Google did not tell. A callback heard since `asked_at` knows better than the list.
    """
    holding = [pass_id for pass_id, is_held in held.items() if is_held]
    left = [pass_id for pass_id, is_held in held.items() if is_held is False]
    is_wrong = or_(
        Pass.id.in_(holding) & Pass.google_saved.is_(False),
        Pass.id.in_(left) & Pass.google_saved.is_(True),
    )
    cards = session.scalars(
        select(Pass)
        .where(Pass.program_id == program_id, is_wrong)
        .order_by(Pass.id)
        .with_for_update()
    ).all()
    fresh = _heard_since(session, {card.merchant_id for card in cards}, asked_at - _SLACK)
    wrong = [card for card in cards if card.id not in fresh]
    for card in wrong:
        _mark(session, card, now, saved=not card.google_saved)
    return len(wrong)


def forget_old_nonces(session: Session, now: datetime) -> None:
    """A callback that has expired is refused for that; its nonce need not be known any longer."""
    session.execute(delete(GoogleNonce).where(GoogleNonce.expires_at < now - _SLACK))


def _mark(session: Session, card: Pass, now: datetime, *, saved: bool) -> Heard:
    if card.google_saved == saved:
        return Heard.NOTHING_NEW
    card.google_saved = saved
    kind = _INSTALLED if saved else _UNINSTALLED
    data = {"pass_id": card.id, "platform": "google"}
    record(session, card.merchant_id, kind, data, now)
    if not saved:
        return Heard.UNINSTALLED
    _catch_up(session, card.id, now)
    return Heard.INSTALLED


def _heard_since(session: Session, merchant_ids: Collection[str], since: datetime) -> set[str]:
    """Passes that came into a wallet or left one since then."""
    events = session.scalars(
        select(Event.data).where(
            Event.merchant_id.in_(merchant_ids),
            Event.created_at >= since,
            Event.type.in_((_INSTALLED, _UNINSTALLED)),
        )
    )
    return {data["pass_id"] for data in events if data.get("platform") == "google"}


def _catch_up(session: Session, pass_id: str, now: datetime) -> None:
    """Between tap and save nobody held the object, so changes were not sent: now they are."""
    behind = session.scalars(select(Pass.id).where(Pass.id == pass_id, is_behind())).all()
    tell_google(session, behind, outbox.AT_THE_TILL, now)


def _is_new(session: Session, nonce: str, expires_at: datetime) -> bool:
    """Keeps the nonce; a parallel repeat waits here for the first one's commit."""
    mine = session.scalar(
        insert(GoogleNonce)
        .values(nonce=nonce, expires_at=expires_at)
        .on_conflict_do_nothing()
        .returning(GoogleNonce.nonce)
    )
    return mine is not None
