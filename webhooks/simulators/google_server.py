"""A local Google Wallet: its token endpoint, API, save links, callbacks and control in one server.

POST /token                     access tokens (google_tokens)
…    /walletobjects/v1/…        the API (google_rest)
GET  /gp/v/save/{jwt}           a tap on “Add to Google Wallet”; ?user= is who taps
GET  /gp/m/issuer/keys          the root keys of callbacks (google_ecv2)
…    /__sim/…                   the control plane (google_control)

What it cannot prove: how a card looks on a phone, Google's review of contents, the exact bodies of
429 and 5xx, when callbacks are tried again, and whether Google lets unknown fields pass (here they
are refused). What is assumed is marked where it stands.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from webhooks.simulators.google_account import ServiceAccount, load_account
from webhooks.simulators.google_android import Androids
from webhooks.simulators.google_control import PREFIX as CONTROL
from webhooks.simulators.google_control import Control
from webhooks.simulators.google_ecv2 import Flaw, Sealer
from webhooks.simulators.google_errors import ApiError
from webhooks.simulators.google_holds import Holds
from webhooks.simulators.google_http import Dropped, Reply, Request, json_reply, serving
from webhooks.simulators.google_journal import Entry, Journal
from webhooks.simulators.google_knobs import Panel
from webhooks.simulators.google_notices import NoticeBoard
from webhooks.simulators.google_pace import Bucket
from webhooks.simulators.google_pictures import Pictures
from webhooks.simulators.google_postman import Postman
from webhooks.simulators.google_registry import Registry, Resource
from webhooks.simulators.google_rest import PREFIX as API
from webhooks.simulators.google_rest import Rest
from webhooks.simulators.google_save import Event, SaveDesk
from webhooks.simulators.google_saved_page import result_page
from webhooks.simulators.google_script import Rule, Script
from webhooks.simulators.google_tokens import TokenOffice

USER = "you@example.com"  # who taps when nobody says

_SAVE = "/gp/v/save/"
_KEYS = "/gp/m/issuer/keys"
_KEYS_GOOD_FOR = "public, max-age=3600"
_STALL_S = 120.0  # longer than any client waits
# As seen on real refusals.
_ERROR_HEADERS = {"vary": "Origin, X-Origin, Referer", "cache_control": "private"}


class Google:
    """The whole of it, without sockets; `url` is set while it runs."""

    def __init__(self, account: ServiceAccount, now: Callable[[], datetime]) -> None:
        self.url = ""
        self.account = account
        self.panel = Panel(now)
        self.journal = Journal()
        self.script = Script()
        self.holds = Holds()
        self.pictures = Pictures()
        self.notices = NoticeBoard(self.panel.now)
        self.sealer = Sealer(account.issuer_id, now())
        self.postman = Postman(account.issuer_id, self.panel, self.sealer)
        self.tokens = TokenOffice(account, self.panel)
        self.registry = Registry(account.issuer_id, self.panel, self.pictures, self.notices)
        self.desk = SaveDesk(account, self.panel, self.registry, self.notices, self.call_back)
        self.androids = Androids(self.desk, self.panel.now)
        self._rest = Rest(self.tokens, self.registry, self.desk, self.panel, Bucket())
        self._control = Control(self)

    @property
    def save_url(self) -> str:
        """What stands before the JWT of a save link."""
        return f"{self.url}{_SAVE.rstrip('/')}"

    @property
    def keys_url(self) -> str:
        """Where the root keys of callbacks are."""
        return f"{self.url}{_KEYS}"

    @property
    def control(self) -> str:
        """Where the control plane begins, without the last slash."""
        return f"{self.url}{CONTROL.rstrip('/')}"

    def call_back(self, event: Event, resource: Resource, flaw: Flaw | None = None) -> None:
        """Tell the merchant, if the class says where."""
        parent = self.registry.class_of(resource)
        url = parent.document.get("callbackOptions", {}).get("url")
        if url:
            self.postman.post(event, parent.id, resource.id, str(url), flaw)

    def reset(self) -> None:
        """A good day again, with nothing behind it but classes, objects and their holders."""
        self.panel.reset()
        self.script.clear()
        self.holds.release()
        self.journal.clear()
        self.notices.clear()
        self.postman.clear()
        self.pictures.forget()
        self.desk.kept.clear()

    @contextmanager
    def running(self, port: int = 0) -> Iterator[None]:
        """Listen on 127.0.0.1 and send callbacks, for the length of the block."""
        with serving(self.answer, port) as self.url, self.postman.walking():
            try:
                yield
            finally:
                self.holds.end()

    def answer(self, request: Request) -> Reply:
        """Whatever comes, as the script has it; raises Dropped."""
        if request.path.startswith(CONTROL):
            return self._control.answer(request)
        entry = self.journal.open(request, self.panel.now())
        rule = self.script.rule_for(request.method, request.path)
        try:
            reply = self._follow(rule, request, entry)
        except Dropped:
            entry.status = 0
            raise
        entry.status = reply.status
        return reply

    def _follow(self, rule: Rule, request: Request, entry: Entry) -> Reply:
        self.holds.wait(rule.delay_s)
        if rule.answer == "course":
            return self._obey(request, entry)
        reply = self._obey(request, entry) if rule.applied else None
        match rule.answer:
            case "status":
                return self._fault(rule)
            case "hold" if self.holds.hold(entry.number):
                return reply or self._obey(request, entry)
            case "stall":
                self.holds.wait(_STALL_S)
        raise Dropped

    def _obey(self, request: Request, entry: Entry) -> Reply:
        try:
            return self._route(request)
        except ApiError as error:
            entry.reason, entry.message, entry.findings = error.reason, str(error), error.findings
            return self._refusal(error)

    def _route(self, request: Request) -> Reply:
        if request.path.startswith(API):
            return self._rest.answer(request)
        if request.method == "POST" and request.path == "/token":
            return self.tokens.answer(request)
        if request.method == "GET" and request.path.startswith(_SAVE):
            user = request.query.get("user", USER)
            return result_page(self.desk, request, request.path.removeprefix(_SAVE), user)
        if request.method == "GET" and request.path == _KEYS:
            return json_reply(self.sealer.published(), cache_control=_KEYS_GOOD_FOR)
        raise ApiError.no_route()

    def _refusal(self, error: ApiError) -> Reply:
        unproven = self.panel.knobs.unproven_reasons
        return json_reply(error.as_json(unproven=unproven), error.status, **_ERROR_HEADERS)

    def _fault(self, rule: Rule) -> Reply:
        reply = self._refusal(ApiError(rule.status, "An error made by the script.", rule.reason))
        if rule.retry_after is None:
            return reply
        headers = {**reply.headers, "Retry-After": str(rule.retry_after)}
        return Reply(reply.status, reply.body, headers)


@contextmanager
def running_google(
    account_file: Path, issuer_id: str, port: int = 0, *, now: Callable[[], datetime]
) -> Iterator[Google]:
    """A local Google for the length of the block, on 127.0.0.1; port 0 takes a free one.

    It knows the service account of `account_file` as a user of the issuer. Raises CertificateError,
    and OSError for a taken port.
    """
    google = Google(load_account(account_file, issuer_id), now)
    with google.running(port):
        yield google
