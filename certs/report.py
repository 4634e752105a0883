"""The table of what is loaded: who signs what, for how many days more, and what is unusable.

One source for `passmint certs check`, for `GET /v1/certificates` and for alarms.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from cryptography import x509

from certs import checks
from certs.apple import AppleIdentity, Keyring, Problem
from certs.authority import Authority
from certs.errors import CertificateError
from certs.google import GoogleIdentity

Kind = Literal["apple", "apple_intermediate", "google"]
State = Literal["ok", "renew", "urgent", "critical", "unusable"]

_WARN_FROM_DAYS: tuple[tuple[int, State], ...] = ((3, "critical"), (14, "urgent"), (45, "renew"))


@dataclass(frozen=True, slots=True)
class CertificateRow:
    """One line of the table.

    `identifier` is the pass type or the Google issuer id, `holder` the Apple team, the service
    account or the authority's name. `not_after` and `days_left` (whole days, rounded down) are
    None where nothing expires or nothing could be read. `message` is empty when all is well.
    """

    kind: Kind
    identifier: str | None
    holder: str | None
    file: str
    not_after: datetime | None
    days_left: int | None
    state: State
    message: str


def report(
    keyring: Keyring,
    authority: Authority,
    google: GoogleIdentity | CertificateError | None,
    now: datetime,
) -> tuple[CertificateRow, ...]:
    """Every identity, every problem, the intermediates in use, and Google's account if any."""
    return (
        *(_identity_row(one, now) for one in keyring.identities.values()),
        *(_problem_row(one) for one in keyring.problems),
        *_intermediate_rows(keyring, authority, now),
        *_google_rows(google),
    )


def _identity_row(identity: AppleIdentity, now: datetime) -> CertificateRow:
    state = _state(identity.not_before, identity.not_after, now)
    return CertificateRow(
        kind="apple",
        identifier=identity.pass_type_identifier,
        holder=identity.team_identifier,
        file=identity.source,
        not_after=identity.not_after,
        days_left=_days_left(identity.not_after, now),
        state=state,
        message=_renewal_advice(identity, state, now),
    )


def _renewal_advice(identity: AppleIdentity, state: State, now: datetime) -> str:
    if state == "ok":
        return ""
    try:
        checks.check_dates(identity.not_before, identity.not_after, identity.source, now)
    except CertificateError as error:
        return str(error)
    return f"Renew it now: `passmint certs csr {identity.pass_type_identifier}`."


def _problem_row(problem: Problem) -> CertificateRow:
    return CertificateRow(
        kind="apple",
        identifier=problem.pass_type_identifier,
        holder=None,
        file=problem.file,
        not_after=None,
        days_left=None,
        state="unusable",
        message=problem.message,
    )


def _intermediate_rows(
    keyring: Keyring, authority: Authority, now: datetime
) -> Iterator[CertificateRow]:
    used = dict.fromkeys(one.intermediate for one in keyring.identities.values())
    for certificate in used:
        not_after = certificate.not_valid_after_utc
        yield CertificateRow(
            kind="apple_intermediate",
            identifier=None,
            holder=checks.short_name(certificate.subject),
            file=_origin(certificate, authority),
            not_after=not_after,
            days_left=_days_left(not_after, now),
            state=_state(certificate.not_valid_before_utc, not_after, now),
            message=_development_warning(authority),
        )


def _development_warning(authority: Authority) -> str:
    if not authority.development or authority.path is None:
        return ""
    return f"{authority.path.name} is trusted instead of Apple; phones refuse these passes."


def _origin(certificate: x509.Certificate, authority: Authority) -> str:
    if certificate not in authority.intermediates:
        return "certificates folder"
    return authority.path.name if authority.path else "bundled"


def _google_rows(google: GoogleIdentity | CertificateError | None) -> Iterator[CertificateRow]:
    match google:
        case GoogleIdentity():
            yield CertificateRow(
                "google", google.issuer_id, google.email, google.source, None, None, "ok", ""
            )
        case CertificateError():
            yield CertificateRow(
                "google", None, None, "service account", None, None, "unusable", str(google)
            )
        case None:
            return


def _state(not_before: datetime, not_after: datetime, now: datetime) -> State:
    if not not_before <= now <= not_after:
        return "unusable"
    days = _days_left(not_after, now)
    return next((state for limit, state in _WARN_FROM_DAYS if days <= limit), "ok")


def _days_left(not_after: datetime, now: datetime) -> int:
    return (not_after - now).days
