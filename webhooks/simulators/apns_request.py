"""What APNs demands of one push request, with the answer it gives otherwise. Pure.

Source: Apple, "Sending notification requests to APNs" and "Handling notification responses".
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from webhooks.simulators.apns_script import Answer

MAX_PAYLOAD = 4096  # bytes
_MAX_COLLAPSE_ID = 64  # bytes

_PATH = re.compile(r"/3/device/(?P<token>[^/]*)")
_TOKEN = re.compile(r"(?:[0-9a-fA-F]{2}){1,100}")
_TOPIC = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_PRIORITIES = frozenset({"1", "5", "10"})
_PUSH_TYPES = frozenset(
    {
        "alert",
        "background",
        "complication",
        "controls",
        "fileprovider",
        "liveactivity",
        "location",
        "mdm",
        "pushtotalk",
        "voip",
        "widgets",
    }
)


@dataclass(frozen=True, slots=True)
class PushRequest:
    """A request as it came; header names are lower case, the last of repeated ones counts."""

    method: str
    path: str
    headers: Mapping[str, str]
    repeated: frozenset[str]
    body: bytes

    @classmethod
    def of(cls, headers: Sequence[tuple[str, str]], body: bytes) -> "PushRequest":
        """The request of decoded HTTP/2 headers."""
        plain = dict(headers)
        names = [name for name, _ in headers if name.startswith("apns-")]
        repeated = frozenset(name for name in names if names.count(name) > 1)
        return cls(plain.get(":method", ""), plain.get(":path", ""), plain, repeated, body)

    @property
    def token(self) -> str:
        """The device token of the path in lower case; empty when the path is another."""
        match = _PATH.fullmatch(self.path)
        return match["token"].lower() if match else ""

    @property
    def topic(self) -> str:
        return self.headers.get("apns-topic", "")

    def apns_id(self) -> str:
        """The sender's id as it was given, or a new one, as APNs makes it."""
        given = self.headers.get("apns-id", "")
        return given if _is_uuid(given) else str(uuid4()).upper()


def refusal(request: PushRequest, certificate_topic: str | None) -> Answer | None:
    """How APNs refuses this request under a certificate for that topic; None when it is right."""
    for status, reason, wrong in _checks(request, certificate_topic):
        if wrong:
            return Answer(status=status, reason=reason)
    return None


def _checks(request: PushRequest, certificate_topic: str | None) -> Sequence[tuple[int, str, bool]]:
    headers, body = request.headers, request.body
    collapse_id = headers.get("apns-collapse-id", "").encode()
    return (
        (403, "BadCertificate", certificate_topic is None),
        (404, "BadPath", not _PATH.fullmatch(request.path)),
        (405, "MethodNotAllowed", request.method != "POST"),
        (400, "DuplicateHeaders", bool(request.repeated)),
        (400, "MissingDeviceToken", not request.token),
        (400, "BadDeviceToken", not _TOKEN.fullmatch(request.token)),
        (400, "MissingTopic", not request.topic),
        (400, "BadTopic", not _TOPIC.fullmatch(request.topic)),
        (400, "TopicDisallowed", request.topic != certificate_topic),
        (400, "InvalidPushType", headers.get("apns-push-type", "alert") not in _PUSH_TYPES),
        (400, "BadPriority", headers.get("apns-priority", "10") not in _PRIORITIES),
        (400, "BadExpirationDate", not _is_digits(headers.get("apns-expiration", "0"))),
        (400, "BadMessageId", not _is_uuid(headers.get("apns-id", str(UUID(int=0))))),
        (
            400,
            "BadCollapseId",
            len(collapse_id) > _MAX_COLLAPSE_ID,
        ),
        (400, "PayloadEmpty", not body),
        (413, "PayloadTooLarge", len(body) > MAX_PAYLOAD),
        (400, "PayloadEmpty", len(body) <= MAX_PAYLOAD and not _is_dictionary(body)),
    )


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def _is_dictionary(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body), dict)
    except (ValueError, RecursionError):
        return False
