"""Google's desk: rows become the full desired state of classes and objects at Google."""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from certs.google import GoogleIdentity
from passes.errors import NotFound
from passes.loyalty.face import PassFace
from passes.loyalty.places import Point
from passes.services import google_booking, google_sync
from passes.services.cards import Card, cards_of
from passes.services.google_booking import Taken
from passes.services.look_pictures import HERO, LOGO, google_pictures
from passes.services.looks import Look, LookBook, LookVersion, read_look
from passes.services.placing import shared_places
from passes.store.claims import Claimed, Retry
from passes.wallets import google
from passes.wallets.google import GoogleClassFacts, GoogleObjectFacts
from passes.wallets.google_rules import Part, with_nulls
from webhooks.couriers.google_rest import Upsert
from webhooks.desks import Courier, Prepared
from webhooks.retry import wait_s

Pictures = Mapping[tuple[str, int], str]  # SHA-256 by kind and stamps

_DRAWN_AGAIN_S = 60.0  # at the latest, what could not be drawn
_CALLBACK = "/google/callback"
# What a class or an object may lack, besides all that overrides may set.
_LACKS: Mapping[Part, tuple[str, ...]] = {
    "class": ("heroImage",),
    "object": ("accountName", "heroImage", "textModulesData"),
}


@dataclass(frozen=True, slots=True)
class Telling(Upsert):
    """A request with what is to be booked when Google has taken it."""

    target: str = ""
    version: int = 0
    balance: str = ""


class GoogleDesk:
    """Classes of programs and objects of passes; an object waits until its class is there.

    `draw` draws and stores a program's pictures, when the edge that changed its look did not.
    """

    name = google_sync.GOOGLE

    def __init__(
        self,
        courier: Courier[Telling],
        identity: GoogleIdentity,
        public_url: str,
        looks: LookBook,
        draw: Callable[[str], object],
    ) -> None:
        self.courier = courier
        self._issuer_id = identity.issuer_id
        self._public_url = public_url
        self._looks = looks
        self._draw = draw
        self._undrawn: set[str] = set()  # programs

    def prepare(
        self, session: Session, rows: Sequence[Claimed], now: datetime
    ) -> Prepared[Telling]:
        batch = self._read(session, rows, now)
        notices, pointless, too_early, unready = [], [], [], []
        for row in rows:
            is_object = row.target.startswith(google_sync.OBJECT)
            try:
                notices.append(self._object(row, batch) if is_object else self._class(session, row))
            except NotFound:
                pointless.append(row.id)
            except _NotYet as reason:
                too_early.append(Retry(row.id, reason.until, str(reason)))
            except _Undrawn as reason:
                self._undrawn.add(reason.program_id)
                wait = timedelta(seconds=wait_s(row.attempts, None, _DRAWN_AGAIN_S, max))
                unready.append(Retry(row.id, now + wait, str(reason)))
        return Prepared(tuple(notices), tuple(pointless), tuple(too_early), tuple(unready))

    def make_missing(self) -> None:
        """Pictures; rows wait longer and longer where they cannot be drawn, with their reason."""
        while self._undrawn:
            self._draw(self._undrawn.pop())

    def book(
        self,
        session: Session,
        told: Sequence[Telling],
        lost: Sequence[tuple[Telling, str]],
        now: datetime,
    ) -> None:
        """Classes with their fan-outs before passes, these in the order of their ids."""
        for program_id in sorted(_name(one) for one in told if one.kind == "loyaltyClass"):
            google_booking.book_class(session, program_id, now)
        objects = [one for one in told if one.kind == "loyaltyObject"]
        google_booking.lock_passes(
            session, [_name(one) for one in (*told, *(one for one, _ in lost))]
        )
        if objects:
            taken = [Taken(_name(one), one.version, one.balance, one.notify) for one in objects]
            google_booking.book_objects(session, taken, now)
        for notice, why in lost:
            google_booking.book_failure(session, notice.target, why)

    def book_gone(self, *_: object) -> bool:
        """Google forgets nothing; what it does not find is made anew."""
        return False

    def _read(self, session: Session, rows: Sequence[Claimed], now: datetime) -> "_Batch":
        """A few queries for all objects: one at a time they would cost more than the PATCHes."""
        ids = [_name(row) for row in rows if row.target.startswith(google_sync.OBJECT)]
        cards = cards_of(session, self._looks, ids) if ids else {}
        faces = {pass_id: card.face() for pass_id, card in cards.items()}
        balances = {pass_id: face.balance.value for pass_id, face in faces.items()}
        looks = {card.look.version: card.look for card in cards.values()}
        return _Batch(
            cards=cards,
            faces=faces,
            pictures={version: google_pictures(session, look) for version, look in looks.items()},
            waits=google_booking.wait_for_class(session, cards, now) if cards else {},
            news=google_booking.news(session, balances, now) if cards else set(),
        )

    def _class(self, session: Session, row: Claimed) -> Telling:
        program_id = _name(row)
        look = read_look(session, program_id)
        places = shared_places(session, program_id)
        facts = self._class_facts(look, _drawn(look, google_pictures(session, look)), places)
        body = _whole("class", google.class_json(facts))
        return Telling(
            row.id, "loyaltyClass", self._id(program_id), body, notify=False, target=row.target
        )

    def _object(self, row: Claimed, batch: "_Batch") -> Telling:
        pass_id = _name(row)
        card = batch.cards.get(pass_id)
        if card is None:
            raise NotFound("There is no such card.")
        if pass_id in batch.waits:
            raise _NotYet("waits for the program's class", batch.waits[pass_id])
        face = batch.faces[pass_id]
        pictures = batch.pictures[card.look.version]
        if not face.voided:  # what is withdrawn waits for no picture
            _drawn(card.look, pictures)
        facts = self._object_facts(card, face, pictures)
        return Telling(
            row.id,
            "loyaltyObject",
            self._id(pass_id),
            _whole("object", google.object_json(face, facts)),
            notify=pass_id in batch.news,
            target=row.target,
            version=card.version,
            balance=face.balance.value,
        )

    def _class_facts(
        self, look: Look, pictures: Pictures, places: tuple[Point, ...]
    ) -> GoogleClassFacts:
        return GoogleClassFacts(
            class_id=self._id(look.version.program_id),
            issuer_name=look.merchant.name,
            program_name=look.program.name,
            logo_url=self._picture_url(pictures[LOGO, 0]),
            hero_url=self._picture_url(pictures[HERO, 0]),
            background=look.design.palette.background,
            locale=look.locale,
            homepage=look.merchant.website,
            callback_url=self._public_url + _CALLBACK,
            places=places,
            overrides=look.google_overrides.get("class", {}),
        )

    def _object_facts(self, card: Card, face: PassFace, pictures: Pictures) -> GoogleObjectFacts:
        look, grid = card.look, face.stamp_card
        hero = pictures.get((HERO, grid.filled)) if grid else None  # else the class shows it
        return GoogleObjectFacts(
            object_id=self._id(card.pass_id),
            class_id=self._id(look.version.program_id),
            hero_url=hero and self._picture_url(hero),
            has_places=card.chosen,
            overrides=look.google_overrides.get("object", {}),
        )

    def _picture_url(self, sha256: str) -> str:
        return f"{self._public_url}/i/{sha256}.png"

    def _id(self, identifier: str) -> str:
        return google.resource_id(self._issuer_id, identifier)


@dataclass(frozen=True, slots=True)
class _Batch:
    """What is read at once for all objects of a batch, by pass; pictures by look."""

    cards: Mapping[str, Card]
    faces: Mapping[str, PassFace]
    pictures: Mapping[LookVersion, Pictures]
    waits: Mapping[str, datetime]
    news: AbstractSet[str]


def _name(one: Claimed | Telling) -> str:
    """The id of the pass or program a row or notice is about."""
    return one.target.partition(":")[2]


def _drawn(look: Look, pictures: Pictures) -> Pictures:
    if not pictures:
        raise _Undrawn(look.version.program_id)
    return pictures


def _whole(part: Part, body: Mapping[str, object]) -> dict[str, object]:
    """The body in which what is absent is cleared: a PATCH would keep it."""
    return {**dict.fromkeys(_LACKS[part]), **with_nulls(part, body)}


class _NotYet(Exception):
    """Something this row needs is on its way; `until` is when to look again."""

    def __init__(self, why: str, until: datetime) -> None:
        super().__init__(why)
        self.until = until


class _Undrawn(Exception):
    """The pictures of a program's look are not there yet."""

    def __init__(self, program_id: str) -> None:
        super().__init__("waits for the program's pictures to be drawn")
        self.program_id = program_id
