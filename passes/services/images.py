"""Uploads and drawn pictures: stored once by content, found by hash from any host."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from branding.intake import Picture as Upload
from passes.store.tables import Image, Picture


def keep_picture(
    session: Session, sha256: str, png: bytes, size: tuple[int, int], now: datetime
) -> None:
    """Stores the bytes under their hash; the same bytes again change nothing."""
    # PostgreSQL's insert compiles to SQLite's ON CONFLICT as well.
    session.execute(
        insert(Picture)
        .values(sha256=sha256, png=png, width=size[0], height=size[1], created_at=now)
        .on_conflict_do_nothing()
    )


def add_image(
    session: Session,
    merchant_id: str,
    purpose: str,
    upload: Upload,
    colours: Sequence[str],
    now: datetime,
) -> Image:
    """A merchant's cleaned upload; `colours` are its dominant ones, strongest first."""
    keep_picture(session, upload.sha256, upload.png, (upload.width, upload.height), now)
    image = Image(
        merchant_id=merchant_id,
        purpose=purpose,
        sha256=upload.sha256,
        width=upload.width,
        height=upload.height,
        source_format=upload.source_format,
        dominant_colors=list(colours),
        warnings=list(upload.warnings),
        created_at=now,
    )
    session.add(image)
    session.flush()
    return image


def picture_bytes(session: Session, sha256: str) -> bytes | None:
    """The PNG with this hash, or None."""
    return session.scalar(select(Picture.png).where(Picture.sha256 == sha256))
