"""Pictures and how cards look."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from branding.brand import Mark
from passes.store.ids import new_id
from passes.store.tables.columns import SHA256, Base


class Picture(Base):
    """A PNG by its own SHA-256. Never changed, never deleted: old links must keep working."""

    __tablename__ = "pictures"

    sha256: Mapped[str] = mapped_column(String(SHA256), primary_key=True)
    png: Mapped[bytes] = mapped_column(LargeBinary)
    width: Mapped[int]
    height: Mapped[int]
    created_at: Mapped[datetime]


class Image(Base):
    """A merchant's upload, cleaned; what it is for is `purpose`."""

    __tablename__ = "images"
    __table_args__ = (Index(None, "merchant_id", "created_at", "id"),)

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("img"))
    merchant_id: Mapped[str] = mapped_column(ForeignKey("merchants.id"))
    purpose: Mapped[str]
    sha256: Mapped[str] = mapped_column(ForeignKey("pictures.sha256"))
    width: Mapped[int]
    height: Mapped[int]
    source_format: Mapped[str]
    dominant_colors: Mapped[list[Any]]
    warnings: Mapped[list[Any]]
    created_at: Mapped[datetime]


class Template(Base):
    """How a card looks. Colours the merchant left open are None and chosen from the logo."""

    __tablename__ = "templates"
    __table_args__ = (Index(None, "merchant_id", "created_at", "id"),)

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("tpl"))
    merchant_id: Mapped[str] = mapped_column(ForeignKey("merchants.id"))
    revision: Mapped[int] = mapped_column()
    name: Mapped[str]
    background: Mapped[str | None]
    foreground: Mapped[str | None]
    label: Mapped[str | None]
    logo_id: Mapped[str | None] = mapped_column(ForeignKey("images.id"))
    icon_id: Mapped[str | None] = mapped_column(ForeignKey("images.id"))
    strip_id: Mapped[str | None] = mapped_column(ForeignKey("images.id"))
    hero_id: Mapped[str | None] = mapped_column(ForeignKey("images.id"))
    stamp_on_id: Mapped[str | None] = mapped_column(ForeignKey("images.id"))
    stamp_off_id: Mapped[str | None] = mapped_column(ForeignKey("images.id"))
    reward_id: Mapped[str | None] = mapped_column(ForeignKey("images.id"))
    strip_mode: Mapped[str]
    strip_style: Mapped[Mark] = mapped_column(String, server_default="check", default="check")
    fields: Mapped[dict[str, Any]]
    barcode: Mapped[dict[str, Any]]
    links: Mapped[list[Any]]
    apple_overrides: Mapped[dict[str, Any]]
    google_overrides: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]

    __mapper_args__ = {"version_id_col": revision}  # noqa: RUF012  # SQLAlchemy reads it


class ProgramPicture(Base):
    """The drawn pictures others fetch by URL: `kind` is logo, or hero for `filled` stamps.

    `look` is the key of the look they were drawn from; a stale row is drawn anew.
    """

    __tablename__ = "program_pictures"

    program_id: Mapped[str] = mapped_column(ForeignKey("programs.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    filled: Mapped[int] = mapped_column(primary_key=True)
    look: Mapped[str] = mapped_column(String(SHA256))
    sha256: Mapped[str] = mapped_column(ForeignKey("pictures.sha256"))
