"""Finding a card: one query for what is the holder's own, the look from the process's book."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, bindparam, func, select
from sqlalchemy.orm import Session

from passes.errors import Gone, NotFound
from passes.loyalty.face import PassFace, compute_face, texts_near
from passes.loyalty.facts import MemberFacts
from passes.services.changes import announce
from passes.services.looks import Look, LookBook, LookVersion
from passes.services.place_sets import Places, places_in
from passes.store.outbox import BY_HAND
from passes.store.tables import Member, Merchant, Pass, PlaceSet, Program, Template, Transaction


@dataclass(frozen=True, slots=True)
class Card:
    """One pass with everything it shows and the secrets that belong into it.

    Its places are `chosen` when the program has more shops than a pass can carry.
    The locale is settled once the member chose one or took the card; until then a visitor's own
    language is the better guess.
    """

    look: Look
    member: MemberFacts
    locale: str
    is_locale_settled: bool
    is_erased: bool
    pass_id: str
    member_id: str
    serial_number: str
    authentication_token: str
    page_token: str
    version: int
    created_at: datetime
    places: Places
    chosen: bool

    def face(self) -> PassFace:
        """What the card shows now, in its holder's language."""
        look = self.look
        return compute_face(
            look.merchant, look.program, look.design, self.member, self.locale, self.places
        )

    def texts_near(self, places: Places) -> tuple[str, ...]:
        """What it would say near these places, in its holder's language."""
        look = self.look
        return texts_near(look.merchant, look.program, self.member, self.locale, places)


# Asked at every download: built once, because building it costs more than asking.
_CARDS = (
    select(
        Pass.id,
        Pass.member_id,
        Pass.serial_number,
        Pass.authentication_token,
        Pass.page_token,
        Pass.code,
        Pass.voided,
        Pass.locale,
        Pass.created_at,
        Pass.version,
        (Member.locale.is_not(None) | Pass.downloaded_at.is_not(None)).label("settled"),
        Member.erased_at,
        Member.first_name,
        Member.last_name,
        select(func.coalesce(func.sum(Transaction.stamps), 0))
        .where(Transaction.member_id == Pass.member_id)
        .scalar_subquery()
        .label("stamps"),
        Program.id.label("program_id"),
        Program.revision.label("program_revision"),
        Template.revision.label("template_revision"),
        Merchant.revision.label("merchant_revision"),
        PlaceSet.places,
        PlaceSet.chosen,
    )
    .join(Member, Member.id == Pass.member_id)
    .join(Program, Program.id == Pass.program_id)
    .join(Template, Template.id == Program.template_id)
    .join(Merchant, Merchant.id == Pass.merchant_id)
    .outerjoin(PlaceSet, PlaceSet.id == Pass.place_set_id)
)
_BY_TOKEN = _CARDS.where(Pass.page_token == bindparam("page_token"))
_BY_ID = _CARDS.where(Pass.id == bindparam("pass_id"), Pass.merchant_id == bindparam("merchant_id"))
_BY_IDS = _CARDS.where(Pass.id.in_(bindparam("pass_ids", expanding=True)))
_BY_MEMBER = _CARDS.where(Pass.member_id == bindparam("member_id"))
_BY_SERIAL = _CARDS.where(
    Pass.pass_type_identifier == bindparam("pass_type"),
    Pass.serial_number == bindparam("serial_number"),
)


def card_by_token(session: Session, looks: LookBook, page_token: str) -> Card:
    """The card behind a public link; NotFound for a guess, Gone when its holder was erased."""
    card = _find(session, looks, _BY_TOKEN, page_token=page_token)
    if card.is_erased:
        raise Gone("This card no longer exists.")
    return card


def card_by_id(session: Session, looks: LookBook, merchant_id: str, pass_id: str) -> Card:
    """A merchant's card; NotFound when there is none, or it is another merchant's."""
    return _find(session, looks, _BY_ID, pass_id=pass_id, merchant_id=merchant_id)


def cards_of(session: Session, looks: LookBook, pass_ids: Collection[str]) -> dict[str, Card]:
    """Passes' cards by id in one query, whoever their merchants are: for the workers."""
    found = _cards(session, looks, _BY_IDS, pass_ids=list(pass_ids))
    return {card.pass_id: card for card in found}


def card_by_serial(session: Session, looks: LookBook, pass_type: str, serial_number: str) -> Card:
    """The card a phone asks for by its serial number."""
    return _find(session, looks, _BY_SERIAL, pass_type=pass_type, serial_number=serial_number)


@contextmanager
def telling_one(session: Session, looks: LookBook, member_id: str, now: datetime) -> Iterator[None]:
    """Whatever the block changes on a member's card is told to its phones; nothing else is."""
    # The pass before the member, as a stamp does, so that the two cannot wait for each other.
    mine = select(Pass.id).where(Pass.member_id == member_id)
    session.execute(mine.with_for_update()).all()
    before = _find(session, looks, _BY_MEMBER, member_id=member_id).face()
    yield
    session.flush()
    card = _find(session, looks, _BY_MEMBER, member_id=member_id)
    if card.face() != before:
        announce(session, card.look.pass_type_identifier, [card.pass_id], BY_HAND, now)


def passes_of(session: Session, member_ids: list[str]) -> dict[str, Pass]:
    """The passes of many members, by member id."""
    rows = session.scalars(select(Pass).where(Pass.member_id.in_(member_ids)))
    return {card.member_id: card for card in rows}


def _find(session: Session, looks: LookBook, named: Select[*tuple[Any, ...]], **names: str) -> Card:
    for card in _cards(session, looks, named, **names):
        return card
    raise NotFound("There is no such card.")


def _cards(
    session: Session,
    looks: LookBook,
    named: Select[*tuple[Any, ...]],
    **names: str | Collection[str],
) -> list[Card]:
    rows = session.connection().execute(named, names).all()
    return [_card(row, looks.open(session, _version(row))) for row in rows]


def _version(row: Row[*tuple[Any, ...]]) -> LookVersion:
    return LookVersion(
        row.program_id, row.program_revision, row.template_revision, row.merchant_revision
    )


def _card(row: Row[*tuple[Any, ...]], look: Look) -> Card:
    return Card(
        look=look,
        member=MemberFacts(
            code=row.code,
            stamps=int(row.stamps),
            first_name=row.first_name,
            last_name=row.last_name,
            voided=row.voided,
        ),
        locale=row.locale,
        is_locale_settled=row.settled,
        is_erased=row.erased_at is not None,
        pass_id=row.id,
        member_id=row.member_id,
        serial_number=row.serial_number,
        authentication_token=row.authentication_token,
        page_token=row.page_token,
        version=row.version,
        created_at=row.created_at,
        places=places_in(row.places or ()),
        chosen=bool(row.chosen),
    )
