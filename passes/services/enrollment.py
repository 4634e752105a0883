"""Joining a program: one member, one pass, the welcome stamps and the consents, or nothing."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from passes.errors import Conflict, FieldFault, Invalid, NotFound
from passes.loyalty.wording import choose_locale
from passes.services import counter
from passes.services.drafts import EnrolmentDraft, MemberDraft, PersonDraft
from passes.services.placing import place_new
from passes.services.programs import ACTIVE
from passes.store.ids import digest
from passes.store.tables import Consent, Member, Merchant, Pass, Program


@dataclass(frozen=True, slots=True)
class Enrolment:
    """`created` is False when the person had joined before: nothing was changed then."""

    member: Member
    card: Pass
    created: bool


def enrol(
    session: Session,
    program: Program,
    draft: MemberDraft,
    now: datetime,
    *,
    door: str | None = None,
    accept_language: str | None = None,
) -> Enrolment:
    """The member who joins, with their pass.

    A known `external_id`, or the same `door` (the secret of one opened join form, so that a double
    tap makes one member), answers with the member of the first time. Raises Conflict when the
    program is not open, Invalid when a required consent or field is missing.
    """
    door_sha256 = digest(door) if door else None
    known = _known(session, program, draft.external_id, door_sha256)
    if known:
        return known
    if program.status != ACTIVE:
        raise Conflict("This program is not open now.", code="program_inactive")
    _require(program, draft)
    try:
        with session.begin_nested():
            return _create(session, program, draft, now, door_sha256, accept_language)
    except IntegrityError:  # a parallel request was faster, and has committed
        known = _known(session, program, draft.external_id, door_sha256)
        if known is None:
            raise
        return known


def find_member(session: Session, merchant_id: str, member_id: str) -> Member:
    member = session.scalar(
        select(Member).where(Member.id == member_id, Member.merchant_id == merchant_id)
    )
    if member is None:
        raise NotFound("There is no such member.")
    return member


def change_member(session: Session, member: Member, draft: MemberDraft, now: datetime) -> None:
    """The member as the draft says; consents are added to the log, never rewritten.

    Conflict (member_erased) for one who is forgotten.
    """
    if member.erased_at is not None:
        raise Conflict("This member was erased: enrol the person anew.", code="member_erased")
    program = session.get_one(Program, member.program_id)
    if draft.locale:
        card = session.scalars(select(Pass).where(Pass.member_id == member.id)).one()
        card.locale = draft.locale
    _fill(member, draft)
    _log_consents(session, program, member, draft, now)
    try:
        session.flush()
    except IntegrityError as error:
        fault = FieldFault("/external_id", "taken", "another member of the program has it")
        raise Invalid([fault]) from error


def draft_of(member: Member) -> MemberDraft:
    """The draft that would make this member again: what a partial change is laid over."""
    return MemberDraft.model_validate(
        {
            "external_id": member.external_id,
            "person": PersonDraft.model_validate(member, from_attributes=True),
            "locale": member.locale,
            "source": member.source,
        }
    )


def _log_consents(
    session: Session, program: Program, member: Member, draft: MemberDraft, now: datetime
) -> None:
    """One line per answer, with the words the person saw."""
    shown = {c["purpose"]: c["text"] for c in program.enrolment.get("consents", ())}
    session.add_all(
        Consent(
            member_id=member.id,
            purpose=consent.purpose,
            granted=consent.granted,
            text=consent.text or shown.get(consent.purpose, ""),
            source=draft.source,
            created_at=now,
        )
        for consent in draft.consents
    )


def _create(
    session: Session,
    program: Program,
    draft: MemberDraft,
    now: datetime,
    door_sha256: str | None,
    accept_language: str | None,
) -> Enrolment:
    merchant = session.get_one(Merchant, program.merchant_id)
    member = Member(
        merchant_id=program.merchant_id,
        program_id=program.id,
        join_sha256=door_sha256,
        created_at=now,
    )
    _fill(member, draft)
    session.add(member)
    session.flush()
    card = Pass(
        merchant_id=program.merchant_id,
        program_id=program.id,
        member_id=member.id,
        pass_type_identifier=program.pass_type_identifier,
        locale=choose_locale(draft.locale, accept_language, merchant.locale),
        modified_s=int(now.timestamp()),
        created_at=now,
    )
    place_new(session, program, card, now)
    session.add(card)
    _log_consents(session, program, member, draft, now)
    if program.welcome_stamps:
        counter.welcome(session, program, member, now)
    session.flush()
    return Enrolment(member, card, created=True)


def _known(
    session: Session, program: Program, external_id: str | None, door_sha256: str | None
) -> Enrolment | None:
    for column, value in (
        (Member.external_id, external_id),
        (Member.join_sha256, door_sha256),
    ):
        if value is None:
            continue
        row = session.execute(
            select(Member, Pass)
            .join(Pass, Pass.member_id == Member.id)
            .where(Member.program_id == program.id, column == value)
        ).one_or_none()
        if row:
            return Enrolment(row.Member, row.Pass, created=False)
    return None


def _fill(member: Member, draft: MemberDraft) -> None:
    member.external_id = draft.external_id
    member.first_name = draft.person.first_name
    member.last_name = draft.person.last_name
    member.email = draft.person.email
    member.phone = draft.person.phone
    member.birthday = draft.person.birthday
    member.locale = draft.locale
    member.source = draft.source


def _require(program: Program, draft: MemberDraft) -> None:
    asked = EnrolmentDraft.model_validate(program.enrolment)
    person = draft.person.model_dump()
    granted = {consent.purpose for consent in draft.consents if consent.granted}
    faults = [
        FieldFault(f"/person/{field.key}", "missing", "this program asks for it: fill it in")
        for field in asked.fields
        if field.required and not person[field.key]
    ]
    faults += [
        FieldFault("/consents", "consent_required", f"consent to {consent.purpose} is required")
        for consent in asked.consents
        if consent.required and consent.purpose not in granted
    ]
    if faults:
        raise Invalid(faults)
