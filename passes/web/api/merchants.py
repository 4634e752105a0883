"""Merchants: made by operators, described by themselves."""

from datetime import datetime
from http import HTTPStatus

from pydantic import BaseModel
from sqlalchemy import select

from passes.errors import ForbiddenScope, NotFound
from passes.services import merchants
from passes.services.drafts import Contact, MerchantDraft, QuietHours
from passes.services.fanout import telling
from passes.services.programs import programs_of
from passes.store.tables import Merchant
from passes.web.api.contract import ADMIN, Call, Reply, Routes, check_revision
from passes.web.api.lists import ListQuery, Page, as_page, page
from passes.web.artwork import redraw

routes = Routes("merchants")


class MerchantView(BaseModel):
    id: str
    name: str
    slug: str
    locale: str
    timezone: str
    currency: str
    contact: Contact
    quiet_hours: QuietHours | None
    created_at: datetime


@routes.on(
    "POST",
    "/merchants",
    scope=ADMIN,
    body=MerchantDraft,
    answer=MerchantView,
    status=HTTPStatus.CREATED,
)
def create(call: Call) -> Reply:
    """Open a merchant. For operators' keys only."""
    _require_operator(call)
    draft = call.body(MerchantDraft)
    with call.parts.database.writing() as session:
        merchant = merchants.open_merchant(session, draft, call.now)
    return _reply(merchant, HTTPStatus.CREATED)


@routes.on("GET", "/merchants", scope=ADMIN, query=ListQuery, answer=Page[MerchantView])
def index(call: Call) -> Reply:
    """List the merchants: all for an operator, its own for a merchant's key."""
    wanted = select(Merchant)
    if call.caller.merchant_id is not None:
        wanted = wanted.where(Merchant.id == call.caller.merchant_id)
    with call.parts.database.reading() as session:
        rows, cursor = page(session, wanted, Merchant, call.query(ListQuery))
        return Reply(as_page([view(row) for row in rows], cursor))


@routes.on("GET", "/merchants/<merchant_id>", scope=ADMIN, answer=MerchantView)
def show(call: Call) -> Reply:
    """Read one merchant."""
    with call.parts.database.reading() as session:
        return _reply(merchants.find_merchant(session, _own(call)))


@routes.on(
    "PATCH", "/merchants/<merchant_id>", scope=ADMIN, patch=MerchantDraft, answer=MerchantView
)
def change(call: Call) -> Reply:
    """Change a merchant (JSON merge patch). Cards show the new contact when next fetched."""
    with call.parts.database.writing() as session:
        merchant = merchants.lock_merchant(session, _own(call))
        check_revision(merchant.revision)
        draft = call.patched(merchants.draft_of(merchant))
        touched = programs_of(session, merchant.id)
        with telling(session, touched, call.now):
            merchants.change_merchant(session, merchant, draft)
    for program_id in touched:
        redraw(call.parts, program_id)
    return _reply(merchant)


def view(merchant: Merchant) -> MerchantView:
    draft = merchants.draft_of(merchant)
    return MerchantView(
        id=merchant.id,
        created_at=merchant.created_at,
        **{name: getattr(draft, name) for name in MerchantDraft.model_fields},
    )


def _reply(merchant: Merchant, status: HTTPStatus = HTTPStatus.OK) -> Reply:
    return Reply(view(merchant), status, merchant.revision)


def _own(call: Call) -> str:
    merchant_id = call.path["merchant_id"]
    if call.caller.merchant_id not in {None, merchant_id}:
        raise NotFound("There is no such merchant.")
    return merchant_id


def _require_operator(call: Call) -> None:
    if not call.caller.operator:
        raise ForbiddenScope("Only an operator's key opens merchants.")
