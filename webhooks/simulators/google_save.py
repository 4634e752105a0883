"""The save link: what happens when somebody taps “Add to Google Wallet”, and later removes it.

A JWT can carry whole classes and objects (fat) or two ids (skinny). What exists already is kept as
it is: a link never updates.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from webhooks.simulators.google_account import JwtError, ServiceAccount
from webhooks.simulators.google_errors import ApiError
from webhooks.simulators.google_kinds import KINDS, Kind, canonical, schema_findings
from webhooks.simulators.google_knobs import Panel
from webhooks.simulators.google_notices import NoticeBoard
from webhooks.simulators.google_registry import Registry, Resource, approved
from webhooks.simulators.google_texts import title_of

MAX_JWT = 1_800  # characters that browsers carry safely; Google Wallet, web

Event = Literal["save", "del"]

_SKEW_S = 300
_ID_KEYS = {"id", "classId"}
_BY_PAYLOAD = {kind.payload: kind for kind in KINDS.values()}


class SaveRefused(Exception):
    """The user reads “Something went wrong”; the message is what Google tells developers."""

    code = "save_refused"


@dataclass(frozen=True, slots=True)
class Kept:
    """A resource that a link wanted otherwise than it is."""

    resource_id: str
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Saved:
    """What a tap did: passes now in the wallet, and those of them that were there before."""

    objects: tuple[Resource, ...]
    already: frozenset[str]


@dataclass(slots=True)
class SaveDesk:
    """Saves and removals by users, who are known by their e-mail address."""

    account: ServiceAccount
    panel: Panel
    registry: Registry
    notices: NoticeBoard
    tell: Callable[[Event, Resource], None]
    kept: list[Kept] = field(default_factory=list)

    def tap(self, token: str, user: str) -> Saved:
        """Save what the JWT names for this user; raises SaveRefused, and then nothing is saved."""
        if len(token) > MAX_JWT and self.panel.knobs.refuse_long_links:
            raise SaveRefused(f"The JWT has {len(token)} characters, {MAX_JWT} are safe.")
        try:
            claims = self.account.claims(token)
        except JwtError as error:
            raise SaveRefused(str(error)) from error
        payload = self.check(claims)
        self._check_demo(user)
        try:
            named = [self._made(kind, one) for kind, one in payload]
        except ApiError as error:
            raise SaveRefused(str(error)) from error
        objects = [one for one in named if one.kind.parent]
        with self.registry.lock:
            for one in objects:
                self._check_holder(one, user)
            already = frozenset(one.id for one in objects if not self._hold(one, user))
        return Saved(tuple(objects), already)

    def remove(self, object_id: str, user: str) -> bool:
        """The user throws a pass away; False when they had none. The object stays for ever."""
        with self.registry.lock:
            held = [one for one in self.held_by(user) if one.id == object_id]
            for one in held:
                one.holders.remove(user)
                self._happened("removed", "del", one, user)
        return bool(held)

    def held_by(self, user: str) -> list[Resource]:
        """The passes in this user's wallet."""
        return [one for one in self.registry.all() if user in one.holders]

    def check(self, claims: Mapping[str, Any]) -> list[tuple[Kind, dict[str, Any]]]:
        """The resources of a save JWT, classes first; raises SaveRefused for a malformed one."""
        wrong = _claim_faults(claims, self.account.email, self.panel.now().timestamp())
        if wrong:
            raise SaveRefused(" ".join(wrong))
        payload = claims["payload"]
        found = schema_findings("Resources", payload)
        if found:
            raise SaveRefused("; ".join(map(str, found)))
        strange = sorted(payload.keys() - _BY_PAYLOAD.keys())
        if strange:
            raise SaveRefused(f"This simulator does not know {', '.join(strange)}.")
        named = [(_BY_PAYLOAD[key], one) for key, group in payload.items() for one in group]
        if not any(kind.parent for kind, _ in named):
            raise SaveRefused("The payload has no object to save.")
        return sorted(named, key=lambda pair: pair[0].parent is not None)

    def _made(self, kind: Kind, document: Mapping[str, Any]) -> Resource:
        """The resource, made from the JWT if it did not exist; raises ApiError."""
        resource_id = str(document.get("id", ""))
        new = self.registry.find(kind, resource_id) is None
        if new and document.keys() - _ID_KEYS:
            return self.registry.insert(kind, document)
        found = self.registry.get(kind, resource_id)
        self._note_kept(found, canonical(kind.definition, document))
        return found

    def _note_kept(self, found: Resource, wanted: Mapping[str, Any]) -> None:
        status = "reviewStatus"  # a class in a JWT always asks for review
        keys = [key for key in wanted if key != status and wanted[key] != found.document.get(key)]
        if keys:
            self.kept.append(Kept(found.id, tuple(sorted(keys))))

    def _check_demo(self, user: str) -> None:
        knobs = self.panel.knobs
        if knobs.demo and user not in knobs.testers:
            raise SaveRefused(f"The issuer is in demo mode and {user} is no test account.")

    def _check_holder(self, resource: Resource, user: str) -> None:
        parent = self.registry.class_of(resource)
        if not approved(parent):
            raise SaveRefused(f"Class {parent.id} is not approved.")
        status = parent.document.get("multipleDevicesAndHoldersAllowedStatus")
        others = [holder for holder in resource.holders if holder != user]
        if status in {"ONE_USER_ALL_DEVICES", "ONE_USER_ONE_DEVICE"} and others:
            raise SaveRefused(f"{resource.id} belongs to another user.")
        only = resource.document.get("saveRestrictions", {}).get("restrictToEmailSha256")
        if only and only != _email_hash(user):
            raise SaveRefused(f"{resource.id} is for another e-mail address.")

    def _hold(self, resource: Resource, user: str) -> bool:
        """Put the pass into the wallet; False when it was there."""
        if user in resource.holders:
            return False
        resource.holders.append(user)
        self._happened("saved", "save", resource, user)
        return True

    def _happened(
        self, what: Literal["saved", "removed"], event: Event, resource: Resource, user: str
    ) -> None:
        title = title_of(self.registry.class_of(resource).document)
        words = {"saved": "Added to Google Wallet", "removed": "Removed from Google Wallet"}
        self.notices.tell(what, [user], resource.id, title, words[what])
        self.tell(event, resource)


def _claim_faults(claims: Mapping[str, Any], email: str, now_s: float) -> list[str]:
    issued, ends, origins = claims.get("iat"), claims.get("exp"), claims.get("origins", [])
    good = {
        "iss must be the service account.": claims.get("iss") == email,
        'aud must be "google".': claims.get("aud") == "google",
        'typ must be "savetowallet".': claims.get("typ") == "savetowallet",
        "iat must be whole seconds, not in the future.": isinstance(issued, int)
        and issued <= now_s + _SKEW_S,
        "exp is past.": ends is None or (isinstance(ends, int) and ends > now_s),
        "origins must be a list of sites.": isinstance(origins, list)
        and all(isinstance(one, str) for one in origins),
        "payload must be an object.": isinstance(claims.get("payload"), dict),
    }
    return [sentence for sentence, holds in good.items() if not holds]


def _email_hash(email: str) -> str:
    """Google's form: lower case, without dots and plus signs."""
    plain = email.lower().replace(".", "").replace("+", "")
    return hashlib.sha256(plain.encode()).hexdigest()
