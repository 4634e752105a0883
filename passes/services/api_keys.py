"""API keys: minted once, stored as a hash, recognised in constant time, revoked for ever."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from passes.errors import NotFound
from passes.store.ids import digest, new_token
from passes.store.tables import ApiKey

SECRET_PREFIX = "wk_"  # noqa: S105  # the prefix is public

# Asked at every request of the API: built once, because building it costs more than asking.
_BY_SECRET = select(ApiKey.id, ApiKey.merchant_id, ApiKey.scopes).where(
    ApiKey.secret_sha256 == bindparam("secret"), ApiKey.revoked_at.is_(None)
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request; an operator acts for no merchant until the request names one."""

    key_id: str
    merchant_id: str | None
    scopes: frozenset[str]
    operator: bool


def mint_key(
    session: Session, merchant_id: str | None, name: str, scopes: Sequence[str], now: datetime
) -> tuple[ApiKey, str]:
    """A new key and its secret, which is not stored and cannot be shown again."""
    secret = SECRET_PREFIX + new_token()
    key = ApiKey(
        merchant_id=merchant_id,
        name=name,
        scopes=list(scopes),
        secret_sha256=digest(secret),
        created_at=now,
    )
    session.add(key)
    session.flush()
    return key, secret


def recognise(session: Session, secret: str) -> Caller | None:
    """The caller with this secret; None when it is unknown or revoked.

    Looked up by the secret's hash, so the time taken tells nothing about any stored secret.
    """
    row = session.connection().execute(_BY_SECRET, {"secret": digest(secret)}).one_or_none()
    if row is None:
        return None
    return Caller(row.id, row.merchant_id, frozenset(row.scopes), operator=row.merchant_id is None)


def all_keys(session: Session) -> Sequence[ApiKey]:
    """Every key, operators' too, in the order of their making."""
    return session.scalars(select(ApiKey).order_by(ApiKey.created_at, ApiKey.id)).all()


def revoke_key(session: Session, merchant_id: str | None, key_id: str, now: datetime) -> None:
    """From the next request on, the key is unknown. Revoking twice changes nothing.

    Without a merchant, any key: for whoever runs the service.
    """
    wanted = select(ApiKey).where(ApiKey.id == key_id)
    if merchant_id is not None:
        wanted = wanted.where(ApiKey.merchant_id == merchant_id)
    key = session.scalar(wanted)
    if key is None:
        raise NotFound("There is no such key.")
    key.revoked_at = key.revoked_at or now
