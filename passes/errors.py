"""What can go wrong for a caller, as values with a stable code, a status and a cure.

    Problem
    ├── BadRequest            400  something the address needs is missing
    ├── Unauthorized          401  no key, an unknown or a revoked one
    ├── ForbiddenScope        403  the key may not do this
    ├── NotFound              404  unknown, or another merchant's: indistinguishable
    ├── Conflict              409  the present state forbids it
    ├── Gone                  410  it was erased
    ├── PreconditionFailed    412  If-Match names an older revision
    ├── Invalid               422  (or 400) one or many faults, each with a pointer
    └── Unavailable           503  a part of us that the request needs is not usable now

The list `CODES` is closed and documented; the table to RFC 9457 lives in `passes.web.problems`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import ClassVar

# code → what the caller can do about it (shown in the documentation)
CODES: dict[str, str] = {
    "apple_signing_unavailable": (
        "No usable certificate for this pass type: run `passmint certs check` and follow its cure."
    ),
    "bad_request": "Correct the request; the documentation shows its form.",
    "busy": "Too many pictures are being read just now: upload it again when Retry-After says.",
    "callback_refused": "Only fresh callbacks signed by Google for our issuer are taken: check the "
    "clock and PASSMINT_GOOGLE_ISSUER_ID.",
    "card_gone": "Its holder was erased: the person can join again.",
    "code_unknown": "Read the code again; the card may be another merchant's.",
    "conflict": "The object's present state forbids this; read it again and decide anew.",
    "cooldown_active": "Wait `retry_after_s` seconds, or confirm when `can_override` is true.",
    "database_unavailable": "It is busy or restarts: repeat the request, with the same key, soon.",
    "forbidden_scope": "Use a key with the scope named in the detail.",
    "google_unavailable": "Configure the Google service account and issuer id; see the settings.",
    "idempotency_in_progress": "The first request with this key still runs: repeat in a moment.",
    "idempotency_key_missing": "Send the header Idempotency-Key, 1 to 255 characters, new per act.",
    "idempotency_key_reused": "This key was used for another request: take a new one.",
    "image_rejected": "Upload a PNG, JPEG, WebP, GIF or SVG of at most 5 MB and 25 megapixels.",
    "internal_error": "Our fault. Quote the request id to the operator.",
    "limit_reached": "Give less at once, or raise the program's limits.",
    "location_not_allowed": "Name one of the program's own shops, or leave `location_id` out.",
    "malformed_body": "Send one well-formed JSON object in UTF-8.",
    "member_erased": "Nothing can be written about an erased member: enrol the person anew.",
    "merchant_missing": "Operator keys name the merchant in the header Passmint-Merchant.",
    "method_not_allowed": "Use one of the methods in the Allow header.",
    "not_found": "Check the path and the id; a key sees its own merchant only.",
    "pass_voided": "Enrol the customer anew: a voided card takes no stamps.",
    "payload_too_large": "Send a smaller body.",
    "precondition_failed": "Somebody changed it: read it again, then repeat with the new ETag.",
    "program_inactive": "Activate the program first.",
    "quota_exceeded": "Wait as long as Retry-After says.",
    "template_invalid": "Correct the template's fields named in `errors`.",
    "unauthorized": "Send `Authorization: Bearer wk_…` with a key that is not revoked.",
    "unsupported_media_type": "Send the content type the documentation names.",
    "validation_failed": "Correct the fields named in `errors`.",
}


@dataclass(frozen=True, slots=True)
class FieldFault:
    """One fault in a request: JSON pointer to the place, machine code, sentence with the cure."""

    pointer: str
    code: str
    detail: str


def pointer(*steps: str | int) -> str:
    """The JSON pointer (RFC 6901) of these keys and indexes."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in steps)


class Problem(Exception):
    """Something the caller can act on; `code` is one of CODES, `more` what a machine may want."""

    status: ClassVar[HTTPStatus]
    code: str
    more: Mapping[str, object] = {}

    def __init__(self, detail: str, code: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or self.code


class BadRequest(Problem):
    status = HTTPStatus.BAD_REQUEST
    code = "malformed_body"


class Unauthorized(Problem):
    status = HTTPStatus.UNAUTHORIZED
    code = "unauthorized"


class ForbiddenScope(Problem):
    status = HTTPStatus.FORBIDDEN
    code = "forbidden_scope"


class NotFound(Problem):
    status = HTTPStatus.NOT_FOUND
    code = "not_found"


class Conflict(Problem):
    status = HTTPStatus.CONFLICT
    code = "conflict"


class Gone(Problem):
    status = HTTPStatus.GONE
    code = "card_gone"


class PreconditionFailed(Problem):
    status = HTTPStatus.PRECONDITION_FAILED
    code = "precondition_failed"


class Unavailable(Problem):
    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "apple_signing_unavailable"


class Invalid(Problem):
    """Faults in what was sent, all at once."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "validation_failed"

    def __init__(
        self,
        faults: Sequence[FieldFault],
        detail: str = "Some fields need correction.",
        code: str | None = None,
    ) -> None:
        super().__init__(detail, code)
        self.faults = tuple(faults)
