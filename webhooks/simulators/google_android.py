"""Virtual Android phones: each belongs to a user, whose passes Google shows on all their phones."""

import secrets
from collections import deque
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from threading import Lock
from time import sleep

from webhooks.simulators.google_links import find_save_token
from webhooks.simulators.google_notices import Happening
from webhooks.simulators.google_registry import Resource
from webhooks.simulators.google_save import SaveDesk, SaveRefused
from webhooks.simulators.trail import Trail
from webhooks.simulators.wallet import Notice
from webhooks.simulators.web import HttpWeb, Unreachable, Web

_NOTICES = 20


class Android:
    """One phone. `notifications` is its owner's switch for the Wallet app."""

    def __init__(self, name: str, user: str, desk: SaveDesk, now: Callable[[], datetime]) -> None:
        self.id = secrets.token_hex(4)
        self.name = name
        self.user = user
        self.notifications = True
        self.trail = Trail()
        self.lock_screen: deque[Notice] = deque(maxlen=_NOTICES)
        self._desk = desk
        self._now = now

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

    def version(self) -> int:
        """Grows whenever something happened on a phone."""
        return sum(1 + phone.trail.newest for phone in self.all())

    def open(self, phone: Android, url: str) -> str:
        """Follow a link over the real network; what went wrong in words, or nothing."""
        with closing(HttpWeb()) as web:
            return phone.open(url, web)

    def _hear(self, news: Happening) -> None:
        for phone in self.all():
            if phone.user == news.user:
                phone.hear(news)
