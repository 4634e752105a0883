"""The control plane of the local Google, under `/__sim/`: what it knows and how it behaves. JSON.

GET  state                 knobs, clock, classes, objects with holders, held requests
GET  requests              ?method=&path=&after=  bodies, answers, findings
GET  happenings            what reached phones: notices, silent updates, saves, removals
GET  kept                  what links wanted to change and did not
GET  callbacks             every callback with its body and the answers it got
POST knobs                 any of google_knobs, for example {"ahead_s": 600, "demo": true}
POST script                {"rules": [rule, …]} behind those already there (google_script)
POST script/clear
POST release               {"number": 7}, or {} for all requests held back
POST tokens/revoke
POST review                {"class_id": …, "status": "APPROVED" or "REJECTED"}
POST save                  {"link": …, "user": …}
POST remove                {"object_id": …, "user": …}
POST callbacks             {"event": "save", "object_id": …, "flaw": …}: send one more
POST callbacks/release     {"reverse": true}
POST keys/rotate           {"keep_old": false} withdraws the old root
POST reset                 a good day again; classes, objects and holders stay
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, cast, get_args

from webhooks.simulators.google_ecv2 import Flaw
from webhooks.simulators.google_errors import ApiError
from webhooks.simulators.google_http import Reply, Request, json_reply
from webhooks.simulators.google_kinds import KINDS
from webhooks.simulators.google_knobs import KnobError
from webhooks.simulators.google_registry import Resource
from webhooks.simulators.google_save import Event, SaveRefused
from webhooks.simulators.google_saved_page import saved_json
from webhooks.simulators.google_script import rules_from_json
from webhooks.simulators.script import ScriptError

if TYPE_CHECKING:
    from webhooks.simulators.google_server import Google

PREFIX = "/__sim/"

_SHOWN = 1_000


class ControlError(Exception):
    """An order that cannot be followed; the message says what is needed."""

    code = "control_invalid"


class Control:
    """Follows orders about one local Google."""

    def __init__(self, google: "Google") -> None:
        self._google = google
        self._reads: Mapping[str, Callable[[Mapping[str, str]], object]] = {
            "state": self._state,
            "requests": self._requests,
            "happenings": lambda _: [one.as_json() for one in google.notices.happenings()],
            "kept": lambda _: [
                {"id": one.resource_id, "keys": list(one.keys)} for one in google.desk.kept
            ],
            "callbacks": lambda _: [one.as_json() for one in google.postman.letters()],
        }
        self._orders: Mapping[str, Callable[[dict[str, object]], object]] = {
            "knobs": lambda document: google.panel.turn(document).model_dump(),
            "script": self._script,
            "script/clear": lambda _: google.script.clear(),
            "release": self._release,
            "tokens/revoke": lambda _: google.tokens.revoke_all(),
            "review": self._review,
            "save": self._save,
            "remove": self._remove,
            "callbacks": self._callback,
            "callbacks/release": lambda document: google.postman.release(
                reverse=document.get("reverse") is True
            ),
            "keys/rotate": lambda document: google.sealer.rotate(
                google.panel.now(), keep_old=document.get("keep_old") is not False
            ),
            "reset": lambda _: google.reset(),
        }

    def answer(self, request: Request) -> Reply:
        """Any request under `/__sim/`."""
        name = request.path.removeprefix(PREFIX)
        if request.method == "GET" and name in self._reads:
            return json_reply({name: self._reads[name](request.query)})
        if request.method != "POST" or name not in self._orders:
            known = ", ".join([*self._reads, *self._orders])
            return json_reply({"error": f"There is no {name}; there are {known}."}, 404)
        try:
            document = request.json() if request.body else {}
            return json_reply({"done": self._orders[name](document)})
        except (ApiError, ControlError, KnobError, ScriptError, SaveRefused) as error:
            return json_reply({"error": str(error)}, 422)

    def _state(self, _: Mapping[str, str]) -> dict[str, object]:
        google = self._google
        found = google.registry.all()
        return {
            "now": google.panel.now().isoformat(),
            "knobs": google.panel.knobs.model_dump(),
            "classes": [_shown(one) for one in found if one.kind.parent is None],
            "objects": [_shown(one) for one in found if one.kind.parent],
            "held": google.holds.held(),
        }

    def _requests(self, query: Mapping[str, str]) -> list[dict[str, object]]:
        after = query.get("after", "0")
        entries = self._google.journal.entries(
            query.get("method", ""), query.get("path", ""), int(after) if after.isdecimal() else 0
        )
        return [one.as_json() for one in entries[-_SHOWN:]]

    def _script(self, document: dict[str, object]) -> None:
        self._google.script.add(*rules_from_json(document.get("rules")))

    def _release(self, document: dict[str, object]) -> list[int]:
        number = document.get("number")
        if number is not None and not isinstance(number, int):
            raise ControlError("`number` is the number of a request that is held.")
        return self._google.holds.release(number)

    def _review(self, document: dict[str, object]) -> None:
        status = document.get("status")
        if status not in {"APPROVED", "REJECTED"}:
            raise ControlError("`status` is APPROVED or REJECTED.")
        self._google.registry.decide(_text(document, "class_id"), str(status))

    def _save(self, document: dict[str, object]) -> dict[str, object]:
        link = _text(document, "link")
        saved = self._google.desk.tap(link.rpartition("/")[2], _text(document, "user"))
        return saved_json(saved)

    def _remove(self, document: dict[str, object]) -> bool:
        return self._google.desk.remove(_text(document, "object_id"), _text(document, "user"))

    def _callback(self, document: dict[str, object]) -> None:
        flaw, event = document.get("flaw"), document.get("event", "save")
        if flaw is not None and flaw not in get_args(Flaw):
            raise ControlError(f"`flaw` is one of {', '.join(get_args(Flaw))}.")
        if event not in get_args(Event):
            raise ControlError(f"`event` is one of {', '.join(get_args(Event))}.")
        found = self._object(_text(document, "object_id"))
        self._google.call_back(cast("Event", event), found, cast("Flaw | None", flaw))

    def _object(self, object_id: str) -> Resource:
        return self._google.registry.get(KINDS["loyaltyObject"], object_id)


def _shown(resource: Resource) -> dict[str, object]:
    return {
        "id": resource.id,
        "kind": resource.kind.path,
        "edition": resource.edition,
        "updated_at": resource.updated_at.isoformat(),
        "holders": list(resource.holders),
        "document": resource.document,
    }


def _text(document: dict[str, object], key: str) -> str:
    value = document.get(key)
    if not isinstance(value, str) or not value:
        raise ControlError(f"`{key}` is needed.")
    return value
