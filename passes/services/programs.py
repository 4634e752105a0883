"""Programs: what a merchant promises, and whether customers can join now."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import exists, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from passes.errors import Conflict, FieldFault, Invalid, NotFound
from passes.services.drafts import (
    EnrolmentDraft,
    LimitsDraft,
    MilestoneDraft,
    ProgramDraft,
    WelcomeDraft,
)
from passes.services.locations import unknown_among
from passes.store.tables import Pass, Program, Template

DRAFT, ACTIVE, PAUSED, ARCHIVED = "draft", "active", "paused", "archived"
_ALLOWED = {  # wish → the states it may start from
    ACTIVE: {DRAFT, PAUSED, ACTIVE},
    PAUSED: {ACTIVE, PAUSED},
    ARCHIVED: {DRAFT, ACTIVE, PAUSED, ARCHIVED},
}


def add_program(
    session: Session,
    merchant_id: str,
    draft: ProgramDraft,
    only_pass_type: str | None,
    now: datetime,
) -> Program:
    """A new program, not yet open. `only_pass_type` is taken when the draft names none."""
    program = Program(merchant_id=merchant_id, status=DRAFT, created_at=now)
    pass_type = draft.pass_type_identifier or only_pass_type
    _fill(program, draft, _checked(session, program, draft, pass_type))
    session.add(program)
    _flush(session)
    return program


def change_program(session: Session, program: Program, draft: ProgramDraft) -> None:
    """The program as the draft says, wholly.

    The pass type identifier is burnt into every pass and cannot change after the first one.
    """
    pass_type = draft.pass_type_identifier or program.pass_type_identifier
    _fill(program, draft, _checked(session, program, draft, pass_type))
    _flush(session)


def change_status(program: Program, wish: str) -> None:
    """Moves a program to active, paused or archived; Conflict when it cannot from where it is."""
    require_possible(program, wish)
    program.status = wish


def require_possible(program: Program, wish: str) -> None:
    """Conflict when a program cannot move to `wish` from where it is."""
    if program.status not in _ALLOWED[wish]:
        raise Conflict(f"A program that is {program.status} cannot become {wish}.")


def find_program(session: Session, merchant_id: str, program_id: str) -> Program:
    program = session.scalar(
        select(Program).where(Program.id == program_id, Program.merchant_id == merchant_id)
    )
    if program is None:
        raise NotFound("There is no such program.")
    return program


def programs_with(session: Session, template_id: str) -> list[str]:
    """The programs that use a template."""
    return list(session.scalars(select(Program.id).where(Program.template_id == template_id)))


def programs_of(session: Session, merchant_id: str) -> list[str]:
    """A merchant's programs."""
    return list(session.scalars(select(Program.id).where(Program.merchant_id == merchant_id)))


def draft_of(program: Program) -> ProgramDraft:
    """The draft that would make this program again: what a partial change is laid over."""
    return ProgramDraft.model_validate(
        {
            "name": program.name,
            "slug": program.slug,
            "template_id": program.template_id,
            "type": program.type,
            "pass_type_identifier": program.pass_type_identifier,
            "unit_label": program.unit_label,
            "card_size": program.card_size,
            "milestones": [MilestoneDraft.model_validate(m) for m in program.milestones],
            "welcome": WelcomeDraft(stamps=program.welcome_stamps),
            "terms": program.terms,
            "enrolment": EnrolmentDraft.model_validate(program.enrolment),
            "limits": LimitsDraft.model_validate(program.limits),
            "location_ids": program.location_ids,
            "home_location_id": program.home_location_id,
        }
    )


def _fill(program: Program, draft: ProgramDraft, pass_type: str) -> None:
    program.name = draft.name
    program.slug = draft.slug
    program.template_id = draft.template_id
    program.type = draft.type
    program.pass_type_identifier = pass_type
    program.unit_label = draft.unit_label
    program.card_size = draft.card_size
    program.milestones = [m.model_dump() for m in sorted(draft.milestones, key=lambda m: m.at)]
    program.welcome_stamps = draft.welcome.stamps
    program.terms = draft.terms
    program.enrolment = draft.enrolment.model_dump()
    program.limits = draft.limits.model_dump()
    program.location_ids = draft.location_ids
    program.home_location_id = draft.home_location_id


def _checked(session: Session, program: Program, draft: ProgramDraft, pass_type: str | None) -> str:
    """The pass type the program may have; Invalid with everything that cannot be."""
    faults = []
    if not _owns_template(session, program.merchant_id, draft.template_id):
        detail = "there is no such template: create it first"
        faults.append(FieldFault("/template_id", "template_unknown", detail))
    pointer = "/pass_type_identifier"
    if pass_type is None:
        detail = "name one: not exactly one certificate is loaded (see /v1/certificates)"
        faults.append(FieldFault(pointer, "pass_type_missing", detail))
    elif program.pass_type_identifier not in {None, pass_type} and _has_passes(session, program):
        detail = "cannot change any more: passes of this program are in wallets"
        faults.append(FieldFault(pointer, "pass_type_fixed", detail))
    faults += _unknown_locations(session, program.merchant_id, draft)
    if faults or pass_type is None:
        raise Invalid(faults)
    return pass_type


def _owns_template(session: Session, merchant_id: str, template_id: str) -> bool:
    mine = (Template.id == template_id) & (Template.merchant_id == merchant_id)
    return bool(session.scalar(select(exists().where(mine))))


def _unknown_locations(
    session: Session, merchant_id: str, draft: ProgramDraft
) -> Iterator[FieldFault]:
    listed = draft.location_ids or []
    home = [draft.home_location_id] if draft.home_location_id else []
    unknown = unknown_among(session, merchant_id, listed + home)
    detail = "there is no such location: create it first"
    for index, location_id in enumerate(listed):
        if location_id in unknown:
            yield FieldFault(f"/location_ids/{index}", "location_unknown", detail)
    if draft.home_location_id in unknown:
        yield FieldFault("/home_location_id", "location_unknown", detail)


def _has_passes(session: Session, program: Program) -> bool:
    return bool(session.scalar(select(exists().where(Pass.program_id == program.id))))


def _flush(session: Session) -> None:
    try:
        session.flush()
    except IntegrityError as error:
        fault = FieldFault("/slug", "taken", "another program has this slug: choose another")
        raise Invalid([fault]) from error
