"""Joining by QR: one page, at most a few fields, no account. A double tap makes one member."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from flask import Blueprint, Response, request, url_for
from sqlalchemy import select

from passes.errors import NotFound
from passes.services.drafts import EnrolmentDraft, MemberDraft
from passes.services.enrollment import enrol
from passes.services.look_pictures import HERO
from passes.services.looks import Look, LookVersion
from passes.services.programs import ACTIVE, DRAFT
from passes.store.tables import Merchant, Program, Template
from passes.web import metrics
from passes.web.artwork import pictures_of
from passes.web.doors import new_door, open_door
from passes.web.form import Entry, Faults, member_draft
from passes.web.pages import (
    PageBrand,
    accepted_locale,
    onward,
    page,
    visitor_locale,
    wished_locale,
)
from passes.web.parts import Parts, parts

blueprint = Blueprint("join", __name__)

JOINS_PER_ADDRESS = "30/minute"  # generous: the guests of a shop share one address


@dataclass(frozen=True, slots=True)
class Offer:
    """What a join page offers: the program, its look, and what its form asks."""

    program_id: str
    is_open: bool
    welcome_stamps: int
    enrolment: EnrolmentDraft
    look: Look
    pictures: Mapping[tuple[str, int], str]

    @property
    def asked(self) -> str:
        """What the form asks and the words it shows, to recognise a form that showed others."""
        return self.enrolment.model_dump_json()

    @property
    def hero(self) -> str:
        """SHA-256 of the picture of a new card."""
        return self.pictures.get((HERO, self.welcome_stamps)) or self.pictures[HERO, 0]


@blueprint.get("/j/<slug>")
def show(slug: str) -> Response:
    """What the program gives, and its form."""
    offer = _offer(parts(), slug)
    return _form(offer, Entry()) if offer.is_open else _closed(offer)


@blueprint.post("/j/<slug>")
def enter(slug: str) -> Response:
    """On to the card of whoever filled in the form; the same form again leads to the same card."""
    here = parts()
    offer = _offer(here, slug)
    if not offer.is_open:
        return _closed(offer)
    now = here.now()
    entry = Entry.of(request.form)
    signed = request.form.get("door", "")
    door = open_door(here.settings.secret_key, signed, now, offer.asked)
    draft = member_draft(entry, offer.enrolment, wished_locale(), now.date())
    if door is None or not isinstance(draft, MemberDraft):
        faults = {} if isinstance(draft, MemberDraft) else draft
        return _form(offer, entry, faults, stale=door is None)
    with here.database.writing() as session:
        program = session.get_one(Program, offer.program_id)
        # The same form with another name on it is another person, on a shared tablet say.
        act = f"{door} {draft.model_dump_json()}"
        joined = enrol(session, program, draft, now, door=act, accept_language=accepted_locale())
    if joined.created:
        metrics.count_enrolment("join")
    address = url_for("card.show", token=joined.card.page_token)
    return onward(address, HTTPStatus.SEE_OTHER)


def _offer(here: Parts, slug: str) -> Offer:
    """The program behind a printed link; one that was never opened does not exist yet."""
    with here.database.reading() as session:
        row = session.execute(
            select(Program, Template.revision, Merchant.revision)
            .join(Template, Template.id == Program.template_id)
            .join(Merchant, Merchant.id == Program.merchant_id)
            .where(Program.slug == slug, Program.status != DRAFT)
        ).one_or_none()
        if row is None:
            raise NotFound("There is no such loyalty card.")
        program, template_revision, merchant_revision = row
        version = LookVersion(program.id, program.revision, template_revision, merchant_revision)
        look = here.looks.open(session, version)
    return Offer(
        program_id=program.id,
        is_open=program.status == ACTIVE,
        welcome_stamps=program.welcome_stamps,
        enrolment=EnrolmentDraft.model_validate(program.enrolment),
        look=look,
        pictures=pictures_of(here, look),
    )


def _form(
    offer: Offer, entry: Entry, faults: Faults | None = None, *, stale: bool = False
) -> Response:
    """The page with a fresh door; after a fault with what was typed, and 422."""
    here = parts()
    failed = bool(faults) or stale
    return page(
        "join.html",
        visitor_locale(offer.look.locale),
        HTTPStatus.UNPROCESSABLE_ENTITY if failed else HTTPStatus.OK,
        offer=offer,
        brand=PageBrand.of(offer.look, offer.pictures),
        public_url=here.settings.public_url,
        door=new_door(here.settings.secret_key, here.now(), offer.asked),
        lang=wished_locale(),
        entry=entry,
        faults=faults or {},
        stale=stale,
    )


def _closed(offer: Offer) -> Response:
    return page(
        "closed.html",
        visitor_locale(offer.look.locale),
        HTTPStatus.GONE,
        offer=offer,
        brand=PageBrand.of(offer.look, offer.pictures),
    )
