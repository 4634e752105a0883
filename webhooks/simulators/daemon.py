"""The part of a virtual phone that speaks with web services: what it asks, believes and reports.

It behaves as Apple's Wallet daemon was seen to: see the complaints for what it minds. Not for: what
its owner does, and when (see iphone).
"""

from collections.abc import Sequence

from cryptography import x509

from webhooks.simulators import complaints
from webhooks.simulators.device_protocol import DeviceProtocol, read_changes
from webhooks.simulators.errands import Due, Errand
from webhooks.simulators.findings import Finding
from webhooks.simulators.lockscreen import announcement, changed_fields
from webhooks.simulators.pkpass import Package, examine
from webhooks.simulators.strict import rule_findings
from webhooks.simulators.wallet import Card, Wallet, WebService
from webhooks.simulators.web import Unreachable, Web, WebAnswer

_OK, _CREATED, _NO_CONTENT, _NOT_MODIFIED = 200, 201, 204, 304
_UNAUTHORIZED, _TOO_MANY, _SERVER_ERROR = 401, 429, 500


class Daemon:
    """Runs errands on a wallet; `rationing` counts updates that follow pushes."""

    def __init__(
        self, wallet: Wallet, web: Web, roots: Sequence[x509.Certificate], *, rationing: bool
    ) -> None:
        self.rationing = rationing
        self._wallet = wallet
        self._protocol = DeviceProtocol(web)
        self._roots = roots

    def run(self, errand: Errand, due: Due) -> None:
        """Do it; what failed through no fault of the phone is put back for later."""
        try:
            done = self._try(errand, due)
        except Unreachable as error:
            self._wallet.say("trouble", str(error))
            done = False
        if not done:
            at = self._wallet.errands.put_back(errand, due, self._wallet.now())
            when = f"tries again at {at:%H:%M:%S} UTC" if at else "gives up"
            self._wallet.say("trouble", f"The phone {when} ({errand.kind})")

    def _try(self, errand: Errand, due: Due) -> bool:
        """False: to be tried again."""
        service = self._wallet.services[errand.url, errand.pass_type]
        if errand.kind == "list":
            return self._list(service, pushed=due.why == "push")
        card = self._wallet.card_for(errand)
        if card is None:
            return True
        if errand.kind == "register":
            return self._register(service, card)
        if errand.kind == "unregister":
            return self._unregister(service, card)
        return self._fetch(service, card, listed=due.why == "push")

    # Registration --------------------------------------------------------------------------------

    def _register(self, service: WebService, card: Card) -> bool:
        answer = self._protocol.register(service, card)
        if answer.status not in {_OK, _CREATED}:
            return self._failed_on_device("Register", service, card, answer)
        card.registered = True
        known = "already known" if answer.status == _OK else "new"
        self._wallet.say("registered", f"Registered for updates ({answer.status}: {known})")
        self._wallet.ask("list", card, "user")
        if service.tag is not None:
            self._wallet.ask("fetch", card, "user")
        return True

    def _unregister(self, service: WebService, card: Card) -> bool:
        answer = self._protocol.unregister(service, card)
        if answer.status not in {_OK, _CREATED}:
            return self._failed_on_device("Unregister", service, card, answer)
        card.registered = False
        self._wallet.leaving.pop(card.key, None)
        self._wallet.say("unregistered", f"Unregistered ({answer.status})")
        return True

    def _failed_on_device(
        self, name: str, service: WebService, card: Card, answer: WebAnswer
    ) -> bool:
        subject = complaints.device_subject(service.device, *card.key)
        return self._failed(name, service, subject, answer)

    # What changed? -------------------------------------------------------------------------------

    def _list(self, service: WebService, *, pushed: bool) -> bool:
        if pushed and self.rationing and self._is_exhausted(service):
            return True
        answer = self._protocol.list_changes(service)
        if answer.status == _NO_CONTENT:
            self._wallet.say("list", "What changed? Nothing (204)")
            return True
        if answer.status != _OK:
            subject = complaints.list_subject(service.device, service.pass_type, service.tag)
            return self._failed("Get serial #s", service, subject, answer)
        self._take_list(service, answer)
        return True

    def _is_exhausted(self, service: WebService) -> bool:
        cards = len(self._wallet.cards_of(service))
        service.ration = service.ration.after_fetch(self._wallet.now(), cards)
        if not service.ration.exhausted:
            return False
        self._wallet.say("rationed", "Too many updates: automatic updates of these cards end here")
        text = f"Automatic updates were turned off for {service.pass_type}."
        self._wallet.notify("Wallet", text)
        self._wallet.switch(service, on=False)
        return True

    def _take_list(self, service: WebService, answer: WebAnswer) -> None:
        changes = read_changes(answer.body)
        if changes is None:
            self._complain_about(service, complaints.malformed_list())
            return
        count = len(changes.serials)
        self._wallet.say("list", f"What changed? {count} card(s) (200, tag {changes.tag})")
        if changes.serials and changes.tag == service.tag:
            self._complain_about(service, complaints.same_tag(count, changes.tag))
        service.tag = changes.tag
        for serial in changes.serials:
            card = self._wallet.cards.get((service.pass_type, serial))
            if card is None or not service.keeps(card):
                self._complain_about(service, complaints.unregistered(serial))
            else:
                self._wallet.ask("fetch", card, "push")

    # The latest pass -----------------------------------------------------------------------------

    def _fetch(self, service: WebService, card: Card, *, listed: bool) -> bool:
        since = card.last_modified
        answer = self._protocol.fetch(service, card)
        if answer.status == _NOT_MODIFIED and since is not None:
            self._wallet.say("fetch", "Fetched: not modified (304)")
            if listed:
                trouble = complaints.unchanged(card.package.serial_number)
                self._complain_about(service, trouble)
            return True
        subject = complaints.pass_subject(*card.key, since)
        if answer.status != _OK:
            return self._failed("Get pass", service, subject, answer)
        package = self._accepted(card, answer.body)
        if package is None:
            self._complain_of_task("Get pass", service, subject, complaints.INVALID_PASS)
        else:
            self._take_pass(service, card, package, answer)
        return True

    def _accepted(self, card: Card, data: bytes) -> Package | None:
        """The fetched package, if the phone puts it in place of the old one."""
        examined = examine(data, self._roots, self._wallet.now())
        wrong = list(examined.objections)
        if examined.package:
            wrong += _identity_findings(card.package, examined.package)
        for finding in wrong:
            self._wallet.say("refused", str(finding))
        return None if wrong else examined.package

    def _take_pass(self, service: WebService, card: Card, new: Package, answer: WebAnswer) -> None:
        old, since = card.package, card.last_modified
        card.last_modified = answer.headers.get("last-modified")
        if card.last_modified is None:
            self._complain_about(service, complaints.no_last_modified(new.serial_number))
        if new.manifest == old.manifest:
            self._wallet.say("fetch", "Fetched (200): the same pass as before")
            if since is not None:
                self._complain_about(service, complaints.ignored_condition(since))
            return
        card.package = new
        card.updated_at = self._wallet.now()
        self._wallet.say("fetch", "Fetched (200): a new pass")
        for finding in _new_findings(old, new):
            self._wallet.say("note", str(finding))
        self._show(old, new)

    def _show(self, old: Package, new: Package) -> None:
        changes = "; ".join(changed_fields(old, new)) or "no field"
        if new.voided and not old.voided:
            self._wallet.say("voided", "The card is no longer valid")
        text = announcement(old, new)
        if text is None:
            self._wallet.say("silent", f"Updated without a word. Changed: {changes}")
            return
        self._wallet.notify(new.organization_name, text)
        self._wallet.say("shown", f"Lock screen: “{text}”. Changed: {changes}")

    # Trouble -------------------------------------------------------------------------------------

    def _failed(self, name: str, service: WebService, subject: str, answer: WebAnswer) -> bool:
        """Complain; true when trying again is of no use."""
        denied = answer.status == _UNAUTHORIZED
        trouble = complaints.AUTHENTICATION if denied else complaints.unexpected(answer.status)
        self._complain_of_task(name, service, subject, trouble)
        return answer.status < _SERVER_ERROR and answer.status != _TOO_MANY

    def _complain_of_task(self, name: str, service: WebService, subject: str, trouble: str) -> None:
        now = self._wallet.now()
        self._complain(service, complaints.task(now, name, subject, service.url, trouble))

    def _complain_about(self, service: WebService, trouble: str) -> None:
        now = self._wallet.now()
        line = complaints.service(now, service.pass_type, service.url, trouble)
        self._complain(service, line)

    def _complain(self, service: WebService, line: str) -> None:
        self._wallet.say("complaint", line)
        try:
            self._protocol.complain(service, [line])
        except Unreachable:
            self._wallet.say("trouble", "The complaint could not be delivered")


def _new_findings(old: Package, new: Package) -> list[Finding]:
    """What an update spoils that was well before."""
    known = set(rule_findings(old.document, old.files))
    return [one for one in rule_findings(new.document, new.files) if one not in known]


def _identity_findings(old: Package, new: Package) -> list[Finding]:
    """An update must be the same card."""
    pairs = (
        ("passTypeIdentifier", old.pass_type, new.pass_type),
        ("serialNumber", old.serial_number, new.serial_number),
        ("authenticationToken", old.token, new.token),
    )
    detail = "It must never change from one version of a pass to the next."
    return [Finding("identity_changed", key, detail) for key, was, now in pairs if was != now]
