"""Templates: how a merchant's cards look, and what an expert would say about it."""

from datetime import datetime
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.orm import Session

from passes.services import templates
from passes.services.drafts import (
    BarcodeDraft,
    ColorsDraft,
    FieldsDraft,
    LinkDraft,
    StripDraft,
    TemplateDraft,
)
from passes.services.fanout import telling
from passes.services.lint import lint_template
from passes.services.programs import programs_with
from passes.store.tables import Template
from passes.web.api.contract import Call, Reply, Routes, check_revision
from passes.web.api.lists import ListQuery, Page, as_page, page
from passes.web.artwork import redraw

routes = Routes("templates")


class TemplateView(BaseModel):
    id: str
    name: str
    colors: ColorsDraft
    logo_id: str | None
    icon_id: str | None
    strip_id: str | None
    hero_id: str | None
    strip: StripDraft
    fields: FieldsDraft
    barcode: BarcodeDraft
    links: list[LinkDraft]
    apple_overrides: dict[str, Any]
    google_overrides: dict[str, Any]
    created_at: datetime


class IssueView(BaseModel):
    """`severity` is warning or error; `hint` tells what to do."""

    code: str
    severity: str
    pointer: str
    hint: str


class LintView(BaseModel):
    issues: list[IssueView]


@routes.on(
    "POST",
    "/templates",
    scope="programs:write",
    body=TemplateDraft,
    answer=TemplateView,
    status=HTTPStatus.CREATED,
)
def create(call: Call) -> Reply:
    """Describe how cards look. Colours left out are chosen from the logo."""
    draft = call.body(TemplateDraft)
    with call.parts.database.writing() as session:
        template = templates.add_template(session, call.merchant_id, draft, call.now)
    return _reply(template, HTTPStatus.CREATED)


@routes.on("GET", "/templates", scope="programs:write", query=ListQuery, answer=Page[TemplateView])
def index(call: Call) -> Reply:
    """List a merchant's templates."""
    mine = select(Template).where(Template.merchant_id == call.merchant_id)
    with call.parts.database.reading() as session:
        rows, cursor = page(session, mine, Template, call.query(ListQuery))
        return Reply(as_page([view(row) for row in rows], cursor))


@routes.on("GET", "/templates/<template_id>", scope="programs:write", answer=TemplateView)
def show(call: Call) -> Reply:
    """Read one template."""
    with call.parts.database.reading() as session:
        return _reply(_found(session, call))


@routes.on(
    "PATCH",
    "/templates/<template_id>",
    scope="programs:write",
    patch=TemplateDraft,
    answer=TemplateView,
)
def change(call: Call) -> Reply:
    """Change a template (JSON merge patch). The cards of all its programs change their look."""
    with call.parts.database.writing() as session:
        template = _found(session, call)
        check_revision(template.revision)
        draft = call.patched(templates.draft_of(template))
        touched = programs_with(session, template.id)
        with telling(session, touched, call.now):
            templates.change_template(session, template, draft)
    for program_id in touched:
        redraw(call.parts, program_id)
    return _reply(template)


@routes.on("GET", "/templates/<template_id>/lint", scope="programs:write", answer=LintView)
def lint(call: Call) -> Reply:
    """What could be better: unreadable colours with a proposal, texts the wallets will cut."""
    with call.parts.database.reading() as session:
        template = _found(session, call)
        issues = lint_template(session, template)
    return Reply(
        LintView(issues=[IssueView.model_validate(i, from_attributes=True) for i in issues])
    )


def _found(session: Session, call: Call) -> Template:
    return templates.find_template(session, call.merchant_id, call.path["template_id"])


def view(template: Template) -> TemplateView:
    draft = templates.draft_of(template)
    return TemplateView(
        id=template.id,
        created_at=template.created_at,
        **{name: getattr(draft, name) for name in TemplateDraft.model_fields},
    )


def _reply(template: Template, status: HTTPStatus = HTTPStatus.OK) -> Reply:
    return Reply(view(template), status, template.revision)
