"""Shops, what each card shows of them, and the changes that are being worked in."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from passes.store.ids import new_id
from passes.store.tables.columns import Base


class Location(Base):
    """A merchant's shop. A removed one is kept: the ledger and customers' histories name it."""

    __tablename__ = "locations"
    __table_args__ = (
        # No constraint: that would be a key, which tills lock, and changing it would wait for them.
        Index(
            None,
            "merchant_id",
            "external_id",
            unique=True,
            sqlite_where=text("removed_at IS NULL"),
            postgresql_where=text("removed_at IS NULL"),
        ),
        Index(None, "merchant_id", "created_at", "id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("loc"))
    merchant_id: Mapped[str] = mapped_column(ForeignKey("merchants.id"))
    revision: Mapped[int] = mapped_column()
    external_id: Mapped[str | None]
    name: Mapped[str]
    latitude: Mapped[float]
    longitude: Mapped[float]
    address: Mapped[str]
    relevant_text: Mapped[dict[str, Any]]
    max_distance_m: Mapped[int | None]
    active: Mapped[bool]
    created_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]

    __mapper_args__ = {"version_id_col": revision}  # noqa: RUF012  # SQLAlchemy reads it


class PlaceSet(Base):
    """The places that passes with one history show: never changed, shared by all that show it.

    The id is a digest of the rest. `anchors` are ids of the shops that history hangs on, joined by
    commas; `chosen` tells whether there were more shops than a pass can carry.
    """

    __tablename__ = "place_sets"
    __table_args__ = (Index(None, "program_id", "id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    program_id: Mapped[str] = mapped_column(ForeignKey("programs.id"))
    anchors: Mapped[str]
    places: Mapped[list[Any]]
    chosen: Mapped[bool]
    used_at: Mapped[datetime]


class Relocation(Base):
    """A change of a merchant's shops on its way to the passes, set by set.

    Of the present round done are the programs up to `after_program_id`, and of the next one the
    sets up to `after_set_id`. It merges so many `edits`; the round began after `round_edits`.
    `checked` passes had a set that was no longer right, `changed` of them show something else now.
    """

    __tablename__ = "relocations"
    __table_args__ = (Index(None, "merchant_id", "finished_at"), Index(None, "finished_at"))

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("rel"))
    merchant_id: Mapped[str] = mapped_column(ForeignKey("merchants.id"))
    edits: Mapped[int]
    round_edits: Mapped[int]
    after_program_id: Mapped[str]
    after_set_id: Mapped[str]
    checked: Mapped[int]
    changed: Mapped[int]
    created_at: Mapped[datetime]
    worked_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
