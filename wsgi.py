"""The composition root: settings → database, keyring → application and command line. No rules."""

import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import click
from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from branding.cache import PieceCache
from certs.apple import Keyring, load_identities
from certs.authority import Authority, apple_authority, load_authority
from certs.cli import certs
from certs.errors import CertificateError
from certs.google import GoogleIdentity, load_google_identity
from passes import cli as commands
from passes.settings import Settings, SettingsError, load_settings
from passes.store.database import Database
from passes.store.rate import take
from passes.store.schema import StaleSchema, require_current
from passes.web.application import create_app
from passes.web.artwork import draw
from passes.web.logs import configure_logs
from passes.web.parts import Parts
from webhooks import apple_devices, google_callbacks
from webhooks.cli import outside_commands
from webhooks.couriers.apns import Apns
from webhooks.couriers.google_rest import GoogleRest
from webhooks.desks import AppleDesk
from webhooks.google_desk import GoogleDesk
from webhooks.google_keys import InsecureKeysUrl, RootKeys, fetch_keys
from webhooks.google_reconcile import reconcile
from webhooks.rounds import Rounds
from webhooks.simulators.cli import simulate
from webhooks.terms import Terms
from webhooks.worker import Round, Worker

_LARGEST_BATCH = 500  # of the outbox; no more than half a second's pushes

_GOOGLE_RATE_PER_S = 20.0  # per service account, Google Wallet API: frequently asked questions
_GOOGLE_BURST = 5.0
_GOOGLE_BATCH = 20
_GOOGLE_DOUBT = timedelta(minutes=10)  # how late Google may obey what it did not answer; assumed
_CANNOT_START = 4  # gunicorn's code for an application that cannot be loaded: it does not try again


def now() -> datetime:
    return datetime.now(UTC)


def app() -> Flask:
    """The web application of this environment: `gunicorn 'wsgi:app()'`."""
    try:
        return compose(load_settings())
    except (SettingsError, StaleSchema, CertificateError, InsecureKeysUrl) as error:
        click.echo(f"Passmint cannot start.\n{error}", err=True)
    except SQLAlchemyError as error:
        reason = getattr(error, "orig", None) or error
        click.echo(f"Passmint cannot start: the database does not answer.\n{reason}", err=True)
    sys.exit(_CANNOT_START)


def compose(settings: Settings) -> Flask:
    """The web application of these settings; raises StaleSchema and CertificateError."""
    app = create_app(_parts(settings))
    apple_devices.install(app)
    google_callbacks.install(app, RootKeys(settings.google_keys_url, fetch_keys, now))
    return app


def compose_parts() -> Parts:
    """The parts of this environment; raises SettingsError, StaleSchema and CertificateError."""
    return _parts(load_settings())


def compose_worker() -> Worker:
    """The worker of this environment; raises SettingsError, StaleSchema and CertificateError."""
    settings = load_settings()
    parts = _parts(settings)
    courier = Apns(
        settings.apns_url,
        lambda pass_type: parts.keyring.identity(pass_type, now()),
        now=now,
        authority_file=settings.apns_ca,
        priority=settings.apns_priority,
        pace=settings.pushes_per_s,
    )
    desk = AppleDesk(courier, settings.push_budget, timedelta(hours=1))
    terms = Terms(
        batch=max(1, min(_LARGEST_BATCH, int(settings.pushes_per_s / 2))),
        lease=timedelta(seconds=settings.lease_s),
        retry_cap=timedelta(seconds=settings.retry_max_s),
    )
    rounds: list[Round] = [Rounds(parts.database, desk, now, terms)]
    if not isinstance(parts.google, GoogleIdentity):
        return Worker(parts.database, rounds, now, terms)
    google = _google_courier(parts, parts.google)
    rounds.append(_google_rounds(parts, parts.google, google, terms))
    nightly = partial(reconcile, parts.database, google, parts.google.issuer_id, now)
    return Worker(parts.database, rounds, now, terms, daily=[nightly])


def _google_rounds(
    parts: Parts, identity: GoogleIdentity, courier: GoogleRest, terms: Terms
) -> Round:
    desk = GoogleDesk(
        courier, identity, parts.settings.public_url, parts.looks, partial(draw, parts)
    )
    terms = replace(terms, batch=_GOOGLE_BATCH, doubt=_GOOGLE_DOUBT)
    return Rounds(parts.database, desk, now, terms)


def _google_courier(parts: Parts, identity: GoogleIdentity) -> GoogleRest:
    settings = parts.settings
    assert settings.google_service_account  # noqa: S101  # the identity was loaded from it

    name = f"google:{identity.email}"

    def reserve(turns: int) -> list[float]:
        with parts.database.writing() as session:
            return take(session, name, _GOOGLE_RATE_PER_S, _GOOGLE_BURST, now(), turns)

    return GoogleRest(
        settings.google_service_account,
        api_url=settings.google_api_url,
        now=now,
        reserve=reserve,
    )


def _parts(settings: Settings) -> Parts:
    configure_logs()
    database = Database(settings.database_url)
    require_current(database)
    authority = _authority(settings)
    keyring, google = _keyring(settings, authority), _google(settings)
    for problem in keyring.problems:
        click.echo(f"Cannot sign: {problem.message}", err=True)
    if isinstance(google, CertificateError):
        click.echo(f"Cannot speak to Google: {google}", err=True)
    return Parts(
        settings=settings,
        database=database,
        keyring=keyring,
        authority=authority,
        google=google,
        now=now,
        artwork=PieceCache(settings.artwork_cache_mb << 20),
    )


def _authority(settings: Settings) -> Authority:
    if settings.apple_authority is None:
        return apple_authority()
    click.echo(
        "DEVELOPMENT AUTHORITY: passes are signed under "
        f"{settings.apple_authority}; real phones refuse them.",
        err=True,
    )
    return load_authority(settings.apple_authority)


def _keyring(settings: Settings, authority: Authority) -> Keyring:
    if settings.apple_certificates is None:
        return Keyring({}, ())
    secret = settings.apple_passphrase
    passphrase = secret.get_secret_value() if secret else None
    return load_identities(settings.apple_certificates, authority, passphrase, now())


def _google(settings: Settings) -> GoogleIdentity | CertificateError | None:
    if settings.google_service_account is None or settings.google_issuer_id is None:
        return None
    try:
        return load_google_identity(settings.google_service_account, settings.google_issuer_id)
    except CertificateError as error:
        return error


@click.group()
@click.version_option(package_name="passmint")
def cli() -> None:
    """Loyalty passes for Apple Wallet and Google Wallet."""


cli.add_command(certs)
cli.add_command(simulate)
for command in (*commands.COMMANDS, *outside_commands(compose_worker, compose_parts)):
    cli.add_command(command)

if __name__ == "__main__":
    cli()
