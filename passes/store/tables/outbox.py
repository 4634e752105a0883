"""Who has to be told, and what stands in the way."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint, false, true
from sqlalchemy.orm import Mapped, mapped_column

from passes.store.tables.columns import ROW_NUMBER, Base


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

    id: Mapped[int] = mapped_column(ROW_NUMBER, primary_key=True)
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
    """A queue that stands still until a time: `why` its provider takes nothing, and since when."""

    __tablename__ = "queue_pauses"

    courier: Mapped[str] = mapped_column(primary_key=True)
    queue: Mapped[str] = mapped_column(primary_key=True)
    why: Mapped[str]
    since: Mapped[datetime]
    until: Mapped[datetime]


class FanOut(Base):
    """A change of all passes of a program, worked through in batches by pass id.

    The passes are a ring, begun anywhere: at its end, those up to `until_pass_id` are left, and
    `wrapped` tells that they are being worked through. Whose `worked_at` is oldest is next in line.
    `tells_objects` is False when Google shows it with the class alone, `tells_phones` when only
    Google shows it; `resumes_objects` when objects that depended on their class may go on.
    """

    __tablename__ = "fan_outs"

    program_id: Mapped[str] = mapped_column(ForeignKey("programs.id"), primary_key=True)
    after_pass_id: Mapped[str]
    until_pass_id: Mapped[str] = mapped_column(server_default="")
    wrapped: Mapped[bool] = mapped_column(server_default=false(), default=False)
    tells_phones: Mapped[bool] = mapped_column(server_default=true(), default=True)
    tells_objects: Mapped[bool] = mapped_column(server_default=true(), default=True)
    resumes_objects: Mapped[bool] = mapped_column(server_default=false(), default=False)
    worked_at: Mapped[datetime]


class RateBucket(Base):
    """What is left of a rate that all workers share, as of `refilled_at`."""

    __tablename__ = "rate_buckets"

    name: Mapped[str] = mapped_column(primary_key=True)
    tokens: Mapped[float]
    refilled_at: Mapped[datetime]
