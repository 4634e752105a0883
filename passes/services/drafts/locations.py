"""A shop, as its merchant tells it."""

from typing import Annotated

from pydantic import AfterValidator, Field

from passes.services.drafts.words import Draft, ExternalId, Locale, Name, RelevantText, lines, short

MAX_LOCATIONS = 2_000  # of one merchant


class LocationDraft(Draft):
    """A shop. `relevant_text` is what a phone nearby shows, by language; coordinates are WGS 84.

    `confirm_coordinates` is for a shop that lies where a typing error would put it.
    """

    external_id: ExternalId | None = None
    name: Name
    latitude: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
    longitude: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
    address: Annotated[str, short(0, 200), AfterValidator(lines)] = ""
    relevant_text: dict[Locale, RelevantText] = Field(default={})
    max_distance_m: Annotated[int, Field(ge=1, le=100_000)] | None = None
    active: bool = True
    confirm_coordinates: bool = False
