"""What the courier to Google is given, the requests that become of it, and what Google lists.

Pure. Source: Google Wallet REST reference, loyaltyclass and loyaltyobject.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from webhooks.couriers.google_answers import Act, has_users_of

Kind = Literal["loyaltyClass", "loyaltyObject"]

# Of a list: so many at once, and of each only what is asked for.
PAGE = {"maxResults": "200", "fields": "resources(id,hasUsers),pagination"}


@dataclass(frozen=True, slots=True)
class Upsert:
    """The full desired state of a class or an object.

    A value of None clears the field at Google, also inside of objects. `notify` asks for a notice
    on the lock screen; a resource that has to be made first is made without one.
    """

    row: int
    kind: Kind
    id: str
    body: Mapping[str, object] = field(repr=False)
    notify: bool


@dataclass(frozen=True, slots=True)
class Message:
    """A message to the holders of a class or an object, silent unless `notify`.

    Google keeps every message it is sent: `message_id` tells one that is there already, which is
    looked up when it is told `again`.
    """

    row: int
    kind: Kind
    id: str
    message_id: str
    header: str
    body: str = field(repr=False)
    notify: bool
    again: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """An object as Google lists it; `has_users` is None when it does not tell."""

    id: str
    has_users: bool | None


Notice = Upsert | Message


def first_act(notice: Notice) -> Act:
    """How a notice is told first; what is told next depends on the answer."""
    if isinstance(notice, Upsert):
        return Act.PATCH
    return Act.NOTIFY if notice.notify else Act.MENTION


def request(notice: Notice, act: Act) -> tuple[str, str, Mapping[str, object]]:
    """Method, path below /walletobjects/v1/ and body."""
    if isinstance(notice, Message):
        return "POST", f"{notice.kind}/{notice.id}/addMessage", _message(notice, act)
    state = {key: value for key, value in notice.body.items() if key != "notifyPreference"}
    if notice.kind == "loyaltyClass":
        state["reviewStatus"] = "UNDER_REVIEW"  # Google refuses the APPROVED it gave itself
    if act is Act.INSERT:
        return "POST", notice.kind, _without_nulls(state)
    if notice.notify:
        state["notifyPreference"] = "NOTIFY_ON_UPDATE"
    return "PATCH", f"{notice.kind}/{notice.id}", state


def message_ids(document: Mapping[str, object]) -> set[object]:
    """The ids of the messages that a class or object shows."""
    messages = document.get("messages")
    shown = messages if isinstance(messages, list) else []
    return {one.get("id") for one in shown if isinstance(one, dict)}


def listed(document: Mapping[str, object]) -> Iterator[Held]:
    """The objects on a page of a list."""
    resources = document.get("resources")
    for one in resources if isinstance(resources, list) else []:
        if isinstance(one, dict) and isinstance(one.get("id"), str):
            yield Held(one["id"], has_users_of(one))


def next_page(document: Mapping[str, object]) -> str | None:
    """The token of the page after this one, None after the last."""
    pagination = document.get("pagination")
    token = pagination.get("nextPageToken") if isinstance(pagination, dict) else None
    return token if isinstance(token, str) and token else None


def _without_nulls(state: Mapping[str, object]) -> dict[str, object]:
    """What is made anew has nothing to clear."""
    return {
        key: _without_nulls(one) if isinstance(one, Mapping) else one
        for key, one in state.items()
        if one is not None
    }


def _message(notice: Message, act: Act) -> Mapping[str, object]:
    return {
        "message": {
            "id": notice.message_id,
            "header": notice.header,
            "body": notice.body,
            "messageType": "TEXT_AND_NOTIFY" if act is Act.NOTIFY else "TEXT",
        }
    }
