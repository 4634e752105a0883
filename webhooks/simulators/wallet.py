"""What a virtual phone keeps: its cards, who it is to each web service, and what it has shown."""

import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from webhooks.simulators.errands import Errand, Errands, Kind
from webhooks.simulators.pkpass import Package
from webhooks.simulators.places import watched_places
from webhooks.simulators.rationing import Ration
from webhooks.simulators.trail import Trail
from webhooks.simulators.whereabouts import Position, Watched, nearest

CardKey = tuple[str, str]
"""Pass type and serial number."""

_NOTICES = 20


@dataclass(slots=True)
class Card:
    """An installed pass. `last_modified` is the header of its last fetch, as it came."""

    package: Package
    last_modified: str | None = None
    registered: bool = False
    updated_at: datetime | None = None

    @property
    def key(self) -> CardKey:
        return (self.package.pass_type, self.package.serial_number)


@dataclass(slots=True)
class WebService:
    """One web service and pass type: real phones have an id and a push token for each."""

    url: str
    pass_type: str
    automatic: bool = True
    device: str = field(default_factory=lambda: secrets.token_hex(16))
    push_token: str = field(default_factory=lambda: secrets.token_hex(32), repr=False)
    tag: str | None = None
    ration: Ration = field(default_factory=Ration)

    def keeps(self, card: Card) -> bool:
        """Whether this is the card's web service."""
        package = card.package
        return (package.web_service_url, package.pass_type) == (self.url, self.pass_type)


@dataclass(frozen=True, slots=True)
class Notice:
    """One entry of the lock screen."""

    at: datetime
    title: str
    text: str


@dataclass(slots=True)
class Wallet:
    """The memory of one phone; `leaving` holds removed cards until their service knows.

    `nearby` is the place whose card is on the lock screen, because the phone is at `position`.
    """

    now: Callable[[], datetime]
    cards: dict[CardKey, Card] = field(default_factory=dict)
    leaving: dict[CardKey, Card] = field(default_factory=dict)
    services: dict[tuple[str, str], WebService] = field(default_factory=dict)
    errands: Errands = field(default_factory=Errands)
    trail: Trail = field(default_factory=Trail)
    lock_screen: deque[Notice] = field(default_factory=lambda: deque(maxlen=_NOTICES))
    position: Position | None = None
    nearby: Watched | None = None

    def cards_of(self, service: WebService) -> list[Card]:
        """The cards that one web service keeps true."""
        return [card for card in list(self.cards.values()) if service.keeps(card)]

    def card_for(self, errand: Errand) -> Card | None:
        """The card an errand is about; None for a list, and when it is gone."""
        key = (errand.pass_type, errand.serial)
        leaving = self.leaving.get(key) if errand.kind == "unregister" else None
        return leaving or self.cards.get(key)

    def ask(self, kind: Kind, card: Card, why: str) -> None:
        """Do something for this card as soon as possible, if it has a web service."""
        package = card.package
        if package.web_service_url:
            serial = "" if kind == "list" else package.serial_number
            errand = Errand(kind, package.web_service_url, package.pass_type, serial)
            self.errands.ask(errand, self.now(), why)

    def switch(self, service: WebService, *, on: bool) -> None:
        """Automatic updates of one service's cards: off is unregistered, on starts afresh."""
        service.automatic = on
        service.ration = Ration()
        for card in self.cards_of(service):
            self.ask("register" if on else "unregister", card, "user")

    def watched(self) -> list[Watched]:
        """The places of all cards that are valid."""
        valid = [card.package for card in list(self.cards.values()) if not card.package.voided]
        return [place for package in valid for place in watched_places(package.document)]

    def look_around(self) -> None:
        """Put the card of the nearest place on the lock screen, or take it away again."""
        found = nearest(self.watched(), self.position) if self.position else None
        if found == self.nearby:
            return
        self.nearby = found
        if found:
            self.say("near", f"Lock screen: “{found.text or found.title}”")
        else:
            self.say("away", "No longer near: the card has left the lock screen")

    def notify(self, title: str, text: str) -> None:
        """Show something on the lock screen."""
        self.lock_screen.append(Notice(self.now(), title, text))

    def say(self, kind: str, text: str) -> None:
        """Note a step in the trail."""
        self.trail.add(self.now(), kind, text)
