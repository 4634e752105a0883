"""What Google refuses, as it was seen to say it.

    ApiError
    ├─ 400 invalidResource        (seen)      a body or an id that breaks a rule
    ├─ 401                        (seen)      no or no longer a good token
    ├─ 403 permissionDenied       (seen)      the account is no user of this issuer
    ├─ 403 insufficientPermissions(seen)      a token for another scope
    ├─ 403 quotaExceeded          (seen)      the fourth notice for a pass in a day
    ├─ 404, 409, 429, 5xx         (assumed)   the status is sure, the reason is not

Reasons that nobody has seen can be left out of the bodies, so that no client leans on them.
"""

from collections.abc import Sequence

from webhooks.simulators.findings import Finding

_RPC = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}
_SEEN = frozenset({"invalidResource", "permissionDenied", "quotaExceeded"})
_SEEN_GLOBAL = frozenset({"insufficientPermissions"})


class ApiError(Exception):
    """A refusal; `findings` say in our words what broke which rule (for the journal)."""

    code = "refused"

    def __init__(
        self, status: int, message: str, reason: str = "", findings: Sequence[Finding] = ()
    ) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.findings = tuple(findings)

    @classmethod
    def invalid(cls, message: str, reason: str = "invalidResource") -> "ApiError":
        return cls(400, message, reason)

    @classmethod
    def broken_rules(cls, findings: Sequence[Finding]) -> "ApiError":
        listed = "; ".join(f"{one.subject}: {one.detail}" for one in findings)
        message = f"Request contains an invalid argument. {listed}"
        return cls(400, message, "invalidResource", findings)

    @classmethod
    def unauthenticated(cls) -> "ApiError":
        return cls(401, "Request had invalid authentication credentials.")

    @classmethod
    def wrong_scope(cls) -> "ApiError":
        message = "Request had insufficient authentication scopes."
        return cls(403, message, "insufficientPermissions")

    @classmethod
    def denied(cls) -> "ApiError":
        return cls(403, "Permission denied.", "permissionDenied")

    @classmethod
    def over_quota(cls, issuer_id: str, what: str) -> "ApiError":
        message = f"Quota exceeded for issuer {issuer_id} when adding TEXT_AND_NOTIFY message to"
        return cls(403, f"{message} {what}.", "quotaExceeded")

    @classmethod
    def no_class(cls, resource_id: str) -> "ApiError":
        return cls(404, f"Wallet Object Class {resource_id} not found.", "classNotFound")

    @classmethod
    def no_object(cls, resource_id: str) -> "ApiError":
        return cls(404, f"Wallet Object {resource_id} not found.", "resourceNotFound")

    @classmethod
    def exists(cls, resource_id: str, *, is_class: bool) -> "ApiError":
        what = "Wallet Object Class" if is_class else "Wallet Object"
        return cls(409, f"{what} {resource_id} already exists.", "existingResource")

    @classmethod
    def too_fast(cls) -> "ApiError":
        return cls(429, "Rate Limit Exceeded", "rateLimitExceeded")

    @classmethod
    def no_route(cls) -> "ApiError":
        return cls(404, "Not Found", "notFound")

    def as_json(self, *, unproven: bool) -> dict[str, object]:
        """The body; a reason nobody has seen is in it only if `unproven`."""
        error: dict[str, object] = {"code": self.status, "message": str(self)}
        if self.reason and (unproven or self.reason in _SEEN | _SEEN_GLOBAL):
            domain = "global" if self.reason in _SEEN_GLOBAL else "walletobjects"
            error["errors"] = [{"message": str(self), "domain": domain, "reason": self.reason}]
        if self.status in _RPC and unproven:
            error["status"] = _RPC[self.status]
        return {"error": error}
