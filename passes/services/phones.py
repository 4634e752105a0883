"""The phones that carry passes: registering, what is new for them, and which are gone.

Errors speak no HTTP here; `webhooks.apple_devices` tells phones in Apple's words. Not for: what
a phone was given (serving), what it complains of (phone_logs).
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    BigInteger,
    Connection,
    bindparam,
    delete,
    exists,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from passes.services.changes import announce, record
from passes.store import outbox
from passes.store.ids import new_id
from passes.store.tables import Device, Pass, PassTypeCounter, Registration

_TAG = re.compile(r"[0-9]{1,18}\Z")
MAX_PHONES = 20  # per pass; a watch, a tablet and some old ones are far fewer
_IDLE_KEPT = timedelta(days=1)  # so that taking a card out and in again renews no push budget


@dataclass(frozen=True, slots=True)
class Registered:
    """A pass as its phone may know it; `token` is the secret a phone proves itself with."""

    id: str
    merchant_id: str
    token: str
    version: int
    modified_s: int


@dataclass(frozen=True, slots=True)
class News:
    """The serial numbers that changed, and the tag to ask with next time."""

    serial_numbers: tuple[str, ...]
    tag: str


# The two questions phones ask most: built once, because building them costs more than asking.
_FIND_PASS = select(
    Pass.id, Pass.merchant_id, Pass.authentication_token, Pass.version, Pass.modified_s
).where(
    Pass.pass_type_identifier == bindparam("pass_type"),
    Pass.serial_number == bindparam("serial_number"),
)
_LOCK_PASS = (
    select(Pass.version, Pass.served_version)
    .where(Pass.id == bindparam("pass_id"))
    .with_for_update()
)
_NEWEST = (
    select(PassTypeCounter.value)
    .where(PassTypeCounter.pass_type_identifier == bindparam("pass_type"))
    .scalar_subquery()
)
_SINCE = bindparam("since", type_=BigInteger)
_NEWS = (
    select(Pass.serial_number, Pass.version)
    .join_from(Device, Registration, Registration.device_id == Device.id)
    .join(Pass, Pass.id == Registration.pass_id)
    .where(
        Device.library_identifier == bindparam("device"),
        Device.pass_type_identifier == bindparam("pass_type"),
        or_(Pass.version > _SINCE, func.coalesce(_NEWEST, 0) < _SINCE),
    )
    .order_by(Pass.version)
)
_BEFORE_ALL = -1  # versions begin with 0


def find_pass(asker: Session | Connection, pass_type: str, serial_number: str) -> Registered | None:
    """The pass with this serial number, or None."""
    wanted = {"pass_type": pass_type, "serial_number": serial_number}
    row = asker.execute(_FIND_PASS, wanted).one_or_none()
    return Registered(*row) if row else None


def is_our_pass_type(session: Session, pass_type: str) -> bool:
    """Whether we ever issued a pass of this type."""
    return bool(session.scalar(select(exists().where(Pass.pass_type_identifier == pass_type))))


def register(
    session: Session,
    found: Registered,
    library_identifier: str,
    pass_type: str,
    push_token: str,
    now: datetime,
) -> bool:
    """The phone wants to hear of the pass; True when it did not before.

    The push token is taken over each time. Only a pass that changed since a phone last took it is
    pushed at once: everybody else has what there is.
    """
    # First, as everybody does: what a registration holds of its pass by pointing to it, and a stamp
    # waits for, could not become more afterwards.
    card = session.execute(_LOCK_PASS, {"pass_id": found.id}).one()
    device_id = _keep_device(session, library_identifier, pass_type, push_token, now)
    added = session.execute(
        insert(Registration)
        .values(device_id=device_id, pass_id=found.id, created_at=now)
        .on_conflict_do_nothing()
        .returning(Registration.pass_id)
    ).one_or_none()
    if added is None:
        return False
    _keep_the_newest(session, found.id)
    if card.version > (card.served_version or 0):
        # A new version, because the phone's tag may be beyond the present one already.
        announce(session, pass_type, [found.id], outbox.BY_HAND, now, objects=False)
    record(session, found.merchant_id, "pass.installed", {"pass_id": found.id}, now)
    return True


def _keep_the_newest(session: Session, pass_id: str) -> None:
    """At most 20 phones hear of one pass: whoever has the pass can invent any number of them."""
    newest = (
        select(Registration.device_id)
        .where(Registration.pass_id == pass_id)
        .order_by(Registration.created_at.desc(), Registration.device_id)
        .limit(MAX_PHONES)
    )
    session.execute(
        delete(Registration)
        .where(Registration.pass_id == pass_id, Registration.device_id.not_in(newest))
        .execution_options(synchronize_session=False)
    )


def unregister(
    session: Session, found: Registered, library_identifier: str, pass_type: str, now: datetime
) -> bool:
    """The phone does not want to hear of the pass any more; False when it never did."""
    device = select(Device.id).where(
        Device.library_identifier == library_identifier, Device.pass_type_identifier == pass_type
    )
    removed = session.execute(
        delete(Registration)
        .where(Registration.pass_id == found.id, Registration.device_id.in_(device))
        .returning(Registration.device_id)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if removed is None:
        return False
    record(session, found.merchant_id, "pass.uninstalled", {"pass_id": found.id}, now)
    return True


def news(
    asker: Session | Connection, library_identifier: str, pass_type: str, tag: str | None
) -> News | None:
    """What changed for a phone since the tag it was given; None when nothing did.

    A tag is an opaque text from outside. One that we cannot have given (unreadable, or above the
    newest change) counts as none: the phone gets everything it is registered for.
    """
    since = int(tag) if tag is not None and _TAG.match(tag) else _BEFORE_ALL
    wanted = {"device": library_identifier, "pass_type": pass_type, "since": since}
    rows = asker.execute(_NEWS, wanted).all()
    if not rows:
        return None
    return News(tuple(row.serial_number for row in rows), str(rows[-1].version))


def mark_listed(session: Session, library_identifier: str, pass_type: str, now: datetime) -> None:
    """The phone has been told what is new: a step of the trail."""
    session.execute(
        update(Device)
        .where(
            Device.library_identifier == library_identifier,
            Device.pass_type_identifier == pass_type,
        )
        .values(listed_at=now)
        .execution_options(synchronize_session=False)
    )


def forget_device(
    session: Session, device_id: str, push_token: str, since: datetime | None, now: datetime
) -> bool:
    """The push token is dead, says Apple: the phone and its registrations go.

    False when the phone told another token meanwhile, or this one again after `since`.
    """
    device = session.get(Device, device_id, with_for_update=True)
    if device is None:
        return True
    if device.push_token != push_token or (since is not None and device.token_at > since):
        return False
    rows = session.execute(
        select(Pass.id, Pass.merchant_id)
        .join(Registration, Registration.pass_id == Pass.id)
        .where(Registration.device_id == device_id)
    ).all()
    for row in rows:
        record(session, row.merchant_id, "pass.uninstalled", {"pass_id": row.id}, now)
    session.execute(delete(Registration).where(Registration.device_id == device_id))
    session.delete(device)
    return True


def forget_idle_devices(session: Session, now: datetime) -> None:
    """Phones that carry no pass any more; looks at all of them."""
    carried = exists().where(Registration.device_id == Device.id)
    session.execute(
        delete(Device)
        .where(Device.token_at < now - _IDLE_KEPT, ~carried)
        .execution_options(synchronize_session=False)
    )


def _keep_device(
    session: Session, library_identifier: str, pass_type: str, push_token: str, now: datetime
) -> str:
    statement = insert(Device).values(
        id=new_id("dev"),
        library_identifier=library_identifier,
        pass_type_identifier=pass_type,
        push_token=push_token,
        token_at=now,
        budget_used=0,
        created_at=now,
    )
    return session.execute(
        statement.on_conflict_do_update(
            index_elements=["library_identifier", "pass_type_identifier"],
            set_={"push_token": push_token, "token_at": now},
        ).returning(Device.id)
    ).scalar_one()
