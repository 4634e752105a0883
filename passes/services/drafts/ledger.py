"""What tills and shop systems do with a card."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from branding.brand import MAX_SLOTS
from passes.services.drafts.words import Draft, ObjectId, one_line, short


class EarnDraft(Draft):
    """Stamps for a member, from a till or a shop system."""

    type: Literal["earn"]
    stamps: Annotated[int, Field(ge=1, le=MAX_SLOTS)] = 1
    location_id: ObjectId | None = None


class ScanDraft(Draft):
    """What a till does with the code it read."""

    code: Annotated[str, short(4, 64), AfterValidator(one_line)]
    intent: Literal["lookup", "stamp"]
    quantity: Annotated[int, Field(ge=1, le=MAX_SLOTS)] = 1
    location_id: ObjectId | None = None
    override_cooldown: bool = False
