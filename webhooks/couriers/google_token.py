"""One access token of the service account for all threads of a courier."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from google.auth.credentials import Credentials
from google.auth.exceptions import GoogleAuthError, RefreshError, TransportError
from google.oauth2 import service_account

from certs.errors import CertificateError
from webhooks.couriers.outcomes import Halted, Outcome, Slower

SCOPE = "https://www.googleapis.com/auth/wallet_object.issuer"

_KEY_CURE = (
    "make sure that this machine's clock is right; if it is, the key or the account was deleted or "
    "disabled: create a new key (Google Cloud console, IAM, Service Accounts, Keys, JSON) and put "
    "it into PASSMINT_GOOGLE_SERVICE_ACCOUNT"
)


class NoToken(Exception):
    """The service account got no access token; `outcome` is that of everything it has to tell."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__("no access token")
        self.outcome = outcome


class Response(Protocol):
    """google-auth's view of an HTTP response."""

    @property
    def status(self) -> int: ...

    @property
    def data(self) -> bytes: ...


Ask = Callable[..., Response]


class _NotNow(Exception):
    """Google's token service has trouble of its own."""


class SharedToken(Credentials):
    """Credentials for google-auth's sessions; asks for a token once, however many threads want it.

    google-auth's own class asks once per thread, and beside each token it looks up regions at
    iamcredentials.googleapis.com, which Google Wallet does not know. Raises CertificateError
    (service_account_invalid); requests raise NoToken.
    """

    def __init__(self, key_file: Path) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        try:
            self._account = service_account.Credentials.from_service_account_file(  # type: ignore[no-untyped-call]
                key_file, scopes=[SCOPE]
            )
        except (ValueError, OSError) as error:
            raise CertificateError(
                "service_account_invalid",
                f"{key_file.name} is no key file of a service account; {_KEY_CURE}.",
            ) from error
        self._renewing = threading.Lock()
        self._attempts = 0
        self._fault: Outcome | None = None

    @property
    def email(self) -> str:
        return str(self._account.service_account_email)

    def refresh(self, request: Ask) -> None:
        """A new token, unless another thread got one or failed while we waited for our turn."""
        attempts = self._attempts
        with self._renewing:
            if self.valid:
                return
            if self._attempts != attempts and self._fault:
                raise NoToken(self._fault)
            self._attempts += 1
            self._fault = self._ask(request)
            if self._fault:
                raise NoToken(self._fault)
            self.expiry = self._account.expiry
            self.token = self._account.token

    def forget(self, token: str) -> None:
        """This token was refused; a newer one stays."""
        with self._renewing:
            if self.token == token:
                self.token = None

    def _ask(self, request: Ask) -> Outcome | None:
        """None when the account got a token, else what that means for everything it has to tell."""
        try:
            self._account.refresh(_patient(request))
        except _NotNow as error:
            return Slower(f"No access token: Google's token service {error}.")
        except TransportError as error:
            kind = type(error.__cause__ or error).__name__
            return Slower(f"No access token: Google's token service cannot be reached ({kind}).")
        except RefreshError as error:
            if error.retryable:
                return Slower("No access token: Google's token service asks to try again.")
            return Halted(f"Google gives {self.email} no access token{_code(error)}: {_KEY_CURE}.")
        except (GoogleAuthError, ValueError, TypeError) as error:
            return Slower(f"No access token: the answer cannot be read ({type(error).__name__}).")
        return None


def _patient(request: Ask) -> Ask:
    """The same request, without google-auth's own repetitions: every thread would wait for them."""

    def ask(*args: object, **options: object) -> Response:
        response = request(*args, **options)
        if response.status == 429 or response.status >= 500:  # noqa: PLR2004  # HTTP's own numbers
            raise _NotNow(f"answers {response.status}")
        if response.status == 200 and not _is_object(response.data):  # noqa: PLR2004
            raise _NotNow("sends no JSON")
        return response

    return ask


def _is_object(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body), dict)
    except (ValueError, RecursionError):
        return False


def _code(error: RefreshError) -> str:
    """OAuth's error code in brackets, as RFC 6749 §5.2 lists them."""
    details = error.args[1] if len(error.args) > 1 else None
    code = details.get("error") if isinstance(details, dict) else None
    is_code = isinstance(code, str) and code.isascii() and code.replace("_", "").isalpha()
    return f" ({code})" if is_code else ""
