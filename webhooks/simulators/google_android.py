"""Virtual Android phones: each belongs to a user, whose passes Google shows on all their phones."""

import secrets
from collections import deque
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from time import sleep

from webhooks.simulators.google_links import find_save_token
from webhooks.simulators.google_notices import Happening
from webhooks.simulators.google_places import watched_places
from webhooks.simulators.google_registry import Resource
from webhooks.simulators.google_save import SaveDesk, SaveRefused
from webhooks.simulators.trail import Trail
from webhooks.simulators.wallet import Notice
from webhooks.simulators.web import HttpWeb, Unreachable, Web
from webhooks.simulators.whereabouts import Position, Watched, nearest

NEAR_WORDS = "You can use this pass nearby."  # ours: Google chooses its own

_NOTICES = 20
_NEAR_PER_DAY = 4  # notices about places, per pass; assumed: the old platform's limit
_DAY = timedelta(hours=24)


@dataclass(slots=True)
class _Stay:
    """Near a place since then; `settled` once its notice was shown or withheld."""

    place: Watched
    since: datetime
    settled: bool = False


class Android:
    """One phone. `notifications` is its owner's switch for the Wallet app.

    `nearby` is the place whose notice is on the lock screen; `look` brings it up to the moment.
    """

    def __init__(self, name: str, user: str, desk: SaveDesk, now: Callable[[], datetime]) -> None:
        self.id = secrets.token_hex(4)
        self.name = name
        self.user = user
        self.notifications = True
        self.trail = Trail()
        self.lock_screen: deque[Notice] = deque(maxlen=_NOTICES)
        self.position: Position | None = None
        self.nearby: Watched | None = None
        self._stay: _Stay | None = None
        self._told: deque[tuple[str, datetime]] = deque()
        self._desk = desk
        self._now = now
        self._lock = Lock()

    def passes(self) -> list[Resource]:
        """What is in the wallet, in the order the objects were made."""
        return self._desk.held_by(self.user)

    def class_of(self, resource: Resource) -> Resource:
        """The class of one of its passes."""
        return self._desk.registry.class_of(resource)

    def open(self, url: str, web: Web, wait: Callable[[float], None] = sleep) -> str:
        """Follow a link to Google Wallet and save; what went wrong in words, or nothing."""
        try:
            saved = self._desk.tap(find_save_token(web, url, wait), self.user)
        except Unreachable as error:
            return self._refuse(str(error))
        except SaveRefused as error:
            return self._refuse(f"Something went wrong. Developers are told: {error}")
        for object_id in sorted(saved.already):
            self.say("kept", f"{object_id} was here already; a link never updates a pass")
        return ""

    def remove(self, object_id: str) -> bool:
        """Throw a pass away, on all phones of its owner; False when there is none."""
        return self._desk.remove(object_id, self.user)

    def set_notifications(self, on: bool) -> None:  # a switch
        self.notifications = on
        self.say("switch", f"Notifications {'on' if on else 'off'}")

    def watched(self) -> list[Watched]:
        """The places of all its passes."""
        return [one for card in self.passes() for one in watched_places(card, self.class_of(card))]

    def walk(self, position: Position | None) -> None:
        """Go there, or to where no place is near (None)."""
        with self._lock:
            self.position = position
            self.say("walk", f"Walked to {position}" if position else "Walked away")
        self.look()

    def look(self) -> None:
        """Who stays near a place for a while gets its notice, until they leave."""
        with self._lock:
            if self.position is None and self._stay is None:
                return
            found = nearest(self.watched(), self.position) if self.position else None
            if found != (self._stay.place if self._stay else None):
                self._arrive(found)
            dwell = timedelta(seconds=self._desk.panel.knobs.dwell_s)
            stay = self._stay
            if stay and not stay.settled and stay.since + dwell <= self._now():
                stay.settled = True
                self._show_nearby(stay.place)

    def hear(self, news: Happening) -> None:
        """Google tells about a pass of this phone's owner."""
        shown = news.what == "shown" and self.notifications
        if shown:
            self.lock_screen.append(Notice(news.at, news.title, news.text))
        kinds = {"saved": "added", "removed": "removed", "silent": "silent"}
        kind = "shown" if shown else kinds.get(news.what, "silent")
        text = f"Lock screen: “{news.text}”" if shown else news.text
        self.trail.add(news.at, kind, f"{news.title}: {text}")

    def say(self, kind: str, text: str) -> None:
        """Note a step in the trail."""
        self.trail.add(self._now(), kind, text)

    def _arrive(self, place: Watched | None) -> None:
        if self.nearby:
            self.say("away", "No longer near: the notice has left the lock screen")
        self.nearby = None
        self._stay = _Stay(place, self._now()) if place else None
        if place:
            self.say("arrived", f"Near a place of “{place.title}”; a notice comes after a while")

    def _show_nearby(self, place: Watched) -> None:
        now = self._now()
        while self._told and self._told[0][1] <= now - _DAY:
            self._told.popleft()
        if not self.notifications:
            self.say("silent", "Near, and notifications are off")
        elif [card for card, _ in self._told].count(place.card) >= _NEAR_PER_DAY:
            self.say("silent", f"Near, and {_NEAR_PER_DAY} notices a day are enough")
        else:
            self.nearby = place
            self._told.append((place.card, now))
            self.say("near", f"Lock screen: “{NEAR_WORDS}”")

    def _refuse(self, problem: str) -> str:
        self.say("refused", problem)
        return problem


class Androids:
    """All virtual Androids of one local Google, in the order they were bought."""

    def __init__(self, desk: SaveDesk, now: Callable[[], datetime]) -> None:
        self._phones: dict[str, Android] = {}
        self._desk = desk
        self._now = now
        self._lock = Lock()
        desk.notices.watch(self._hear)

    def buy(self, name: str, user: str) -> Android:
        """A new phone; it shows at once what its user has."""
        phone = Android(name, user, self._desk, self._now)
        with self._lock:
            self._phones[phone.id] = phone
        return phone

    def all(self) -> list[Android]:
        """Every phone, the oldest first."""
        with self._lock:
            return list(self._phones.values())

    def phone(self, phone_id: str) -> Android | None:
        """The phone with this id."""
        return self._phones.get(phone_id)

    def look(self) -> None:
        """Time has passed: all look where they are."""
        for phone in self.all():
            phone.look()

    def version(self) -> int:
        """Grows whenever something happened on a phone, by now."""
        self.look()
        return sum(1 + phone.trail.newest for phone in self.all())

    def open(self, phone: Android, url: str) -> str:
        """Follow a link over the real network; what went wrong in words, or nothing."""
        with closing(HttpWeb()) as web:
            return phone.open(url, web)

    def _hear(self, news: Happening) -> None:
        for phone in self.all():
            if phone.user == news.user:
                phone.hear(news)
