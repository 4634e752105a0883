"""`passmint doctor`: what is known of a pass's way to its phones, and of the whole installation.

Only what stands here is looked at, nothing is changed and nobody is asked; for Google's side see
google_doctor.
"""

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from certs.report import State, report
from passes.services.alarms import outbox_alarms
from passes.services.trail import Trail
from passes.settings import is_loopback
from passes.store.tables import Pass
from passes.web.parts import Parts
from webhooks.google_reach import Finding, Level

_WIDTH = len("downloaded")
_LEVELS: Mapping[State, Level] = {"ok": "good", "unusable": "bad"}  # else it wants attention


def find_subject(session: Session, subject: str) -> Pass | None:
    """The pass with this id or serial number, as phones' logs name it."""
    return session.scalar(
        select(Pass).where(or_(Pass.id == subject, Pass.serial_number == subject)).limit(1)
    )


def describe(card: Pass, trail: Trail) -> Iterator[str]:
    """Lines about one pass: its steps in their order, and in the end what most likely ails it."""
    phones = "1 phone" if trail.devices == 1 else f"{trail.devices} phones"
    voided = ", voided" if card.voided else ""
    yield f"Pass {card.id} of {card.pass_type_identifier}, on {phones}{voided}"
    newest = "none" if trail.served_version is None else str(trail.served_version)
    yield f"  {'version':{_WIDTH}}  {trail.version}; the newest on a phone: {newest}"
    for step in trail.steps:
        moment = f"{step.at:%Y-%m-%d %H:%M:%S} UTC" if step.at else "never"
        yield f"  {step.step:{_WIDTH}}  {moment}"
    if trail.complaint:
        yield f"  {'complaint':{_WIDTH}}  {trail.complaint}"
    yield trail.diagnosis


def examine(parts: Parts) -> Iterator[Finding]:
    """Findings about the installation; its settings, database and schema were good, or it failed.

    A `bad` one keeps updates from phones.
    """
    yield Finding("database", "good", parts.database.engine.url.get_backend_name())
    yield _public_url(parts.settings.public_url)
    rows = report(parts.keyring, parts.authority, parts.google, parts.now())
    if not any(row.kind in {"apple", "google"} for row in rows):
        yield Finding("certificates", "bad", "None is loaded: see `passmint certs --help`.")
    for row in rows:
        level = _LEVELS.get(row.state, "hint")
        left = "" if row.days_left is None else f"{row.days_left} days left"
        yield Finding(f"{row.kind} {row.identifier or row.file}", level, row.message or left)
    if parts.authority.development:
        yield Finding(
            "authority", "hint", "A development authority: real phones refuse the passes."
        )
    with parts.database.reading() as session:
        alarms = list(outbox_alarms(session, parts.now()))
    yield from (Finding("outbox", "bad", alarm) for alarm in alarms)
    if not alarms:
        yield Finding("outbox", "good", "Nothing waits for long, nothing was given up.")


def _public_url(url: str) -> Finding:
    if is_loopback(urlsplit(url).hostname):
        return Finding("public URL", "hint", f"{url} can be reached from this machine alone.")
    return Finding("public URL", "good", url)
