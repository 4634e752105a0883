"""`passmint certs`: make, order, import and check keys before anything else is configured."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import click
from click.core import ParameterSource

from certs import development
from certs.apple import Keyring, load_identities
from certs.authority import Authority, apple_authority, load_authority
from certs.errors import CertificateError
from certs.files import passphrase_beside, read_passphrase
from certs.google import GoogleIdentity, load_google_identity
from certs.report import CertificateRow, report
from certs.request import Imported, create_request, import_answer

_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)


class _Sentences(click.Group):
    """A group whose certificate errors are one sentence and exit code 1."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except CertificateError as error:
            raise click.ClickException(str(error)) from error


class _EnvironmentOnly(click.Option):
    """A secret from the environment: never parsed from the command line, which `ps` shows."""

    def add_to_parser(self, parser: object, ctx: click.Context) -> None:
        """Leave the parser without it."""


_folder_option = click.option(
    "--folder",
    type=_FOLDER,
    default=Path("var/certs/apple"),
    envvar="PASSMINT_APPLE_CERTIFICATES",
    show_default=True,
    show_envvar=True,
    help="The certificates folder.",
)
_authority_option = click.option(
    "--authority",
    type=_FILE,
    envvar="PASSMINT_APPLE_AUTHORITY",
    show_envvar=True,
    help="Intermediate and root to trust instead of Apple's (development).",
)
_passphrase_file_option = click.option(
    "--passphrase-file",
    type=_FILE,
    envvar="PASSMINT_APPLE_PASSPHRASE_FILE",
    show_envvar=True,
    help="A file that holds the pass phrase of the keys.",
)
_passphrase_option = click.option(
    "--passphrase",
    cls=_EnvironmentOnly,
    envvar="PASSMINT_APPLE_PASSPHRASE",
    hidden=True,
)


@click.group(cls=_Sentences)
def certs() -> None:
    """Keys and certificates: make, order, import, check."""


@certs.command()
@click.option(
    "--folder",
    type=_FOLDER,
    default=Path("var/certs/development"),
    show_default=True,
    help="Where everything is written.",
)
@click.option(
    "--pass-type",
    "pass_types",
    multiple=True,
    default=(development.PASS_TYPE_IDENTIFIER,),
    show_default=True,
    help="A pass type identifier; give it several times for several.",
)
def dev(folder: Path, pass_types: tuple[str, ...]) -> None:
    """Make a development identity; phones refuse its passes."""
    now = datetime.now(UTC)
    minted = [development.mint(folder, now, pass_type) for pass_type in pass_types]
    account = development.mint_google(folder)
    for files in minted:
        click.echo(f"Identity   {files.identity}")
    click.echo(f"Root       {minted[0].root}")
    click.echo("\nPhones refuse passes signed by these. To use them for trying things out, set:\n")
    click.echo(f"  PASSMINT_APPLE_CERTIFICATES={minted[0].certificates}")
    click.echo(f"  PASSMINT_APPLE_AUTHORITY={minted[0].authority}")
    click.echo(f"  PASSMINT_GOOGLE_SERVICE_ACCOUNT={account}")
    click.echo(f"  PASSMINT_GOOGLE_ISSUER_ID={development.GOOGLE_ISSUER_ID}")
    click.echo("\nFor real phones order a certificate: passmint certs csr pass.com.example.loyalty")


@certs.command()
@click.argument("pass_type")
@_folder_option
@_passphrase_file_option
@click.option("--encrypt", is_flag=True, help="Ask for a pass phrase and encrypt the key with it.")
def csr(pass_type: str, folder: Path, passphrase_file: Path | None, encrypt: bool) -> None:
    """Make a key and a request for a Pass Type ID certificate to upload to Apple."""
    passphrase = read_passphrase(passphrase_file) if passphrase_file else None
    if encrypt and passphrase is None:
        passphrase = click.prompt("Pass phrase", hide_input=True, confirmation_prompt=True)
    request = create_request(folder, pass_type, passphrase)
    click.echo(f"Key      {request.key} ({'encrypted' if passphrase else 'not encrypted'})")
    click.echo(f"Request  {request.upload}")
    click.echo("\nNext: at https://developer.apple.com/account/resources choose Certificates, +,")
    click.echo(f"Pass Type ID Certificate, {pass_type}, and upload the request.")
    click.echo("Then import what you download: passmint certs import pass.cer")


@certs.command("import")
@click.argument("answer", type=_FILE)
@_folder_option
@_authority_option
@_passphrase_file_option
@_passphrase_option
@click.option("--key", type=_FILE, help="The key in PEM, when `csr` did not make it.")
def import_(
    answer: Path,
    folder: Path,
    authority: Path | None,
    passphrase_file: Path | None,
    passphrase: str | None,
    key: Path | None,
) -> None:
    """Check Apple's certificate (.cer) or a .p12 and store it with its key."""
    secret = _secret(passphrase_file, passphrase)
    imported = _import(answer, folder, _authority(authority), secret, key)
    identity = imported.identity
    click.echo(f"Stored   {imported.path}")
    click.echo(f"Signs    {identity.pass_type_identifier} of team {identity.team_identifier}")
    click.echo(f"Until    {identity.not_after:%Y-%m-%d}")
    if imported.encrypted:
        click.echo("\nThe key stays encrypted and its pass phrase is stored nowhere. The service")
        click.echo("needs it: set PASSMINT_APPLE_PASSPHRASE, or PASSMINT_APPLE_PASSPHRASE_FILE to")
        click.echo(f"a file that holds it, or write it into {passphrase_beside(imported.path)}")
    click.echo("\nNext: restart the service, which loads certificates when it starts.")
    click.echo("See all: passmint certs check")


@certs.command()
@_folder_option
@_authority_option
@_passphrase_file_option
@_passphrase_option
@click.option(
    "--google-service-account",
    type=_FILE,
    envvar="PASSMINT_GOOGLE_SERVICE_ACCOUNT",
    show_envvar=True,
    help="Google's service-account key (JSON).",
)
@click.option(
    "--google-issuer-id",
    envvar="PASSMINT_GOOGLE_ISSUER_ID",
    show_envvar=True,
    default="",
    help="The issuer's number.",
)
@click.pass_context
def check(
    ctx: click.Context,
    folder: Path,
    authority: Path | None,
    passphrase_file: Path | None,
    passphrase: str | None,
    google_service_account: Path | None,
    google_issuer_id: str,
) -> None:
    """Show what is loaded and for how long; exit code 1 if something cannot be used."""
    now = datetime.now(UTC)
    trusted = _authority(authority)
    google = _google(google_service_account, google_issuer_id)
    apple_unused = (
        ctx.get_parameter_source("folder") is ParameterSource.DEFAULT and not folder.exists()
    )
    keyring = Keyring({}, ())
    if google is None or not apple_unused:
        secret = _secret(passphrase_file, passphrase)
        keyring = load_identities(folder, trusted, secret, now)
    rows = report(keyring, trusted, google, now)
    if not rows:
        raise CertificateError(
            "certificate_missing",
            f"No certificate is in {folder}; order one with `passmint certs csr`, "
            "or make one for trying things out with `passmint certs dev`.",
        )
    click.echo(_table(rows))
    if any(row.state == "unusable" for row in rows):
        ctx.exit(1)


def _secret(passphrase_file: Path | None, passphrase: str | None) -> str | None:
    return read_passphrase(passphrase_file) if passphrase_file else passphrase


def _authority(path: Path | None) -> Authority:
    return load_authority(path) if path else apple_authority()


def _import(
    answer: Path, folder: Path, authority: Authority, secret: str | None, key: Path | None
) -> Imported:
    now = datetime.now(UTC)
    try:
        return import_answer(answer, folder, authority, secret, now, key)
    except CertificateError as error:
        if error.code != "passphrase_missing":
            raise
    secret = click.prompt("Pass phrase of the key", hide_input=True)
    return import_answer(answer, folder, authority, secret, now, key)


def _google(account: Path | None, issuer_id: str) -> GoogleIdentity | CertificateError | None:
    if account is None:
        return None
    try:
        return load_google_identity(account, issuer_id)
    except CertificateError as error:
        return error


def _table(rows: Iterable[CertificateRow]) -> str:
    cells = [("WHAT", "FOR", "BY", "FILE", "UNTIL", "DAYS", "STATE")]
    messages = []
    for row in rows:
        until = f"{row.not_after:%Y-%m-%d}" if row.not_after else "-"
        days = "-" if row.days_left is None else str(row.days_left)
        what = row.kind.replace("_", " ")
        cells.append(
            (what, row.identifier or "-", row.holder or "-", row.file, until, days, row.state)
        )
        if row.message:
            messages.append(row.message)
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in cells]
    return "\n".join([*lines, "", *messages] if messages else lines)
