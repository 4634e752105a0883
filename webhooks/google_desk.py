"""Google's desk: rows become the full desired state of classes and objects at Google."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from certs.google import GoogleIdentity
from passes.errors import NotFound
from passes.loyalty.places import Point
from passes.services import google_sync
from passes.services.cards import Card, card_of_pass
from passes.services.looks import HERO, LOGO, Look, LookBook, google_pictures, read_look
from passes.services.placing import shared_places
from passes.store.outbox import Claimed, Retry
from passes.wallets import google
from passes.wallets.google import GoogleClassFacts, GoogleObjectFacts
from webhooks.couriers.google_rest import Upsert
from webhooks.desks import Courier, Prepared

_SOON = timedelta(seconds=1)
_CALLBACK = "/google/callback"
# What a class or an object may lack.
_CLASS_FIELDS = (
    "heroImage",
    "countryCode",
    "homepageUri",
    "linksModuleData",
    "merchantLocations",
)
_OBJECT_FIELDS = (
    "accountName",
    "heroImage",
    "textModulesData",
    "linksModuleData",
    "merchantLocations",
)


@dataclass(frozen=True, slots=True)
class Telling(Upsert):
    """A request with what is to be booked when Google has taken it."""

    target: str = ""
    version: int = 0
    balance: str = ""


class GoogleDesk:
    """Classes of programs and objects of passes; an object waits until its class is there."""

    name = google_sync.GOOGLE

    def __init__(
        self,
        courier: Courier[Telling],
        identity: GoogleIdentity,
        public_url: str,
        looks: LookBook,
    ) -> None:
        self.courier = courier
        self._issuer_id = identity.issuer_id
        self._public_url = public_url
        self._looks = looks

    def prepare(
        self, session: Session, rows: Sequence[Claimed], now: datetime
    ) -> Prepared[Telling]:
        notices, pointless, too_early = [], [], []
        for row in rows:
            kind, _, name = row.target.partition(":")
            make = self._class if f"{kind}:" == google_sync.CLASS else self._object
            try:
                notices.append(make(session, row, name, now))
            except NotFound:
                pointless.append(row.id)
            except _NotYet as reason:
                too_early.append(Retry(row.id, reason.until or now + _SOON, str(reason)))
        return Prepared(tuple(notices), tuple(pointless), tuple(too_early))

    def book_delivered(self, session: Session, notices: Sequence[Telling], now: datetime) -> None:
        for notice in notices:
            _, _, name = notice.target.partition(":")
            if notice.kind == "loyaltyClass":
                google_sync.book_class(session, name, now)
            else:
                google_sync.book_object(
                    session, name, notice.version, notice.balance, now, notified=notice.notify
                )

    def book_gone(self, *_: object) -> bool:
        """Google forgets nothing; what it does not find is made anew."""
        return False

    def book_lost(self, session: Session, notice: Telling, why: str) -> None:
        google_sync.book_failure(session, notice.target, why)

    def _class(self, session: Session, row: Claimed, program_id: str, _: datetime) -> Telling:
        look = read_look(session, program_id)
        places = shared_places(session, program_id)
        facts = self._class_facts(look, self._pictures(session, look), places)
        body = _whole(_CLASS_FIELDS, google.class_json(facts))
        return Telling(
            row.id, "loyaltyClass", self._id(program_id), body, notify=False, target=row.target
        )

    def _object(self, session: Session, row: Claimed, pass_id: str, now: datetime) -> Telling:
        card = card_of_pass(session, self._looks, pass_id)
        look_again = google_sync.wait_for_class(session, pass_id, now)
        if look_again is not None:
            raise _NotYet("waits for the program's class", look_again)
        facts = self._object_facts(session, card)
        body = _whole(_OBJECT_FIELDS, google.object_json(card.face(), facts))
        balance = card.face().balance.value
        return Telling(
            row.id,
            "loyaltyObject",
            self._id(pass_id),
            body,
            notify=google_sync.is_news(session, pass_id, balance, now),
            target=row.target,
            version=card.version,
            balance=balance,
        )

    def _class_facts(
        self, look: Look, pictures: dict[tuple[str, int], str], places: tuple[Point, ...]
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

    def _object_facts(self, session: Session, card: Card) -> GoogleObjectFacts:
        look = card.look
        grid = card.face().stamp_card
        pictures = self._pictures(session, look)
        hero = pictures[HERO, grid.filled] if grid else None  # else the class shows it
        return GoogleObjectFacts(
            object_id=self._id(card.pass_id),
            class_id=self._id(look.version.program_id),
            hero_url=hero and self._picture_url(hero),
            has_places=card.chosen,
            overrides=look.google_overrides.get("object", {}),
        )

    def _pictures(self, session: Session, look: Look) -> dict[tuple[str, int], str]:
        pictures = google_pictures(session, look)
        if not pictures:
            raise _NotYet("waits for the program's pictures to be drawn")
        return pictures

    def _picture_url(self, sha256: str) -> str:
        return f"{self._public_url}/i/{sha256}.png"

    def _id(self, identifier: str) -> str:
        return google.resource_id(self._issuer_id, identifier)


def _whole(fields: Sequence[str], body: Mapping[str, object]) -> dict[str, object]:
    """The body in which what is absent is cleared: a PATCH would keep it."""
    return {**dict.fromkeys(fields), **body}


class _NotYet(Exception):
    """Something this row needs is on its way; `until` is when to look again, None for soon."""

    def __init__(self, why: str, until: datetime | None = None) -> None:
        super().__init__(why)
        self.until = until
