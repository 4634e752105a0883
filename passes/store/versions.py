"""Numbering changes so that a phone that asks "what is new since n?" never misses one.

A number has to grow in the order of commits. So it comes from one row per pass type, taken as the
last statement before the commit: its lock lets the next change wait just as long as a commit
takes. A sequence would not do: A takes 10, B takes 11 and commits, a phone reads 11, A commits.
"""

from datetime import datetime

from sqlalchemy import ColumnElement, case, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from passes.store.tables import Pass, PassTypeCounter


def mark_changed(
    session: Session, pass_type_identifier: str, passes: ColumnElement[bool], now: datetime
) -> int:
    """Gives the passes that match, all of one pass type, the next version, which is returned.

    The last thing a transaction does. Their `modified_s` becomes the present second, or one more
    than it was, so that it always grows. The passes are locked before the counter, as everywhere.
    """
    session.execute(select(Pass.id).where(passes).order_by(Pass.id).with_for_update()).all()
    counter = insert(PassTypeCounter).values(pass_type_identifier=pass_type_identifier, value=1)
    version = session.execute(
        counter.on_conflict_do_update(
            index_elements=["pass_type_identifier"], set_={"value": PassTypeCounter.value + 1}
        ).returning(PassTypeCounter.value)
    ).scalar_one()
    second = int(now.timestamp())
    session.execute(
        update(Pass)
        .where(passes, Pass.pass_type_identifier == pass_type_identifier)
        .values(
            version=version,
            modified_s=case((Pass.modified_s < second, second), else_=Pass.modified_s + 1),
        )
        .execution_options(synchronize_session=False)
    )
    return version


def newest_version(session: Session, pass_type_identifier: str) -> int:
    """The number of the newest change of a pass type; 0 before the first."""
    found = session.scalar(
        select(PassTypeCounter.value).where(
            PassTypeCounter.pass_type_identifier == pass_type_identifier
        )
    )
    return found or 0
