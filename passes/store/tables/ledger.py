"""What was given, earned and answered."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from passes.store.ids import new_id
from passes.store.tables.columns import SHA256, Base


class Transaction(Base):
    """A line of the ledger, append-only. A member's balance is the sum of their lines."""

    __tablename__ = "transactions"
    __table_args__ = (
        UniqueConstraint("merchant_id", "idempotency_key"),
        Index(None, "merchant_id", "created_at", "id"),
        Index(None, "member_id", "created_at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("txn"))
    merchant_id: Mapped[str] = mapped_column(ForeignKey("merchants.id"))
    program_id: Mapped[str] = mapped_column(ForeignKey("programs.id"))
    member_id: Mapped[str] = mapped_column(ForeignKey("members.id"))
    type: Mapped[str]
    stamps: Mapped[int]
    balance_after: Mapped[int] = mapped_column(server_default="0")
    idempotency_key: Mapped[str | None]
    location_id: Mapped[str | None] = mapped_column(ForeignKey("locations.id"))
    created_at: Mapped[datetime]


class Reward(Base):
    """What a milestone earned: once per member, slot and card."""

    __tablename__ = "rewards"
    __table_args__ = (UniqueConstraint("member_id", "milestone", "cycle"),)

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("rwd"))
    merchant_id: Mapped[str] = mapped_column(ForeignKey("merchants.id"))
    member_id: Mapped[str] = mapped_column(ForeignKey("members.id"))
    transaction_id: Mapped[str] = mapped_column(ForeignKey("transactions.id"))
    milestone: Mapped[int]
    cycle: Mapped[int]
    title: Mapped[str]
    created_at: Mapped[datetime]


class Event(Base):
    """Something that happened, for the merchant's own systems."""

    __tablename__ = "events"
    __table_args__ = (Index(None, "merchant_id", "created_at", "id"),)

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("evt"))
    merchant_id: Mapped[str] = mapped_column(ForeignKey("merchants.id"))
    type: Mapped[str]
    data: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class IdempotentRequest(Base):
    """A ledger write that was answered: the same key gets the same bytes again."""

    __tablename__ = "idempotent_requests"

    merchant_id: Mapped[str] = mapped_column(ForeignKey("merchants.id"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(SHA256))
    status: Mapped[int]
    body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(index=True)
