"""The phones that carry passes: registering, what is new for them, and what they complained of.

Errors speak no HTTP here; `webhooks.apple_devices` tells phones in Apple's words.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import (
    BigInteger,
    Connection,
    bindparam,
    case,
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
from passes.store.tables import Device, Pass, PassTypeCounter, PhoneLog, Registration

_TAG = re.compile(r"[0-9]{1,18}\Z")
MAX_LOG_LINES = 50
MAX_PHONES = 20  # per pass; a watch, a tablet and some old ones are far fewer
MAX_LINE = 1000
_LOGS_KEPT = timedelta(days=30)
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

# And what is noted of every card that is given to a phone.
_SERVED = (
    update(Pass)
    .where(Pass.id == bindparam("served_pass"))
    .values(
        served_version=case(
            (
                or_(Pass.served_version.is_(None), Pass.served_version < bindparam("served")),
                bindparam("served", type_=BigInteger),
            ),
            else_=Pass.served_version,
        )
    )
)
_FETCHED = _SERVED.values(fetched_at=bindparam("moment"))
_DOWNLOADED = _SERVED.values(downloaded_at=bindparam("moment"))


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
    # Read anew: the registration may have waited for a change that was being committed.
    served = func.coalesce(Pass.served_version, 0)
    if session.scalar(select(exists().where(Pass.id == found.id, Pass.version > served))):
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


def mark_served(
    session: Session, pass_id: str, version: int, now: datetime, *, to_a_phone: bool
) -> None:
    """A phone (or a browser, at the first download) has been given this version.

    An answer that took long does not hide a newer one.
    """
    statement = _FETCHED if to_a_phone else _DOWNLOADED
    session.connection().execute(
        statement, {"served_pass": pass_id, "served": version, "moment": now}
    )


def settle_locale(session: Session, pass_id: str, locale: str) -> None:
    """From its first download on, a card stays in the language it was taken in."""
    session.execute(
        update(Pass)
        .where(Pass.id == pass_id, Pass.downloaded_at.is_(None))
        .values(locale=locale)
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


def keep_logs(session: Session, lines: Sequence[str], now: datetime) -> None:
    """What a phone complained of; at most 50 lines of 1,000 characters are kept."""
    session.add_all(_parsed(line[:MAX_LINE], now) for line in lines[:MAX_LOG_LINES])


def forget_old_logs(session: Session, now: datetime) -> None:
    session.execute(delete(PhoneLog).where(PhoneLog.received_at < now - _LOGS_KEPT))


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


# Lines of Wallet's daemon, as phones send them:
#   [2024-07-08 10:22:35 AM +0200] Get pass task (pass type T, serial number S, …) encountered
#   error: Unexpected response code 500
#   [2024-07-08 10:22:35 +0200] Web service error for T (URL): Response to 'What changed?' …
_STAMP = re.compile(r"\[(\d{4}-\d\d-\d\d \d\d?:\d\d:\d\d(?:[ \u202f][AP]M)? [+-]\d{4})\]\s*")
_TYPE = re.compile(r"(?:pass type |for )(pass\.[\w.-]+)")
_SERIAL = re.compile(r"serial number ['\u2018\"]?([^,;'\u2019\")\s]+)")
_ERROR = re.compile(r"encountered error|web service error|authentication failure", re.IGNORECASE)
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def _parsed(line: str, now: datetime) -> PhoneLog:
    line = _UNSAFE.sub(" ", line)
    stamp = _STAMP.match(line)
    message = line[stamp.end() :] if stamp else line
    pass_type, serial = _TYPE.search(message), _SERIAL.search(message)
    return PhoneLog(
        pass_type_identifier=pass_type[1] if pass_type else None,
        serial_number=serial[1] if serial else None,
        level="error" if _ERROR.search(message) else "warning",
        message=message,
        reported_at=_moment(stamp[1]) if stamp else None,
        received_at=now,
    )


def _moment(text: str) -> datetime | None:
    text = text.replace("\u202f", " ")
    for shape in ("%Y-%m-%d %I:%M:%S %p %z", "%Y-%m-%d %H:%M:%S %z"):
        try:
            return datetime.strptime(text, shape).astimezone(UTC)
        except ValueError:
            continue
    return None
