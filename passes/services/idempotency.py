"""One act per key: the first committed answer is kept and given again, byte for byte.

The key's row is written in the transaction of the act itself. A parallel repeat waits at that row
for the first one's commit; when the first one fails, nothing is kept and the repeat is the act.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg.errors import LockNotAvailable
from sqlalchemy import bindparam, delete, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from passes.errors import BadRequest, Conflict, FieldFault, Invalid
from passes.store.tables import IdempotentRequest

KEPT_FOR = timedelta(days=30)
MAX_KEY = 255
_WAIT_MS = 2000

# Asked at every stamp: built once, because building them costs more than asking.
_BE_BRIEF = text(f"SET LOCAL lock_timeout = {_WAIT_MS}")
_CLAIM = insert(IdempotentRequest).on_conflict_do_nothing().returning(IdempotentRequest.key)
_MINE = (
    IdempotentRequest.merchant_id == bindparam("of_merchant"),
    IdempotentRequest.key == bindparam("of_key"),
)
_FIND = select(IdempotentRequest).where(*_MINE)
_KEEP = update(IdempotentRequest).where(*_MINE)


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered the first time."""

    status: int
    body: str


def check_key(key: str | None) -> str:
    """The key of a request; a problem when it is missing or too long."""
    if not key:
        raise BadRequest("Send the header Idempotency-Key.", code="idempotency_key_missing")
    if len(key) > MAX_KEY or not key.isprintable():
        detail = f"must be 1 to {MAX_KEY} printable characters"
        raise Invalid([FieldFault("", "idempotency_key_invalid", detail)])
    return key


def fingerprint(method: str, path: str, document: object) -> str:
    """What a key stands for: the same act has the same fingerprint."""
    text = json.dumps([method, path, document], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def begin(session: Session, merchant_id: str, key: str, act: str, now: datetime) -> Answer | None:
    """Claims the key for this act: None when it is new, otherwise the first one's answer.

    Raises Invalid (idempotency_key_reused) for another act, Conflict (idempotency_in_progress)
    when the first one still runs after two seconds.
    """
    if _claimed(session, merchant_id, key, act, now):
        return None
    mine = {"of_merchant": merchant_id, "of_key": key}
    known = session.execute(_FIND, mine).scalar_one()
    if known.fingerprint != act:
        raise reused()
    return Answer(known.status, known.body)


def reused() -> Invalid:
    """The problem of a key that stands for another act."""
    detail = "This Idempotency-Key was used for another request."
    return Invalid([], detail, code="idempotency_key_reused")


def finish(session: Session, merchant_id: str, key: str, answer: Answer) -> None:
    """Keeps the answer with the act."""
    mine = {"of_merchant": merchant_id, "of_key": key}
    session.connection().execute(_KEEP, {**mine, "status": answer.status, "body": answer.body})


def forget_old(session: Session, now: datetime) -> None:
    """Answers older than 30 days go; the ledger keeps their keys."""
    session.execute(delete(IdempotentRequest).where(IdempotentRequest.created_at < now - KEPT_FOR))


def _claimed(session: Session, merchant_id: str, key: str, act: str, now: datetime) -> bool:
    # SQLite waited when the unit began. The limit holds for all of the unit: whoever waits longer
    # for a row is told that the database is busy.
    if session.get_bind().dialect.name == "postgresql":
        session.connection().execute(_BE_BRIEF)
    row = {
        "merchant_id": merchant_id,
        "key": key,
        "fingerprint": act,
        "status": 0,
        "body": "",
        "created_at": now,
    }
    try:
        mine = session.connection().scalar(_CLAIM, row)
    except OperationalError as error:
        if not isinstance(error.orig, LockNotAvailable):
            raise
        raise Conflict(
            "The first request with this key still runs.", code="idempotency_in_progress"
        ) from error
    return mine is not None
