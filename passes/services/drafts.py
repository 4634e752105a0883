"""What callers may send: strict, typed inputs of the use cases, and the text they may contain."""

import re
from datetime import date
from functools import cache
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

from branding.brand import MAX_SLOTS, Mark
from branding.colour import Colour
from passes.loyalty import placeholders

# C0 and C1 controls and the two Unicode line separators; a new line is allowed where text is long.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_CONTROLS_BUT_NEWLINE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_URI_SCHEMES = {"https", "tel", "mailto", "geo"}
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+\Z")
_PHONE = re.compile(r"\+?[0-9][0-9 ()./-]{4,30}\Z")

Locale = Literal["en", "hu", "cs", "he"]
MAX_LOCATIONS = 2_000  # of one merchant


def _one_line(text: str) -> str:
    if _CONTROLS.search(text):
        raise ValueError("must be one line without control characters")
    return text


def _lines(text: str) -> str:
    text = text.replace("\r\n", "\n")
    if _CONTROLS_BUT_NEWLINE.search(text):
        raise ValueError("must not contain control characters")
    return text


def _filled_in(text: str) -> str:
    unknown = placeholders.unknown_in(text)
    if unknown:
        known = ", ".join(sorted(placeholders.PLACEHOLDERS))
        raise PydanticCustomError(
            "placeholder_unknown",
            "unknown placeholder {unknown}; known are: {known}",
            {"unknown": ", ".join(unknown), "known": known},
        )
    if placeholders.has_stray_braces(text):
        raise ValueError("write placeholders as {{name}}; these braces belong to none")
    return text


def _colour(text: str) -> str:
    return Colour.parse(text).hex


def _email(text: str) -> str:
    if not _EMAIL.match(text):
        raise ValueError("must be an e-mail address such as name@example.com")
    return text


def _phone(text: str) -> str:
    if not _PHONE.match(text):
        raise ValueError("must be a telephone number such as +36 1 234 5678")
    return text


def _website(text: str) -> str:
    if urlsplit(text).scheme not in {"http", "https"} or not urlsplit(text).hostname:
        raise ValueError("must be a web address such as https://example.com")
    return text


def _uri(text: str) -> str:
    if urlsplit(text).scheme not in _URI_SCHEMES:
        raise ValueError("must start with https:, tel:, mailto: or geo:")
    return text


@cache
def _timezones() -> frozenset[str]:
    return frozenset(available_timezones())  # reads hundreds of files


def _timezone(text: str) -> str:
    if text not in _timezones():
        raise ValueError("must be an IANA time zone such as Europe/Budapest")
    return text


def _percent_at(text: str) -> str:
    if text.count("%@") != 1 or text.replace("%@", "").count("%"):
        raise ValueError("must contain %@ exactly once (the new value) and no other %")
    return text


def _short(minimum: int, maximum: int) -> StringConstraints:
    return StringConstraints(strip_whitespace=True, min_length=minimum, max_length=maximum)


Name = Annotated[str, _short(1, 60), AfterValidator(_one_line)]
PersonName = Annotated[str, _short(0, 200), AfterValidator(_one_line)]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])$")]
HexColour = Annotated[str, AfterValidator(_colour)]
EmailAddress = Annotated[str, _short(3, 254), AfterValidator(_one_line), AfterValidator(_email)]
PhoneNumber = Annotated[str, _short(5, 32), AfterValidator(_phone)]
Website = Annotated[str, _short(8, 500), AfterValidator(_one_line), AfterValidator(_website)]
LongText = Annotated[str, _short(0, 4000), AfterValidator(_lines)]
RelevantText = Annotated[str, _short(1, 200), AfterValidator(_one_line), AfterValidator(_filled_in)]
ExternalId = Annotated[str, _short(1, 255), AfterValidator(_one_line)]
ObjectId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]{1,64}$")]
PassType = Annotated[str, StringConstraints(pattern=r"^pass\.[A-Za-z0-9.-]{1,200}$")]
Scope = Literal[
    "members:read",
    "members:write",
    "ledger:write",
    "programs:write",
    "passes:read",
    "webhooks:write",
    "pii:export",
    "admin",
]
ImagePurpose = Literal["logo", "icon", "strip", "hero", "stamp_on", "stamp_off", "reward"]


class Draft(BaseModel):
    """Unknown fields are refused and nothing is coerced: a typing error must not pass."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Contact(Draft):
    email: EmailAddress | None = None
    phone: PhoneNumber | None = None
    website: Website | None = None
    address: Annotated[str, _short(1, 200), AfterValidator(_lines)] | None = None


class QuietHours(Draft):
    """Local times between which nobody is disturbed; may span midnight."""

    start: Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
    end: Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]


class MerchantDraft(Draft):
    name: Name
    slug: Slug
    locale: Locale = "en"
    timezone: Annotated[str, AfterValidator(_timezone)] = "UTC"
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = "EUR"
    contact: Contact = Contact()
    quiet_hours: QuietHours | None = None


class ApiKeyDraft(Draft):
    name: Name
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=8)]


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
    label: Annotated[str, _short(0, 60), AfterValidator(_one_line), AfterValidator(_filled_in)] = ""
    value: Annotated[str, _short(0, 4000), AfterValidator(_lines), AfterValidator(_filled_in)]
    change_message: (
        Annotated[str, _short(2, 100), AfterValidator(_one_line), AfterValidator(_percent_at)]
        | None
    ) = None

    @property
    def announces_a_stamp(self) -> bool:
        """Whether a stamp makes a wallet show this field's change message."""
        named = placeholders.named_in(self.value)
        return bool(self.change_message and named & placeholders.CHANGED_BY_A_STAMP)


class FrontFieldDraft(FieldDraft):
    """A field of the front: what is longer no phone shows whole."""

    value: Annotated[str, _short(0, 100), AfterValidator(_one_line), AfterValidator(_filled_in)]


class FieldsDraft(Draft):
    """The merchant's own fields; an area left out shows the service's own."""

    header: Annotated[list[FrontFieldDraft], Field(max_length=3)] | None = None
    primary: Annotated[list[FrontFieldDraft], Field(max_length=1)] | None = None
    secondary: Annotated[list[FrontFieldDraft], Field(max_length=4)] | None = None
    auxiliary: Annotated[list[FrontFieldDraft], Field(max_length=4)] | None = None
    back: Annotated[list[FieldDraft], Field(max_length=20)] | None = None


class BarcodeDraft(Draft):
    format: Literal["qr", "aztec", "pdf417", "code128"] = "qr"
    alt_text: Annotated[
        str, _short(0, 60), AfterValidator(_one_line), AfterValidator(_filled_in)
    ] = ""


class LinkDraft(Draft):
    uri: Annotated[str, _short(4, 500), AfterValidator(_one_line), AfterValidator(_uri)]
    description: Annotated[str, _short(1, 60), AfterValidator(_one_line)]


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
    links: Annotated[list[LinkDraft], Field(max_length=10)] = []
    apple_overrides: dict[str, Any] = {}
    google_overrides: dict[str, Any] = {}


class MilestoneDraft(Draft):
    at: Annotated[int, Field(ge=1, le=MAX_SLOTS)]
    title: Annotated[str, _short(1, 60), AfterValidator(_one_line)]


class WelcomeDraft(Draft):
    stamps: Annotated[int, Field(ge=0, le=MAX_SLOTS)] = 0


class EnrolmentFieldDraft(Draft):
    key: Literal["first_name", "last_name", "email", "phone", "birthday"]
    required: bool = False


class ConsentTextDraft(Draft):
    purpose: Literal["terms", "marketing_wallet", "marketing_email", "profiling", "recognition"]
    text: Annotated[str, _short(1, 500), AfterValidator(_one_line)]
    required: bool = False


class EnrolmentDraft(Draft):
    """What the join page asks; an empty form is possible and joins in one tap."""

    fields: Annotated[list[EnrolmentFieldDraft], Field(max_length=5)] = []
    consents: Annotated[list[ConsentTextDraft], Field(max_length=5)] = []

    @field_validator("fields")
    @classmethod
    def _ask_once(cls, fields: list[EnrolmentFieldDraft]) -> list[EnrolmentFieldDraft]:
        _raise(_repeated("key", [field.key for field in fields]))
        return fields

    @field_validator("consents")
    @classmethod
    def _one_text_each(cls, consents: list[ConsentTextDraft]) -> list[ConsentTextDraft]:
        _raise(_repeated("purpose", [consent.purpose for consent in consents]))
        return consents


class LimitsDraft(Draft):
    """What staff may do at once: stamps per scan or transaction, and seconds between two scans.

    A second scan within `cooldown_s` is refused; within `confirm_s` it asks to be confirmed.
    """

    max_stamps: Annotated[int, Field(ge=1, le=MAX_SLOTS)] = 5
    cooldown_s: Annotated[int, Field(ge=0, le=86_400)] = 5
    confirm_s: Annotated[int, Field(ge=0, le=86_400)] = 30


class ProgramDraft(Draft):
    """Without `location_ids` all shops take part; who has no history is offered the home's
    neighbourhood, by default that of the first shop."""

    name: Name
    slug: Slug
    template_id: ObjectId
    type: Literal["stamp_card"] = "stamp_card"
    pass_type_identifier: PassType | None = None
    unit_label: Annotated[str, _short(0, 20), AfterValidator(_one_line)] = ""
    card_size: Annotated[int, Field(ge=1, le=MAX_SLOTS)]
    milestones: Annotated[list[MilestoneDraft], Field(max_length=MAX_SLOTS)] = []
    welcome: WelcomeDraft = WelcomeDraft()
    terms: LongText = ""
    enrolment: EnrolmentDraft = EnrolmentDraft()
    limits: LimitsDraft = LimitsDraft()
    location_ids: Annotated[list[ObjectId], Field(max_length=MAX_LOCATIONS)] | None = None
    home_location_id: ObjectId | None = None

    @field_validator("milestones")
    @classmethod
    def _fit_the_card(
        cls, milestones: list[MilestoneDraft], before: ValidationInfo
    ) -> list[MilestoneDraft]:
        slots = before.data.get("card_size", MAX_SLOTS)
        seen: set[int] = set()
        faults = []
        for index, milestone in enumerate(milestones):
            if milestone.at > slots:
                faults.append(_fault((index, "at"), "must not exceed card_size"))
            if milestone.at in seen:
                faults.append(_fault((index, "at"), "one reward per slot"))
            seen.add(milestone.at)
        _raise(faults)
        return milestones

    @field_validator("welcome")
    @classmethod
    def _fits_the_card(cls, welcome: WelcomeDraft, before: ValidationInfo) -> WelcomeDraft:
        if welcome.stamps > before.data.get("card_size", MAX_SLOTS):
            _raise([_fault(("stamps",), "must not exceed card_size")])
        return welcome


class PersonDraft(Draft):
    first_name: PersonName = ""
    last_name: PersonName = ""
    email: EmailAddress | None = None
    phone: PhoneNumber | None = None
    birthday: date | None = None


class ConsentDraft(Draft):
    purpose: Literal["terms", "marketing_wallet", "marketing_email", "profiling", "recognition"]
    granted: bool
    text: Annotated[str, _short(0, 500), AfterValidator(_one_line)] = ""


class MemberDraft(Draft):
    external_id: ExternalId | None = None
    person: PersonDraft = PersonDraft()
    locale: Locale | None = None
    consents: Annotated[list[ConsentDraft], Field(max_length=5)] = []
    source: Annotated[str, _short(1, 40), AfterValidator(_one_line)] = "api"


class LocationDraft(Draft):
    """A shop. `relevant_text` is what a phone nearby shows, by language; coordinates are WGS 84.

    `confirm_coordinates` is for a shop that lies where a typing error would put it.
    """

    external_id: ExternalId | None = None
    name: Name
    latitude: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
    longitude: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
    address: Annotated[str, _short(0, 200), AfterValidator(_lines)] = ""
    relevant_text: dict[Locale, RelevantText] = {}
    max_distance_m: Annotated[int, Field(ge=1, le=100_000)] | None = None
    active: bool = True
    confirm_coordinates: bool = False


class EarnDraft(Draft):
    """Stamps for a member, from a till or a shop system."""

    type: Literal["earn"]
    stamps: Annotated[int, Field(ge=1, le=MAX_SLOTS)] = 1
    location_id: ObjectId | None = None


class ScanDraft(Draft):
    """What a till does with the code it read."""

    code: Annotated[str, _short(4, 64), AfterValidator(_one_line)]
    intent: Literal["lookup", "stamp"]
    quantity: Annotated[int, Field(ge=1, le=MAX_SLOTS)] = 1
    location_id: ObjectId | None = None
    override_cooldown: bool = False


def _repeated(name: str, values: list[str]) -> list[InitErrorDetails]:
    return [
        _fault((index, name), "must not be asked twice")
        for index, value in enumerate(values)
        if value in values[:index]
    ]


def _fault(location: tuple[str | int, ...], detail: str) -> InitErrorDetails:
    return InitErrorDetails(
        type=PydanticCustomError("value_error", detail),
        loc=location,
        input=None,
    )


def _raise(faults: list[InitErrorDetails]) -> None:
    """All faults of one field at once, each at its own place inside it."""
    if faults:
        raise ValidationError.from_exception_data("draft", faults)
