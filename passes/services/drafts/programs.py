"""A program: its card and rewards, what its join page asks, and what staff may do at once."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator
from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

from branding.brand import MAX_SLOTS
from passes.services.drafts.locations import MAX_LOCATIONS
from passes.services.drafts.words import (
    Draft,
    LongText,
    Name,
    ObjectId,
    PassType,
    Purpose,
    Slug,
    one_line,
    short,
)


class MilestoneDraft(Draft):
    at: Annotated[int, Field(ge=1, le=MAX_SLOTS)]
    title: Annotated[str, short(1, 60), AfterValidator(one_line)]


class WelcomeDraft(Draft):
    stamps: Annotated[int, Field(ge=0, le=MAX_SLOTS)] = 0


class EnrolmentFieldDraft(Draft):
    key: Literal["first_name", "last_name", "email", "phone", "birthday"]
    required: bool = False


class ConsentTextDraft(Draft):
    purpose: Purpose
    text: Annotated[str, short(1, 500), AfterValidator(one_line)]
    required: bool = False


class EnrolmentDraft(Draft):
    """What the join page asks; an empty form is possible and joins in one tap."""

    fields: list[EnrolmentFieldDraft] = Field(default=[], max_length=5)
    consents: list[ConsentTextDraft] = Field(default=[], max_length=5)

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
    unit_label: Annotated[str, short(0, 20), AfterValidator(one_line)] = ""
    card_size: Annotated[int, Field(ge=1, le=MAX_SLOTS)]
    milestones: list[MilestoneDraft] = Field(default=[], max_length=MAX_SLOTS)
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
