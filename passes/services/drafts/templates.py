"""A template: what a merchant's cards look like, and what they say."""

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints

from branding.brand import Mark
from branding.colour import Colour
from passes.loyalty import placeholders
from passes.services.drafts.words import Draft, Name, ObjectId, filled_in, lines, one_line, short

_URI_SCHEMES = {"https", "tel", "mailto", "geo"}
ImagePurpose = Literal["logo", "icon", "strip", "hero", "stamp_on", "stamp_off", "reward"]


def _colour(text: str) -> str:
    return Colour.parse(text).hex


def _uri(text: str) -> str:
    if urlsplit(text).scheme not in _URI_SCHEMES:
        raise ValueError("must start with https:, tel:, mailto: or geo:")
    return text


def _percent_at(text: str) -> str:
    if text.count("%@") != 1 or text.replace("%@", "").count("%"):
        raise ValueError("must contain %@ exactly once (the new value) and no other %")
    return text


HexColour = Annotated[str, AfterValidator(_colour)]


class ColorsDraft(Draft):
    """Colours left out are chosen from the logo, readable on each other."""

    background: HexColour | None = None
    foreground: HexColour | None = None
    label: HexColour | None = None


class StripDraft(Draft):
    """`style` is the drawn stamp, where no picture serves as one."""

    mode: Literal["stamps", "image", "none"] = "stamps"
    style: Mark = "check"
    stamp_on_id: ObjectId | None = None
    stamp_off_id: ObjectId | None = None
    reward_id: ObjectId | None = None


class FieldDraft(Draft):
    key: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,40}$")]
    label: Annotated[str, short(0, 60), AfterValidator(one_line), AfterValidator(filled_in)] = ""
    value: Annotated[str, short(0, 4000), AfterValidator(lines), AfterValidator(filled_in)]
    change_message: (
        Annotated[str, short(2, 100), AfterValidator(one_line), AfterValidator(_percent_at)] | None
    ) = None

    @property
    def announces_a_stamp(self) -> bool:
        """Whether a stamp makes a wallet show this field's change message."""
        named = placeholders.named_in(self.value)
        return bool(self.change_message and named & placeholders.CHANGED_BY_A_STAMP)


class FrontFieldDraft(FieldDraft):
    """A field of the front: what is longer no phone shows whole."""

    value: Annotated[str, short(0, 100), AfterValidator(one_line), AfterValidator(filled_in)]


class FieldsDraft(Draft):
    """The merchant's own fields; an area left out shows the service's own."""

    header: Annotated[list[FrontFieldDraft], Field(max_length=3)] | None = None
    primary: Annotated[list[FrontFieldDraft], Field(max_length=1)] | None = None
    secondary: Annotated[list[FrontFieldDraft], Field(max_length=4)] | None = None
    auxiliary: Annotated[list[FrontFieldDraft], Field(max_length=4)] | None = None
    back: Annotated[list[FieldDraft], Field(max_length=20)] | None = None


class BarcodeDraft(Draft):
    format: Literal["qr", "aztec", "pdf417", "code128"] = "qr"
    alt_text: Annotated[str, short(0, 60), AfterValidator(one_line), AfterValidator(filled_in)] = ""


class LinkDraft(Draft):
    uri: Annotated[str, short(4, 500), AfterValidator(one_line), AfterValidator(_uri)]
    description: Annotated[str, short(1, 60), AfterValidator(one_line)]


class TemplateDraft(Draft):
    name: Name
    colors: ColorsDraft = ColorsDraft()
    logo_id: ObjectId | None = None
    icon_id: ObjectId | None = None
    strip_id: ObjectId | None = None
    hero_id: ObjectId | None = None
    strip: StripDraft = StripDraft()
    fields: FieldsDraft = FieldsDraft()
    barcode: BarcodeDraft = BarcodeDraft()
    links: list[LinkDraft] = Field(default=[], max_length=10)
    apple_overrides: dict[str, Any] = Field(default={})
    google_overrides: dict[str, Any] = Field(default={})
