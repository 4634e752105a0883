"""Phones, the cards they carry and what they complained of."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from passes.store.ids import new_id
from passes.store.tables.columns import Base


class Device(Base):
    """A phone's wallet for one pass type; `token_at` is when it last told its push token.

    `budget_used` counts the pushes of the hour that began at `budget_from`.
    """

    __tablename__ = "devices"
    __table_args__ = (UniqueConstraint("library_identifier", "pass_type_identifier"),)

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("dev"))
    library_identifier: Mapped[str]
    pass_type_identifier: Mapped[str]
    push_token: Mapped[str]
    token_at: Mapped[datetime]
    pushed_at: Mapped[datetime | None]
    listed_at: Mapped[datetime | None]
    budget_from: Mapped[datetime | None]
    budget_used: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]


class Registration(Base):
    """A phone that wants to hear of a pass."""

    __tablename__ = "registrations"

    device_id: Mapped[str] = mapped_column(ForeignKey("devices.id"), primary_key=True)
    pass_id: Mapped[str] = mapped_column(ForeignKey("passes.id"), primary_key=True, index=True)
    created_at: Mapped[datetime]


class PhoneLog(Base):
    """A line a phone complained with, as far as its grammar is known."""

    __tablename__ = "phone_logs"
    __table_args__ = (Index(None, "serial_number", "received_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    pass_type_identifier: Mapped[str | None]
    serial_number: Mapped[str | None]
    level: Mapped[str]
    message: Mapped[str] = mapped_column(Text)
    reported_at: Mapped[datetime | None]
    received_at: Mapped[datetime] = mapped_column(index=True)
