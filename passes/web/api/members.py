"""Members of a program: joined by a merchant's system, read and changed by id."""

from collections.abc import Sequence
from datetime import date, datetime
from http import HTTPStatus

from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from passes.loyalty.stamps import progress
from passes.services import enrollment, programs
from passes.services.cards import passes_of, telling_one
from passes.services.counter import stamps_of
from passes.services.drafts import ExternalId, MemberDraft, ObjectId
from passes.services.looks import stamp_rules
from passes.services.privacy import erase_member
from passes.store.tables import Member, Pass, Program
from passes.web import metrics
from passes.web.api.contract import Call, Reply, Routes, check_revision
from passes.web.api.lists import ListQuery, Page, as_page, page
from passes.web.rendering import PassLinks, links

routes = Routes("members")


class MemberQuery(ListQuery):
    """Which members; both filters may be left out."""

    program_id: ObjectId | None = None
    external_id: ExternalId | None = None


class MemberPassView(BaseModel):
    id: str
    serial_number: str
    urls: PassLinks


class BalancesView(BaseModel):
    stamps: int


class ProgressView(BaseModel):
    """`current` slots of `target` are filled on the present card."""

    current: int
    target: int
    remaining: int
    next_reward: str | None
    rewards_ready: list[str]


class PersonView(BaseModel):
    first_name: str
    last_name: str
    email: str | None
    phone: str | None
    birthday: date | None


class MemberView(BaseModel):
    id: str
    program_id: str
    external_id: str | None
    person: PersonView
    locale: str | None
    source: str
    balances: BalancesView
    progress: ProgressView
    card: MemberPassView = Field(serialization_alias="pass")
    created_at: datetime
    erased_at: datetime | None


@routes.on(
    "POST",
    "/programs/<program_id>/members",
    scope="members:write",
    body=MemberDraft,
    answer=MemberView,
    status=HTTPStatus.CREATED,
)
def create(call: Call) -> Reply:
    """Enrol a member. A known `external_id` answers 200 with the member as they are."""
    draft = call.body(MemberDraft)
    with call.parts.database.writing() as session:
        program = programs.find_program(session, call.merchant_id, call.path["program_id"])
        enrolment = enrollment.enrol(session, program, draft, call.now)
        view = member_view(call, session, enrolment.member)
    if enrolment.created:
        metrics.count_enrolment("api")
    status = HTTPStatus.CREATED if enrolment.created else HTTPStatus.OK
    return Reply(view, status, enrolment.member.revision)


@routes.on("GET", "/members", scope="members:read", query=MemberQuery, answer=Page[MemberView])
def index(call: Call) -> Reply:
    """List members, newest last; by program or by your own id for them."""
    query = call.query(MemberQuery)
    wanted = select(Member).where(Member.merchant_id == call.merchant_id)
    if query.program_id is not None:
        wanted = wanted.where(Member.program_id == query.program_id)
    if query.external_id is not None:
        wanted = wanted.where(Member.external_id == query.external_id)
    with call.parts.database.reading() as session:
        rows, cursor = page(session, wanted, Member, query)
        views = _views(call, session, rows)
    return Reply(as_page(views, cursor))


@routes.on("GET", "/members/<member_id>", scope="members:read", answer=MemberView)
def show(call: Call) -> Reply:
    """Read one member with balance and progress."""
    with call.parts.database.reading() as session:
        member = enrollment.find_member(session, call.merchant_id, call.path["member_id"])
        return Reply(member_view(call, session, member), revision=member.revision)


@routes.on(
    "PATCH", "/members/<member_id>", scope="members:write", patch=MemberDraft, answer=MemberView
)
def change(call: Call) -> Reply:
    """Change a member (JSON merge patch); consents named are added to the log."""
    with call.parts.database.writing() as session:
        member = enrollment.find_member(session, call.merchant_id, call.path["member_id"])
        check_revision(member.revision)
        draft = call.patched(enrollment.draft_of(member))
        with telling_one(session, call.parts.looks, member.id, call.now):
            enrollment.change_member(session, member, draft, call.now)
        return Reply(member_view(call, session, member), revision=member.revision)


@routes.on("POST", "/members/<member_id>/erase", scope="members:write", answer=MemberView)
def erase(call: Call) -> Reply:
    """Forget who a member is, for good: their card becomes void in every wallet.

    What was counted stays for the accounts, without a name. Erasing again changes nothing.
    """
    with call.parts.database.writing() as session:
        member = enrollment.find_member(session, call.merchant_id, call.path["member_id"])
        check_revision(member.revision)
        erase_member(session, member, call.now)
        return Reply(member_view(call, session, member), revision=member.revision)


def member_view(call: Call, session: Session, member: Member) -> MemberView:
    """One member as the API shows them."""
    return _views(call, session, [member])[0]


def _views(call: Call, session: Session, members: Sequence[Member]) -> list[MemberView]:
    """Many members with three queries in all."""
    ids = [member.id for member in members]
    stamps, cards = stamps_of(session, ids), passes_of(session, ids)
    program_ids = {member.program_id for member in members}
    by_id = {p.id: p for p in session.scalars(select(Program).where(Program.id.in_(program_ids)))}
    return [
        view_of(call, member, by_id[member.program_id], cards[member.id], stamps.get(member.id, 0))
        for member in members
    ]


def view_of(call: Call, member: Member, program: Program, card: Pass, stamps: int) -> MemberView:
    """The same of rows that were read, with the member's balance."""
    standing = progress(stamp_rules(program), stamps)
    return MemberView(
        id=member.id,
        program_id=member.program_id,
        external_id=member.external_id,
        person=PersonView.model_validate(member, from_attributes=True),
        locale=member.locale,
        source=member.source,
        balances=BalancesView(stamps=stamps),
        progress=ProgressView(
            current=standing.position,
            target=standing.card_size,
            remaining=standing.remaining,
            next_reward=standing.upcoming.title if standing.upcoming else None,
            rewards_ready=[milestone.title for milestone in standing.ready],
        ),
        card=MemberPassView(
            id=card.id, serial_number=card.serial_number, urls=links(call.parts, card.page_token)
        ),
        created_at=member.created_at,
        erased_at=member.erased_at,
    )
