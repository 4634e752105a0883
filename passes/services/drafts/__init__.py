"""What callers may send: strict, typed inputs of the use cases."""

from passes.services.drafts.ledger import EarnDraft, ScanDraft
from passes.services.drafts.locations import MAX_LOCATIONS, LocationDraft
from passes.services.drafts.members import ConsentDraft, MemberDraft, PersonDraft
from passes.services.drafts.merchants import ApiKeyDraft, Contact, MerchantDraft, QuietHours, Scope
from passes.services.drafts.programs import (
    EnrolmentDraft,
    LimitsDraft,
    MilestoneDraft,
    ProgramDraft,
    WelcomeDraft,
)
from passes.services.drafts.templates import (
    BarcodeDraft,
    ColorsDraft,
    FieldsDraft,
    ImagePurpose,
    LinkDraft,
    StripDraft,
    TemplateDraft,
)
from passes.services.drafts.words import ExternalId, Locale, ObjectId

__all__ = [
    "MAX_LOCATIONS",
    "ApiKeyDraft",
    "BarcodeDraft",
    "ColorsDraft",
    "ConsentDraft",
    "Contact",
    "EarnDraft",
    "EnrolmentDraft",
    "ExternalId",
    "FieldsDraft",
    "ImagePurpose",
    "LimitsDraft",
    "LinkDraft",
    "Locale",
    "LocationDraft",
    "MemberDraft",
    "MerchantDraft",
    "MilestoneDraft",
    "ObjectId",
    "PersonDraft",
    "ProgramDraft",
    "QuietHours",
    "ScanDraft",
    "Scope",
    "StripDraft",
    "TemplateDraft",
    "WelcomeDraft",
]
