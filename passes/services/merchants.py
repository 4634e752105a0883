"""Merchants: the businesses a service issues cards for."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from passes.errors import FieldFault, Invalid, NotFound
from passes.services.drafts import Contact, MerchantDraft, QuietHours
from passes.store.tables import Merchant


def open_merchant(session: Session, draft: MerchantDraft, now: datetime) -> Merchant:
    """A new merchant; Invalid when the slug is taken."""
    merchant = Merchant(created_at=now)
    _fill(merchant, draft)
    session.add(merchant)
    _flush(session)
    return merchant


def change_merchant(session: Session, merchant: Merchant, draft: MerchantDraft) -> None:
    """The merchant as the draft says, wholly."""
    _fill(merchant, draft)
    _flush(session)


def find_merchant(session: Session, merchant_id: str) -> Merchant:
    merchant = session.scalar(select(Merchant).where(Merchant.id == merchant_id))
    if merchant is None:
        raise NotFound("There is no such merchant.")
    return merchant


def lock_merchant(session: Session, merchant_id: str) -> Merchant:
    """The same, before any of the merchant's programs is locked: its shops are locked by it too."""
    mine = select(Merchant.id).where(Merchant.id == merchant_id)
    session.execute(mine.with_for_update(key_share=True)).all()
    return find_merchant(session, merchant_id)


def draft_of(merchant: Merchant) -> MerchantDraft:
    """The draft that would make this merchant again: what a partial change is laid over."""
    return MerchantDraft.model_validate(
        {
            "name": merchant.name,
            "slug": merchant.slug,
            "locale": merchant.locale,
            "timezone": merchant.timezone,
            "currency": merchant.currency,
            "contact": Contact(
                email=merchant.email,
                phone=merchant.phone,
                website=merchant.website,
                address=merchant.address,
            ),
            "quiet_hours": merchant.quiet_hours and QuietHours(**merchant.quiet_hours),
        }
    )


def _fill(merchant: Merchant, draft: MerchantDraft) -> None:
    merchant.name = draft.name
    merchant.slug = draft.slug
    merchant.locale = draft.locale
    merchant.timezone = draft.timezone
    merchant.currency = draft.currency
    merchant.email = draft.contact.email
    merchant.phone = draft.contact.phone
    merchant.website = draft.contact.website
    merchant.address = draft.contact.address
    merchant.quiet_hours = draft.quiet_hours.model_dump() if draft.quiet_hours else None


def _flush(session: Session) -> None:
    try:
        session.flush()
    except IntegrityError as error:
        fault = FieldFault("/slug", "taken", "another merchant has this slug: choose another")
        raise Invalid([fault]) from error
