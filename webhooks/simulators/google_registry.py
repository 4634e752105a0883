"""Classes and objects at Google: how they are written, reviewed and kept.

PUT replaces, PATCH merges as RFC 7396 (arrays whole, null deletes). Ids are never free again. Not
for: the paths and bodies of the API (google_rest), who saved what (google_save).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from threading import RLock
from typing import Any

from webhooks.simulators.findings import Finding
from webhooks.simulators.google_errors import ApiError
from webhooks.simulators.google_kinds import (
    Json,
    Kind,
    canonical,
    nodes,
    schema_findings,
)
from webhooks.simulators.google_knobs import Panel
from webhooks.simulators.google_notices import NoticeBoard, What
from webhooks.simulators.google_patch import merged, without_nulls
from webhooks.simulators.google_pictures import PictureError, Pictures
from webhooks.simulators.google_rules import RESOURCE_ID, rule_findings
from webhooks.simulators.google_texts import notice_of, title_of

_MAX_MESSAGES = 10


@dataclass(slots=True)
class Resource:
    """A class or an object; `holders` are the users who saved an object, the first one first."""

    kind: Kind
    document: Json
    updated_at: datetime
    edition: int = 1
    holders: list[str] = field(default_factory=list)

    @property
    def id(self) -> str:
        return str(self.document["id"])


class Registry:
    """All classes and objects of one issuer; safe to use from several threads."""

    def __init__(
        self, issuer_id: str, panel: Panel, pictures: Pictures, notices: NoticeBoard
    ) -> None:
        self.lock = RLock()
        self._issuer_id = issuer_id
        self._panel = panel
        self._pictures = pictures
        self._notices = notices
        self._kept: dict[tuple[bool, str], Resource] = {}  # objects and classes apart

    # Reading -------------------------------------------------------------------------------------

    def find(self, kind: Kind, resource_id: str) -> Resource | None:
        """The resource, also one of another kind: ids are unique over all classes, all objects."""
        return self._kept.get((kind.parent is None, resource_id))

    def get(self, kind: Kind, resource_id: str) -> Resource:
        """The resource; raises ApiError (400, 403, 404)."""
        self.check_id(resource_id)
        found = self.find(kind, resource_id)
        if found is None or found.kind != kind:
            refusal = ApiError.no_object if kind.parent else ApiError.no_class
            raise refusal(resource_id)
        return found

    def all(self, kind: Kind | None = None, class_id: str | None = None) -> list[Resource]:
        """Resources in the order they were made, of one kind, of one class."""
        with self.lock:
            kept = list(self._kept.values())
        return [
            one
            for one in kept
            if kind in {None, one.kind} and class_id in {None, one.document.get("classId")}
        ]

    def class_of(self, resource: Resource) -> Resource:
        """The class of an object."""
        return self._kept[True, str(resource.document["classId"])]

    def check_id(self, resource_id: str) -> None:
        """Raises ApiError when the id is malformed (400) or another issuer's (403)."""
        if not RESOURCE_ID.fullmatch(resource_id):
            raise ApiError.invalid(f"Invalid resource ID: {resource_id}.")
        if resource_id.partition(".")[0] != self._issuer_id:
            raise ApiError.denied()

    # Writing -------------------------------------------------------------------------------------

    def insert(self, kind: Kind, document: Mapping[str, Any]) -> Resource:
        """A new resource; raises ApiError."""
        self._check_schema(kind.definition, document)
        new = canonical(kind.definition, document)
        resource_id = str(new["id"])
        self.check_id(resource_id)
        if self.find(kind, resource_id):
            raise ApiError.exists(resource_id, is_class=kind.parent is None)
        new = self._checked(kind, new, None)
        with self.lock:
            if self.find(kind, resource_id):
                raise ApiError.exists(resource_id, is_class=kind.parent is None)
            new.pop("notifyPreference", None)
            resource = Resource(kind, new, self._panel.now())
            self._kept[kind.parent is None, resource_id] = resource
            return resource

    def replace(self, kind: Kind, resource_id: str, document: Mapping[str, Any]) -> Resource:
        """PUT: what is missing is gone."""
        resource = self.get(kind, resource_id)
        self._check_schema(kind.definition, document)
        new = canonical(kind.definition, document)
        return self._rewrite(resource, lambda _: dict(new))

    def merge(self, kind: Kind, resource_id: str, changes: Mapping[str, Any]) -> Resource:
        """PATCH: what is missing stays."""
        resource = self.get(kind, resource_id)
        self._check_schema(f"{kind.definition}.patch", without_nulls(changes))
        new = canonical(kind.definition, changes)
        return self._rewrite(resource, lambda old: merged(old, new))

    def add_message(self, kind: Kind, resource_id: str, body: Mapping[str, Any]) -> Resource:
        """Append a message; TEXT_AND_NOTIFY disturbs, and the fourth in a day is refused."""
        resource = self.get(kind, resource_id)
        self._check_schema("AddMessageRequest", body)
        message = canonical("AddMessageRequest", body).get("message")
        if not message:
            raise ApiError.invalid("Request contains an invalid argument. message is missing.")
        with self.lock:
            messages = [*resource.document.get("messages", ()), message]
            if len(messages) > _MAX_MESSAGES:
                few = Finding("too_many", "messages", f"At most {_MAX_MESSAGES}.")
                raise ApiError.broken_rules([few])
            notify = message.get("messageType") == "TEXT_AND_NOTIFY"
            if notify and not self._notices.take(resource_id, self._panel.knobs.notices_per_day):
                what = f"{'object' if kind.parent else 'class'} {resource_id}"
                raise ApiError.over_quota(self._issuer_id, what)
            self._keep(resource, resource.document | {"messages": messages})
        text = ": ".join(str(message[key]) for key in ("header", "body") if key in message)
        self._tell(resource, text if notify else "", "A new message")
        return resource

    def decide(self, class_id: str, status: str) -> None:
        """The review of a waiting class ends: APPROVED or REJECTED. ApiError: no such class."""
        found = self._kept.get((True, class_id))
        if found is None:
            raise ApiError.no_class(class_id)
        with self.lock:
            self._keep(found, found.document | _review(status))

    def _rewrite(self, resource: Resource, change: Callable[[Json], Json]) -> Resource:
        # Once before the lock, because pictures are fetched, and once under it, for what is then.
        self._checked(resource.kind, change(resource.document), resource)
        with self.lock:
            old = resource.document
            new = self._checked(resource.kind, change(old), resource)
            notify = new.pop("notifyPreference", None) == "NOTIFY_ON_UPDATE"
            if new == old:
                return resource
            self._keep(resource, new)
            text = notice_of(old, new) if notify else ""
            shown = text and self._notices.take(resource.id, self._panel.knobs.notices_per_day)
        changed = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
        self._tell(resource, text if shown else "", f"Updated: {', '.join(changed)}")
        return resource

    def _keep(self, resource: Resource, new: Json) -> None:
        resource.document = new
        resource.updated_at = self._panel.now()
        resource.edition += 1

    def _tell(self, resource: Resource, notice: str, silent: str) -> None:
        """Show the notice on the phones of all holders, or change their passes in silence."""
        is_class = resource.kind.parent is None
        objects = self.all(class_id=resource.id) if is_class else [resource]
        for one in objects:
            title = title_of((resource if is_class else self.class_of(one)).document)
            what: What = "shown" if notice else "silent"
            self._notices.tell(what, list(one.holders), one.id, title, notice or silent)

    # Checking ------------------------------------------------------------------------------------

    def _check_schema(self, definition: str, document: Mapping[str, Any]) -> None:
        found = schema_findings(definition, document)
        if found:
            raise ApiError.broken_rules(found)

    def _checked(self, kind: Kind, new: Json, old: Resource | None) -> Json:
        """The document as it will be kept; raises ApiError."""
        self._check_schema(kind.definition, new)
        found = rule_findings(kind.definition, new)
        if old and new["id"] != old.id:
            found.append(Finding("id_differs", "id", "It is not the id of the path."))
        if found:
            raise ApiError.broken_rules(found)
        if kind.parent:
            self._check_class(kind.parent, new, old)
        self._check_links(new, old)
        self._check_pictures(kind, new)
        return self._reviewed(new, old)

    def _check_class(self, parent: Kind, new: Json, old: Resource | None) -> None:
        class_id = str(new["classId"])
        if old and old.document["classId"] == class_id:
            return
        self.check_id(class_id)
        found = self.find(parent, class_id)
        if found is None:
            raise ApiError.no_class(class_id)
        if found.kind != parent:
            raise ApiError.invalid(f"Class {class_id} is of another kind.")
        if not approved(found):
            raise ApiError.invalid(f"Class {class_id} is not approved.")

    def _check_links(self, new: Json, old: Resource | None) -> None:
        """Linked objects exist, and are never unlinked."""
        linked = new.get("linkedObjectIds", [])
        before = old.document.get("linkedObjectIds", []) if old else []
        for resource_id in linked:
            self.check_id(resource_id)
            if (False, resource_id) not in self._kept:
                raise ApiError.no_object(resource_id)
        if set(before) - set(linked):
            raise ApiError.invalid("linkedObjectIds cannot be removed.")

    def _check_pictures(self, kind: Kind, new: Json) -> None:
        if not self._panel.knobs.fetch_images:
            return
        for url in picture_urls(kind.definition, new):
            try:
                self._pictures.fetch(url)
            except PictureError as error:
                unusable = Finding("image_unusable", "sourceUri.uri", str(error))
                raise ApiError.broken_rules([unusable]) from error

    def _reviewed(self, new: Json, old: Resource | None) -> Json:
        """Clients say DRAFT or UNDER_REVIEW, the rest is Google's; no way back to DRAFT."""
        new.pop("review", None)  # what was said of the version before
        status = new.get("reviewStatus")
        if status is None:
            return new
        if status not in {"DRAFT", "UNDER_REVIEW"}:
            wrong = "Only DRAFT and UNDER_REVIEW can be sent; every write asks for a new review."
            raise ApiError.broken_rules([Finding("review_status", "reviewStatus", wrong)])
        if old and status == "DRAFT" and old.document.get("reviewStatus") != "DRAFT":
            wrong = "What left DRAFT never returns to it."
            raise ApiError.broken_rules([Finding("review_status", "reviewStatus", wrong)])
        verdict = {"approve": "APPROVED", "reject": "REJECTED"}.get(self._panel.knobs.review)
        return new if status == "DRAFT" or verdict is None else new | _review(verdict)


def approved(found: Resource) -> bool:
    """Whether objects of this class can be made and saved; generic classes have no review."""
    return bool(found.document.get("reviewStatus", "APPROVED") == "APPROVED")


def picture_urls(definition: str, document: Mapping[str, Any]) -> Iterator[str]:
    """Every URL that Google would fetch for a document."""
    for node in nodes(definition, document):
        if node.definition == "ImageUri":
            yield str(node.value.get("uri"))


def _review(status: str) -> Json:
    comments = {"review": {"comments": "Refused by the simulator's knob."}}
    return {"reviewStatus": status} | (comments if status == "REJECTED" else {})
