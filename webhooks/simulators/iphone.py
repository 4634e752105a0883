"""A virtual iPhone: its owner adds, refreshes, removes and switches; pushes come; errands fall due.

The time is handed in and nothing waits: `run_due` does what is due by then. All methods may be
called from any thread; `receive_push` never blocks.
"""

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from queue import SimpleQueue
from threading import RLock

from cryptography import x509

from webhooks.simulators.daemon import Daemon
from webhooks.simulators.errands import Errand
from webhooks.simulators.findings import Finding
from webhooks.simulators.links import download
from webhooks.simulators.pkpass import MEDIA_TYPE, Package, examine
from webhooks.simulators.rationing import Ration
from webhooks.simulators.wallet import Card, CardKey, Wallet, WebService
from webhooks.simulators.web import Unreachable, Web, WebAnswer
from webhooks.simulators.whereabouts import Position

_OK = 200


class IPhone:
    """One phone that trusts the given roots. `wallet` is there to be read."""

    def __init__(
        self,
        name: str,
        web: Web,
        roots: Sequence[x509.Certificate],
        now: Callable[[], datetime],
        *,
        rationing: bool = False,
    ) -> None:
        self.id = secrets.token_hex(4)
        self.name = name
        self.wallet = Wallet(now)
        self.automatic = True
        self.offline = False
        self._web = web
        self._roots = roots
        self._now = now
        self._daemon = Daemon(self.wallet, web, roots, rationing=rationing)
        self._pushes: SimpleQueue[WebService] = SimpleQueue()
        self._lock = RLock()

    @property
    def rationing(self) -> bool:
        return self._daemon.rationing

    # What its owner does -------------------------------------------------------------------------

    def add_link(self, url: str) -> tuple[Finding, ...]:
        """Open a link to a pass, or to a page with one, and add it; tells what is wrong."""
        with self._lock:
            if self.offline:
                return self._refuse(Finding("offline", url, "The phone is offline."))
            try:
                answer = download(self._web, url)
            except Unreachable as error:
                return self._refuse(Finding("unreachable", url, str(error)))
            wrong = _download_fault(answer, url)
            return self._refuse(wrong) if wrong else self.add(answer.body)

    def add(self, data: bytes) -> tuple[Finding, ...]:
        """Add a `.pkpass`; everything wrong with it, in words. A fatal finding keeps it out."""
        with self._lock:
            examined = examine(data, self._roots, self._now())
            if examined.package is None or examined.objections:
                return self._refuse(*examined.findings)
            for finding in examined.findings:
                self.wallet.say("note", str(finding))
            self._install(examined.package)
            return examined.findings

    def refresh(self) -> None:
        """Pull to refresh on the back of every card: ask at once, whatever is rationed."""
        with self._lock:
            self.wallet.say("refresh", "Pulled to refresh")
            for card in self.wallet.cards.values():
                self.wallet.ask("list", card, "user")
                self.wallet.ask("fetch", card, "user")

    def remove(self, key: CardKey) -> None:
        """Delete a card; its web service is told. A card that is not there is fine."""
        with self._lock:
            card = self.wallet.cards.pop(key, None)
            if card is None:
                return
            self.wallet.errands.drop(*key)
            self.wallet.say("removed", f"Removed “{card.package.description}”")
            if card.registered:
                self.wallet.leaving[key] = card
                self.wallet.ask("unregister", card, "user")
            self.wallet.look_around()

    def set_automatic(self, on: bool) -> None:  # a switch
        """The switch “Automatic Updates” on the back of the cards."""
        with self._lock:
            self.automatic = on
            self.wallet.say("switch", f"Automatic updates {'on' if on else 'off'}")
            for service in self.wallet.services.values():
                self.wallet.switch(service, on=on)

    def set_rationing(self, on: bool) -> None:  # a switch
        """Whether updates are rationed; switching forgets the score."""
        with self._lock:
            self._daemon.rationing = on
            for service in self.wallet.services.values():
                service.ration = Ration()
            self.wallet.say("switch", f"Rationing of updates {'on' if on else 'off'}")

    def set_offline(self, offline: bool) -> None:  # a switch
        """Without a network nothing is done; pushes wait, as they do at APNs."""
        with self._lock:
            self.offline = offline
            self.wallet.say("switch", "Went offline" if offline else "Back online")

    def walk(self, position: Position | None) -> None:
        """Go there, or to where no place is near (None); the lock screen follows, offline too."""
        with self._lock:
            self.wallet.position = position
            self.wallet.say("walk", f"Walked to {position}" if position else "Walked away")
            self.wallet.look_around()

    # What the world does -------------------------------------------------------------------------

    def service_of(self, push_token: str) -> WebService | None:
        """Which web service knows this phone by that push token."""
        services = list(self.wallet.services.values())
        return next((one for one in services if one.push_token == push_token), None)

    def receive_push(self, service: WebService) -> None:
        """A push came for this web service; it is acted upon by `run_due`."""
        self._pushes.put(service)

    def next_due(self) -> datetime | None:
        """When `run_due` has something to do; None: not before something happens."""
        if self.offline:
            return None
        return self.wallet.errands.next_due() if self._pushes.empty() else self._now()

    def run_due(self) -> None:
        """Do all that is due now."""
        with self._lock:
            if self.offline:
                return
            for service in self._waiting_pushes():
                self._on_push(service)
            while taken := self.wallet.errands.take(self._now()):
                self._daemon.run(*taken)
            self.wallet.look_around()

    def _waiting_pushes(self) -> list[WebService]:
        """Each service once: a push only says “come and fetch”."""
        waiting: dict[str, WebService] = {}
        while not self._pushes.empty():
            service = self._pushes.get()
            waiting[service.push_token] = service
        return list(waiting.values())

    def _on_push(self, service: WebService) -> None:
        if not service.automatic:
            self.wallet.say("push", "Push ignored: automatic updates are off")
            return
        now = self._now()
        at = service.ration.next_fetch(now) if self.rationing else now
        wait = f"; rationed, fetching at {at:%H:%M:%S} UTC" if at > now else ""
        self.wallet.say("push", f"Push for {service.pass_type}{wait}")
        self.wallet.errands.ask(Errand("list", service.url, service.pass_type), at, "push")

    # Adding --------------------------------------------------------------------------------------

    def _install(self, package: Package) -> None:
        card = Card(package)
        word = "Replaced" if card.key in self.wallet.cards else "Added"
        self.wallet.cards[card.key] = card
        self.wallet.say(
            "added", f"{word} “{package.description}”: manifest, signature and rules are fine"
        )
        self.wallet.look_around()
        if not package.web_service_url:
            return
        place = (package.web_service_url, package.pass_type)
        if place not in self.wallet.services:
            self.wallet.services[place] = WebService(*place, automatic=self.automatic)
        if self.wallet.services[place].automatic:
            self.wallet.ask("register", card, "user")

    def _refuse(self, *findings: Finding) -> tuple[Finding, ...]:
        for finding in findings:
            self.wallet.say("refused" if finding.fatal else "note", str(finding))
        return findings


def _download_fault(answer: WebAnswer, url: str) -> Finding | None:
    if answer.status != _OK:
        return Finding("download_failed", url, f"The server answered {answer.status}.")
    media_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != MEDIA_TYPE:
        detail = f"It came as {media_type or 'nothing'}; Safari opens {MEDIA_TYPE} only."
        return Finding("media_type_wrong", url, detail)
    return None
