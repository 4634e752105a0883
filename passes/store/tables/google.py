"""What Google's rules make us remember."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from passes.store.tables.columns import ROW_NUMBER, Base


class GoogleNotice(Base):
    """A change Google was asked to show on the lock screen: three a day and pass are allowed."""

    __tablename__ = "google_notices"
    __table_args__ = (Index(None, "pass_id", "sent_at"),)

    id: Mapped[int] = mapped_column(ROW_NUMBER, primary_key=True)
    pass_id: Mapped[str] = mapped_column(ForeignKey("passes.id"))
    sent_at: Mapped[datetime]


class GoogleNonce(Base):
    """A callback that was taken: the same one again changes nothing."""

    __tablename__ = "google_nonces"

    nonce: Mapped[str] = mapped_column(primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)
