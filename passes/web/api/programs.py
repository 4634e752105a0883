"""Programs: what a merchant promises, opened and closed for joining."""

from datetime import datetime
from http import HTTPStatus

from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.orm import Session

from certs.google import GoogleIdentity
from passes.services import programs
from passes.services.drafts import (
    EnrolmentDraft,
    LimitsDraft,
    MilestoneDraft,
    ProgramDraft,
    WelcomeDraft,
)
from passes.services.fanout import telling
from passes.services.google_sync import introduce_class
from passes.services.looks import read_look, require_sound
from passes.services.programs import ACTIVE, ARCHIVED, PAUSED
from passes.services.relocations import relocating
from passes.store.tables import Program
from passes.web.api.contract import Call, Reply, Routes, check_revision
from passes.web.api.lists import ListQuery, Page, as_page, page
from passes.web.artwork import draw, redraw

routes = Routes("programs")


class ProgramView(BaseModel):
    id: str
    name: str
    slug: str
    template_id: str
    type: str
    pass_type_identifier: str
    unit_label: str
    card_size: int
    milestones: list[MilestoneDraft]
    welcome: WelcomeDraft
    terms: str
    enrolment: EnrolmentDraft
    limits: LimitsDraft
    location_ids: list[str] | None
    home_location_id: str | None
    status: str
    version: int
    join_url: str
    created_at: datetime


@routes.on(
    "POST",
    "/programs",
    scope="programs:write",
    body=ProgramDraft,
    answer=ProgramView,
    status=HTTPStatus.CREATED,
)
def create(call: Call) -> Reply:
    """Create a program as a draft: nobody can join before it is activated."""
    draft = call.body(ProgramDraft)
    only = call.parts.keyring.only
    pass_type = only.pass_type_identifier if only else None
    with call.parts.database.writing() as session:
        program = programs.add_program(session, call.merchant_id, draft, pass_type, call.now)
    return _reply(call, program, HTTPStatus.CREATED)


@routes.on("GET", "/programs", scope="programs:write", query=ListQuery, answer=Page[ProgramView])
def index(call: Call) -> Reply:
    """List a merchant's programs."""
    mine = select(Program).where(Program.merchant_id == call.merchant_id)
    with call.parts.database.reading() as session:
        rows, cursor = page(session, mine, Program, call.query(ListQuery))
        return Reply(as_page([_view(call, row) for row in rows], cursor))


@routes.on("GET", "/programs/<program_id>", scope="programs:write", answer=ProgramView)
def show(call: Call) -> Reply:
    """Read one program."""
    with call.parts.database.reading() as session:
        return _reply(call, _found(session, call))


@routes.on(
    "PATCH",
    "/programs/<program_id>",
    scope="programs:write",
    patch=ProgramDraft,
    answer=ProgramView,
)
def change(call: Call) -> Reply:
    """Change a program (JSON merge patch). Stamps already given keep counting."""
    with call.parts.database.writing() as session:
        program = _found(session, call)
        check_revision(program.revision)
        draft = call.patched(programs.draft_of(program))
        with (
            relocating(session, call.merchant_id, call.now),
            telling(session, [program.id], call.now),
        ):
            programs.change_program(session, program, draft)
    redraw(call.parts, program.id)
    return _reply(call, program)


@routes.on("POST", "/programs/<program_id>/activate", scope="programs:write", answer=ProgramView)
def activate(call: Call) -> Reply:
    """Open the program for joining. Its pictures are drawn and stored first; Google is told."""
    with call.parts.database.reading() as session:
        program = _found(session, call)
        programs.require_possible(program, ACTIVE)
        require_sound(read_look(session, program.id, drawable=False))
    draw(call.parts, program.id)
    return _move(call, ACTIVE)


@routes.on("POST", "/programs/<program_id>/pause", scope="programs:write", answer=ProgramView)
def pause(call: Call) -> Reply:
    """Close the program for joining; cards already issued stay."""
    return _move(call, PAUSED)


@routes.on("POST", "/programs/<program_id>/archive", scope="programs:write", answer=ProgramView)
def archive(call: Call) -> Reply:
    """Close the program for good; cards already issued stay."""
    return _move(call, ARCHIVED)


def _found(session: Session, call: Call) -> Program:
    return programs.find_program(session, call.merchant_id, call.path["program_id"])


def _move(call: Call, status: str) -> Reply:
    with call.parts.database.writing() as session:
        program = _found(session, call)
        check_revision(program.revision)
        programs.change_status(program, status)
        if status == ACTIVE and isinstance(call.parts.google, GoogleIdentity):
            introduce_class(session, program.id, call.now)
    return _reply(call, program)


def _reply(call: Call, program: Program, status: HTTPStatus = HTTPStatus.OK) -> Reply:
    return Reply(_view(call, program), status, program.revision)


def _view(call: Call, program: Program) -> ProgramView:
    draft = programs.draft_of(program)
    return ProgramView(
        id=program.id,
        status=program.status,
        version=program.revision,
        join_url=f"{call.parts.settings.public_url}/j/{program.slug}",
        created_at=program.created_at,
        **{name: getattr(draft, name) for name in ProgramDraft.model_fields},
    )
