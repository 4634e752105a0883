"""What an expert would say about a template before customers see it."""

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from branding.palette import faults
from passes.loyalty.face import (
    FIELD_AREAS,
    Design,
    MemberFacts,
    PassFace,
    ProgramFacts,
    compute_face,
)
from passes.loyalty.stamps import StampRules
from passes.services.looks import merchant_facts, read_design, stamp_rules
from passes.store.tables import Image, Merchant, Program, Template
from passes.wallets import google_lint
from passes.wallets.google import GoogleClassFacts

_SAMPLE = ProgramFacts(name="", rules=StampRules(card_size=10))


@dataclass(frozen=True, slots=True)
class Issue:
    """`pointer` leads into the template; `hint` tells what to do."""

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
