"""Every table. Columns only: what may happen to a row is decided in services."""

from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from branding.brand import Mark
from passes.store.ids import new_code, new_id, new_token

_SHA256 = 64  # hex characters
_ROW_NUMBER = BigInteger().with_variant(Integer(), "sqlite")  # SQLite numbers INTEGER keys only


class UtcDateTime(TypeDecorator[datetime]):
    """Aware datetimes in, aware UTC datetimes out, on every database."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a stored time needs a zone")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, _: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012  # SQLAlchemy reads it from the class
        datetime: UtcDateTime,
        str: String,
        dict[str, Any]: JSON,
        list[Any]: JSON,
    }


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
    secret_sha256: Mapped[str] = mapped_column(String(_SHA256), unique=True)
    scopes: Mapped[list[Any]]
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class Picture(Base):
    """A PNG by its own SHA-256. Never changed, never deleted: old links must keep working."""

    __tablename__ = "pictures"

    sha256: Mapped[str] = mapped_column(String(_SHA256), primary_key=True)
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


class Program(Base):
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
    google_sync: Mapped[str] = mapped_column(server_default="none", default="none")
    google_error: Mapped[str | None]
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
    look: Mapped[str] = mapped_column(String(_SHA256))
    sha256: Mapped[str] = mapped_column(ForeignKey("pictures.sha256"))


class Member(Base):
    """A customer in one program; every personal field may be empty."""

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
    join_sha256: Mapped[str | None] = mapped_column(String(_SHA256))
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
    object is none, pending, synced or failed; `google_version` and `google_balance` are what it
    shows, `google_saved` tells whether anybody holds it, as of the callback that was valid until
    `google_event_expires_at`.
    """

    __tablename__ = "passes"
    __table_args__ = (
        UniqueConstraint("pass_type_identifier", "serial_number"),
        Index(None, "merchant_id", "created_at", "id"),
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
    served_version: Mapped[int | None] = mapped_column(BigInteger)
    downloaded_at: Mapped[datetime | None]
    fetched_at: Mapped[datetime | None]
    google_sync: Mapped[str] = mapped_column(server_default="none", default="none")
    google_error: Mapped[str | None]
    google_version: Mapped[int | None] = mapped_column(BigInteger)
    google_balance: Mapped[str | None]
    google_saved: Mapped[bool] = mapped_column(server_default=false(), default=False)
    google_event_expires_at: Mapped[datetime | None]


class PassTypeCounter(Base):
    """Numbers the changes of one pass type in the order of their commits."""

    __tablename__ = "pass_type_counters"

    pass_type_identifier: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[int] = mapped_column(BigInteger)


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
    fingerprint: Mapped[str] = mapped_column(String(_SHA256))
    status: Mapped[int]
    body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(index=True)


class Delivery(Base):
    """A line of the outbox: somebody has to be told. One per target, however much changed.

    `version` grows with every change; `lease_version` is the one a worker is telling now.
    `due_at` is AT_ONCE, or when a retry may start, and no new change cuts the wait short when it is
    `held`; `waiting_since` is the oldest untold change. Until `doubt_until` the other side may yet
    obey something old that it never answered.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        UniqueConstraint("courier", "target"),
        Index(None, "courier", "state", "priority", "due_at", "id"),
    )

    id: Mapped[int] = mapped_column(_ROW_NUMBER, primary_key=True)
    courier: Mapped[str]
    target: Mapped[str]
    queue: Mapped[str]
    version: Mapped[int]
    priority: Mapped[int]
    state: Mapped[str]
    due_at: Mapped[datetime]
    held: Mapped[bool]
    waiting_since: Mapped[datetime]
    attempts: Mapped[int]
    lease_owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    lease_version: Mapped[int | None]
    last_error: Mapped[str | None]
    doubt_until: Mapped[datetime | None]


class QueuePause(Base):
    """A queue whose provider refuses everything until somebody mends what `why` names."""

    __tablename__ = "queue_pauses"

    courier: Mapped[str] = mapped_column(primary_key=True)
    queue: Mapped[str] = mapped_column(primary_key=True)
    why: Mapped[str]
    since: Mapped[datetime]
    until: Mapped[datetime]


class FanOut(Base):
    """A change of all passes of a program, worked through in batches by pass id."""

    __tablename__ = "fan_outs"

    program_id: Mapped[str] = mapped_column(ForeignKey("programs.id"), primary_key=True)
    after_pass_id: Mapped[str]
    changed: Mapped[int]
    created_at: Mapped[datetime]


class GoogleNotice(Base):
    """A change Google was asked to show on the lock screen: three a day and pass are allowed."""

    __tablename__ = "google_notices"
    __table_args__ = (Index(None, "pass_id", "sent_at"),)

    id: Mapped[int] = mapped_column(_ROW_NUMBER, primary_key=True)
    pass_id: Mapped[str] = mapped_column(ForeignKey("passes.id"))
    sent_at: Mapped[datetime]


class GoogleNonce(Base):
    """A callback that was taken: the same one again changes nothing."""

    __tablename__ = "google_nonces"

    nonce: Mapped[str] = mapped_column(primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class RateBucket(Base):
    """What is left of a rate that all workers share, as of `refilled_at`."""

    __tablename__ = "rate_buckets"

    name: Mapped[str] = mapped_column(primary_key=True)
    tokens: Mapped[float]
    refilled_at: Mapped[datetime]


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
    created_at: Mapped[datetime]
