"""What an expert would say about a template before customers see it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from branding.palette import faults
from passes.loyalty.face import FIELD_AREAS, PassFace, compute_face
from passes.loyalty.facts import Design, MemberFacts, ProgramFacts
from passes.loyalty.places import MAX_PLACES
from passes.loyalty.stamps import StampRules
from passes.services.locations import shops_of, takes_part
from passes.services.looks import merchant_facts, read_design, stamp_rules
from passes.store.tables import Image, Location, Merchant, Program, Template
from passes.wallets import google_lint
from passes.wallets.google import GoogleClassFacts

_LEAST_DISTANCE_M = 100  # smaller ones were reported to do nothing; Apple tells no figure
_LONG_TEXT = 80  # about two lines of a lock screen; our judgement

_SAMPLE = ProgramFacts(name="", rules=StampRules(card_size=10))


@dataclass(frozen=True, slots=True)
class Issue:
    """`pointer` leads into the template, or to one of the merchant's locations or programs.

    `hint` says what to do.
    """

    code: str
    severity: Literal["warning", "error"]
    pointer: str
    hint: str


def lint_template(session: Session, template: Template) -> list[Issue]:
    """Everything that will work, but not as well as it could."""
    merchant = session.get_one(Merchant, template.merchant_id)
    design, _ = read_design(session, template, merchant, drawable=False)
    program = _program(session, template)
    face = compute_face(
        merchant_facts(merchant),
        program,
        design,
        MemberFacts(code="SAMPLE", stamps=1),
        merchant.locale,
    )
    return [
        *_contrast(design),
        *_logo(session, template),
        *_fields(design, face),
        *_google(design, face),
        *_places(session, template, merchant.locale),
    ]


def _program(session: Session, template: Template) -> ProgramFacts:
    program = session.scalars(
        select(Program).where(Program.template_id == template.id).order_by(Program.id).limit(1)
    ).one_or_none()
    if program is None:
        return _SAMPLE
    return ProgramFacts(program.name, stamp_rules(program), program.terms, program.unit_label)


def _contrast(design: Design) -> list[Issue]:
    return [
        Issue(
            "contrast_low",
            "warning",
            f"/colors/{fault.pair}",
            f"its contrast to the background is {fault.measured:.1f}:1, and 4.5:1 is needed to "
            f"read it; {fault.proposal.hex} would do",
        )
        for fault in faults(design.palette)
    ]


def _logo(session: Session, template: Template) -> list[Issue]:
    if template.logo_id is None:
        hint = "upload a logo: without one the card shows initials"
        return [Issue("logo_missing", "warning", "/logo_id", hint)]
    if "low_resolution" in session.get_one(Image, template.logo_id).warnings:
        hint = "upload a logo at least 480 pixels wide: this one looks soft on new phones"
        return [Issue("logo_low_resolution", "warning", "/logo_id", hint)]
    return []


def _fields(design: Design, face: PassFace) -> list[Issue]:
    shown = [field for area in FIELD_AREAS for field in getattr(face, area)]
    issues = []
    if not any(field.change_message for field in shown):
        hint = "give the field with the stamps a change_message: otherwise no phone says a word"
        issues.append(Issue("stamps_silent", "warning", "/fields/header", hint))
    if "back" in design.fields and not face.back:
        hint = "tell how the card works on its back"
        issues.append(Issue("rules_untold", "warning", "/fields/back", hint))
    return issues


def _google(design: Design, face: PassFace) -> list[Issue]:
    facts = GoogleClassFacts(
        class_id="",
        issuer_name=face.organization_name,
        program_name=face.program_name,
        logo_url="",
        background=design.palette.background,
        locale=face.locale,
    )
    return [
        Issue(fault.code, "warning", f"/google{fault.pointer}", fault.detail)
        for fault in google_lint.lint(face, facts)
    ]


def _places(session: Session, template: Template, locale: str) -> Iterator[Issue]:
    """Each shop that stands on cards of this look, then all shops of each program with it."""
    programs = session.scalars(
        select(Program).where(Program.template_id == template.id).order_by(Program.id)
    ).all()
    open_shops = [shop for shop in shops_of(session, template.merchant_id) if shop.active]
    for shop in open_shops:
        if any(takes_part(program, shop.id) for program in programs):
            yield from _place(shop)
    for program in programs:
        together = [shop for shop in open_shops if takes_part(program, shop.id)]
        yield from _together(program, together, locale)


def _place(shop: Location) -> Iterator[Issue]:
    pointer = f"/locations/{shop.id}"
    if shop.max_distance_m is not None and shop.max_distance_m < _LEAST_DISTANCE_M:
        hint = f"less than {_LEAST_DISTANCE_M} m has no effect: leave max_distance_m out"
        yield Issue("distance_without_effect", "warning", f"{pointer}/max_distance_m", hint)
    for language, text in shop.relevant_text.items():
        if len(text) > _LONG_TEXT:
            hint = f"say it in {_LONG_TEXT} characters: a lock screen cuts what is longer"
            yield Issue("place_text_long", "warning", f"{pointer}/relevant_text/{language}", hint)


def _together(program: Program, shops: Sequence[Location], locale: str) -> Iterator[Issue]:
    pointer = f"/programs/{program.id}/location_ids"
    for language, silent in _untold(shops, locale):
        hint = (
            f"{silent} of the {len(shops)} shops of {program.name} have no text in {language} and "
            "show our own"
        )
        yield Issue("place_text_missing", "warning", pointer, hint)
    if len({shop.max_distance_m for shop in shops}) > 1:
        hint = (
            f"a card of {program.name} has one distance for all its shops, the widest of theirs: "
            "give all the same"
        )
        yield Issue("distances_differ", "warning", pointer, hint)
    if len(shops) > MAX_PLACES:
        hint = (
            f"a card of {program.name} carries {MAX_PLACES} of its {len(shops)} shops, those "
            "nearest to where its member goes: send location_id with every stamp"
        )
        yield Issue("places_chosen", "warning", pointer, hint)


def _untold(shops: Sequence[Location], locale: str) -> Iterator[tuple[str, int]]:
    """Languages in which some shops speak and others do not, with the number of these.

    The merchant's own is one of them if there is any text.
    """
    spoken = {language for shop in shops for language in shop.relevant_text}
    for language in sorted(spoken | {locale} if spoken else ()):
        silent = sum(language not in shop.relevant_text for shop in shops)
        if silent:
            yield language, silent
