"""What the columns promise on every database."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError, StatementError

from passes.store.database import Database
from passes.store.tables import Base, Merchant, Program


def merchant(slug: str, created_at: datetime) -> Merchant:
    return Merchant(
        name="Fern", slug=slug, locale="en", timezone="UTC", currency="EUR", created_at=created_at
    )


def test_a_time_comes_back_as_the_same_moment_in_utc(database: Database) -> None:
    budapest = timezone(timedelta(hours=2))
    moment = datetime(2026, 7, 1, 0, 30, 15, 123456, tzinfo=budapest)
    with database.writing() as session:
        session.add(merchant("fern", moment))
    with database.reading() as session:
        stored = session.scalars(select(Merchant.created_at).where(Merchant.slug == "fern")).one()
        before = Merchant.created_at < moment + timedelta(microseconds=1)
        found = session.scalars(
            select(Merchant.slug).where(before, Merchant.created_at >= moment)
        ).all()
    assert stored == moment
    assert stored.tzinfo is UTC
    assert found == ["fern"]


def test_a_time_without_a_zone_is_refused(database: Database) -> None:
    naive = datetime(2026, 7, 1)  # noqa: DTZ001  # the point of the test
    with pytest.raises(StatementError, match="needs a zone"), database.writing() as session:
        session.add(merchant("fern", naive))


def test_a_row_must_not_point_nowhere(database: Database) -> None:
    with pytest.raises(IntegrityError), database.writing() as session:
        session.add(
            Program(
                merchant_id="mer_nobody", template_id="tpl_none", name="x", slug="x", card_size=1,
                type="stamp_card", status="draft", pass_type_identifier="pass.x", unit_label="",
                milestones=[], welcome_stamps=0, terms="", enrolment={}, limits={},
                created_at=datetime.now(UTC),
            )
        )  # fmt: skip


def test_json_comes_back_as_it_went(database: Database) -> None:
    hours = {"start": "21:00", "end": "08:30", "שם": ["Ő", None, 1.5, "🎁"]}
    with database.writing() as session:
        row = merchant("fern", datetime.now(UTC))
        row.quiet_hours = hours
        session.add(row)
    with database.reading() as session:
        found = select(Merchant.quiet_hours).where(Merchant.slug == "fern")
        assert session.scalars(found).one() == hours


def test_every_constraint_has_a_name() -> None:
    for table in Base.metadata.tables.values():
        for constraint in (*table.constraints, *table.indexes):
            assert constraint.name or not list(getattr(constraint, "columns", ())), table.name
