"""Google's token endpoint: a signed assertion in, an access token out (RFC 7523).

The words of the refusals are those of oauth2.googleapis.com, as google-auth reports them.
"""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from urllib.parse import parse_qs

from webhooks.simulators.google_account import JwtError, ServiceAccount
from webhooks.simulators.google_errors import ApiError
from webhooks.simulators.google_http import Reply, Request, json_reply
from webhooks.simulators.google_knobs import Panel

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SCOPE = "https://www.googleapis.com/auth/wallet_object.issuer"
# google-auth always names this audience, wherever the key file's token_uri leads.
AUDIENCE = "https://oauth2.googleapis.com/token"

_LONGEST_S = 3600
_SKEW_S = 300  # how far a clock may be off: assumed
_TIMEFRAME = (
    "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. "
    "Check your iat and exp values in the JWT claim."
)


class GrantRefused(Exception):
    """No token; `error` is OAuth's code."""

    code = "grant_refused"

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error


@dataclass(frozen=True, slots=True)
class _Grant:
    scopes: frozenset[str]
    ends: datetime


@dataclass(slots=True)
class TokenOffice:
    """Gives out access tokens and knows them again."""

    account: ServiceAccount
    panel: Panel
    _grants: dict[str, _Grant] = field(default_factory=dict, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def answer(self, request: Request) -> Reply:
        """`POST /token`."""
        form = {key: values[0] for key, values in parse_qs(request.body.decode("latin-1")).items()}
        try:
            token, lifetime_s = self._grant(form)
        except GrantRefused as error:
            return json_reply({"error": error.error, "error_description": str(error)}, 400)
        granted = {"access_token": token, "expires_in": lifetime_s, "token_type": "Bearer"}
        return json_reply(granted, cache_control="no-store")

    def admit(self, authorization: str) -> None:
        """Let a request in by its Authorization header; raises ApiError (401 or 403)."""
        kind, _, token = authorization.partition(" ")
        grant = self._grants.get(token) if kind.lower() == "bearer" else None
        if grant is None or grant.ends <= self.panel.now():
            raise ApiError.unauthenticated()
        if SCOPE not in grant.scopes:
            raise ApiError.wrong_scope()

    def revoke_all(self) -> None:
        """No token given out so far is good any longer."""
        with self._lock:
            self._grants.clear()

    def _grant(self, form: dict[str, str]) -> tuple[str, int]:
        if form.get("grant_type") != GRANT_TYPE:
            raise GrantRefused("unsupported_grant_type", "Invalid grant_type.")
        now = self.panel.now()
        scopes = _scopes(self._claims(form.get("assertion", "")), now)
        token = f"ya29.{secrets.token_urlsafe(48)}"
        lifetime_s = self.panel.knobs.token_lifetime_s
        with self._lock:
            self._forget_ended(now)
            self._grants[token] = _Grant(scopes, now + timedelta(seconds=lifetime_s))
        return token, lifetime_s

    def _claims(self, assertion: str) -> dict[str, object]:
        try:
            claims = self.account.claims(assertion)
        except JwtError as error:
            raise GrantRefused("invalid_grant", f"Invalid JWT Signature. {error}") from error
        if claims.get("iss") != self.account.email or not self.panel.knobs.account_enabled:
            raise GrantRefused("invalid_grant", "Invalid grant: account not found")
        if claims.get("aud") != AUDIENCE:
            raise GrantRefused("invalid_grant", "Invalid JWT: Failed audience check.")
        return claims

    def _forget_ended(self, now: datetime) -> None:
        for token in [one for one, grant in self._grants.items() if grant.ends <= now]:
            del self._grants[token]


def _scopes(claims: dict[str, object], now: datetime) -> frozenset[str]:
    issued, ends = claims.get("iat"), claims.get("exp")
    if not isinstance(issued, int) or not isinstance(ends, int):
        raise GrantRefused("invalid_grant", _TIMEFRAME)
    at = now.timestamp()
    if not 0 < ends - issued <= _LONGEST_S or issued > at + _SKEW_S or ends <= at:
        raise GrantRefused("invalid_grant", _TIMEFRAME)
    scope = claims.get("scope")
    if not isinstance(scope, str) or not scope.strip():
        message = "Invalid OAuth scope or ID token audience provided."
        raise GrantRefused("invalid_scope", message)
    return frozenset(scope.split())
