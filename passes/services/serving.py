"""A card was handed out: which version, to whom, and in which language it stays."""

from datetime import datetime

from sqlalchemy import BigInteger, bindparam, case, or_, update
from sqlalchemy.orm import Session

from passes.store.tables import Pass

# Built once, because building it costs more than carrying it out.
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
