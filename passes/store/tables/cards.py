"""Programs, their members and the cards these hold."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from passes.store.ids import new_code, new_id, new_token
from passes.store.tables.columns import SHA256, Base


class Program(Base):
    """What a merchant promises; `location_ids` is None while all shops take part."""

    __tablename__ = "programs"
    __table_args__ = (Index(None, "merchant_id", "created_at", "id"),)

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("prg"))
    merchant_id: Mapped[str] = mapped_column(ForeignKey("merchants.id"))
    template_id: Mapped[str] = mapped_column(ForeignKey("templates.id"), index=True)
    revision: Mapped[int] = mapped_column()
    name: Mapped[str]
    slug: Mapped[str] = mapped_column(unique=True)
    type: Mapped[str]
    status: Mapped[str]
    pass_type_identifier: Mapped[str]
    unit_label: Mapped[str]
    card_size: Mapped[int]
    milestones: Mapped[list[Any]]
    welcome_stamps: Mapped[int]
    terms: Mapped[str] = mapped_column(Text)
    enrolment: Mapped[dict[str, Any]]
    limits: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    location_ids: Mapped[list[Any] | None]
    home_location_id: Mapped[str | None] = mapped_column(ForeignKey("locations.id"))
    google_sync: Mapped[str] = mapped_column(server_default="none", default="none")
    google_error: Mapped[str | None]
    created_at: Mapped[datetime]

    __mapper_args__ = {"version_id_col": revision}  # noqa: RUF012  # SQLAlchemy reads it


class Member(Base):
    """A customer in one program; every personal field may be empty.

    `erased_at` tells since when they are, for good: what is left is for the accounts.
    """

    __tablename__ = "members"
    __table_args__ = (
        UniqueConstraint("program_id", "external_id"),
        UniqueConstraint("program_id", "join_sha256"),
        Index(None, "merchant_id", "created_at", "id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("mem"))
    merchant_id: Mapped[str] = mapped_column(ForeignKey("merchants.id"))
    program_id: Mapped[str] = mapped_column(ForeignKey("programs.id"))
    revision: Mapped[int] = mapped_column()
    external_id: Mapped[str | None]
    first_name: Mapped[str]
    last_name: Mapped[str]
    email: Mapped[str | None]
    phone: Mapped[str | None]
    birthday: Mapped[date | None]
    locale: Mapped[str | None]
    source: Mapped[str]
    join_sha256: Mapped[str | None] = mapped_column(String(SHA256))
    erased_at: Mapped[datetime | None]
    created_at: Mapped[datetime]

    __mapper_args__ = {"version_id_col": revision}  # noqa: RUF012  # SQLAlchemy reads it


class Consent(Base):
    """A line of the consent log: the words shown, the answer given, when and through which door."""

    __tablename__ = "consents"

    id: Mapped[int] = mapped_column(primary_key=True)
    member_id: Mapped[str] = mapped_column(ForeignKey("members.id"), index=True)
    purpose: Mapped[str]
    granted: Mapped[bool]
    text: Mapped[str] = mapped_column(Text)
    source: Mapped[str]
    created_at: Mapped[datetime]


class Pass(Base):
    """A card in somebody's wallet. Token and serial never change; `code` is replaced on reissue.

    `version` numbers the last change among all of its pass type, `modified_s` is its second (Unix
    time, growing with every change); `served_version` the newest that any phone has. At Google the
    object is none, pending, synced or failed; `object_version` is the last change that it has to
    show, `google_version` and `google_balance` are what it shows; `google_saved` tells whether
    anybody holds it, as of the callback that was valid until `google_event_expires_at`.
    """

    __tablename__ = "passes"
    __table_args__ = (
        UniqueConstraint("pass_type_identifier", "serial_number"),
        Index(None, "merchant_id", "created_at", "id"),
        Index(None, "place_set_id", "program_id", "id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("pas"))
    merchant_id: Mapped[str] = mapped_column(ForeignKey("merchants.id"))
    program_id: Mapped[str] = mapped_column(ForeignKey("programs.id"), index=True)
    member_id: Mapped[str] = mapped_column(ForeignKey("members.id"), unique=True)
    pass_type_identifier: Mapped[str]
    serial_number: Mapped[str] = mapped_column(default=lambda: new_id("ser"))
    authentication_token: Mapped[str] = mapped_column(default=new_token)
    page_token: Mapped[str] = mapped_column(unique=True, default=new_token)
    code: Mapped[str] = mapped_column(unique=True, default=new_code)
    code_epoch: Mapped[int] = mapped_column(default=0)
    voided: Mapped[bool] = mapped_column(default=False)
    locale: Mapped[str]
    created_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    modified_s: Mapped[int] = mapped_column(BigInteger, server_default="0")
    object_version: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    served_version: Mapped[int | None] = mapped_column(BigInteger)
    downloaded_at: Mapped[datetime | None]
    fetched_at: Mapped[datetime | None]
    google_sync: Mapped[str] = mapped_column(server_default="none", default="none")
    google_error: Mapped[str | None]
    google_version: Mapped[int | None] = mapped_column(BigInteger)
    google_balance: Mapped[str | None]
    google_saved: Mapped[bool] = mapped_column(server_default=false(), default=False)
    google_event_expires_at: Mapped[datetime | None]
    place_set_id: Mapped[str | None] = mapped_column(ForeignKey("place_sets.id"))


class PassTypeCounter(Base):
    """Numbers the changes of one pass type in the order of their commits."""

    __tablename__ = "pass_type_counters"

    pass_type_identifier: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[int] = mapped_column(BigInteger)
