"""What phones complain of: lines of Wallet's own log, read by their grammar and kept a while."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from passes.store.tables import PhoneLog

_MAX_LINES = 50  # of one request
_MAX_LINE = 1000  # characters
_KEPT = timedelta(days=30)

# Lines of Wallet's daemon, as phones send them:
#   [2024-07-08 10:22:35 AM +0200] Get pass task (pass type T, serial number S, …) encountered
#   error: Unexpected response code 500
#   [2024-07-08 10:22:35 +0200] Web service error for T (URL): Response to 'What changed?' …
_STAMP = re.compile(r"\[(\d{4}-\d\d-\d\d \d\d?:\d\d:\d\d(?:[ \u202f][AP]M)? [+-]\d{4})\]\s*")
_TYPE = re.compile(r"(?:pass type |for )(pass\.[\w.-]+)")
_SERIAL = re.compile(r"serial number ['\u2018\"]?([^,;'\u2019\")\s]+)")
_ERROR = re.compile(r"encountered error|web service error|authentication failure", re.IGNORECASE)
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def keep_logs(session: Session, lines: Sequence[str], now: datetime) -> None:
    """What a phone complained of; at most 50 lines of 1,000 characters are kept."""
    session.add_all(_parsed(line[:_MAX_LINE], now) for line in lines[:_MAX_LINES])


def forget_old_logs(session: Session, now: datetime) -> None:
    session.execute(delete(PhoneLog).where(PhoneLog.received_at < now - _KEPT))


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
