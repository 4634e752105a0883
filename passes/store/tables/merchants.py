"""Merchants and the keys to their doors."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from passes.store.ids import new_id
from passes.store.tables.columns import SHA256, Base


class Merchant(Base):
    __tablename__ = "merchants"

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("mer"))
    revision: Mapped[int] = mapped_column()
    name: Mapped[str]
    slug: Mapped[str] = mapped_column(unique=True)
    locale: Mapped[str]
    timezone: Mapped[str]
    currency: Mapped[str]
    email: Mapped[str | None]
    phone: Mapped[str | None]
    website: Mapped[str | None]
    address: Mapped[str | None]
    quiet_hours: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime]

    __mapper_args__ = {"version_id_col": revision}  # noqa: RUF012  # SQLAlchemy reads it


class ApiKey(Base):
    """`merchant_id` is None for an operator's key, which names its merchant per request."""

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("key"))
    merchant_id: Mapped[str | None] = mapped_column(ForeignKey("merchants.id"), index=True)
    name: Mapped[str]
    secret_sha256: Mapped[str] = mapped_column(String(SHA256), unique=True)
    scopes: Mapped[list[Any]]
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
