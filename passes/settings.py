"""The one place that reads the environment: `PASSMINT_*` in, checked values out.

A variable NAME can also be given as NAME_FILE, the path of a file that holds the value (secrets
mounted by an orchestrator). All faults are reported together, each with its cure.
"""

import os
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

PREFIX = "PASSMINT_"
_MIN_SECRET = 32


class SettingsError(Exception):
    """Some settings are missing or wrong; the message lists all of them with their cures."""


def is_loopback(host: str | None) -> bool:
    """Whether a URL's host is this machine itself."""
    if host is None:
        return False
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _public_url(text: str) -> str:
    url = urlsplit(text.strip())
    if url.scheme not in {"http", "https"} or not url.hostname:
        raise ValueError("must be an absolute URL such as https://cards.example.com")
    if url.query or url.fragment or url.username:
        raise ValueError("must have no query, fragment or user")
    if url.scheme == "http" and not is_loopback(url.hostname):
        raise ValueError("must start with https:// (phones refuse http except on this machine)")
    _ = url.port  # a ValueError when it is none
    if url.path.rstrip("/") not in {"", "/v1"}:
        raise ValueError("must have no path: give the service a host name of its own")
    return f"{url.scheme}://{url.netloc}"


def _secret_key(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value()) < _MIN_SECRET:
        raise ValueError(f"must have at least {_MIN_SECRET} characters")
    return secret


def checked_database_url(text: str) -> str:
    """SQLAlchemy's spelling of a database URL; ValueError when it is none we support."""
    scheme, separator, rest = text.partition("://")
    if scheme in {"postgres", "postgresql"}:
        scheme = "postgresql+psycopg"
    if not separator or scheme not in {"sqlite", "postgresql+psycopg"}:
        raise ValueError("must start with sqlite:/// or postgresql://")
    url = f"{scheme}://{rest}"
    try:
        make_url(url)
    except (ArgumentError, ValueError) as error:
        raise ValueError("must be a URL: postgresql://user:password@host:5432/name") from error
    return url


class Settings(BaseModel):
    """Checked settings. Field names are the variable names in lower case, without the prefix."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    public_url: Annotated[str, AfterValidator(_public_url)] = Field(
        description="Where phones and browsers reach this service; stands inside every pass. "
        "A trailing slash or /v1 is removed; http only for this machine."
    )
    secret_key: Annotated[SecretStr, AfterValidator(_secret_key)] = Field(
        description="At least 32 random characters, the same on every host; signs what we hand out."
    )
    database_url: Annotated[str, AfterValidator(checked_database_url)] = Field(
        default="sqlite:///var/passmint.db",
        description="sqlite:///path or postgresql://user:password@host/name.",
    )
    apple_certificates: Path | None = Field(
        default=None,
        description="Folder with a certificate and its key per pass type identifier, and any WWDR "
        "intermediate newer than the built-in G4.",
    )
    apple_passphrase: SecretStr | None = Field(
        default=None, description="Pass phrase of the encrypted keys in that folder."
    )
    apple_authority: Path | None = Field(
        default=None,
        description="Development and tests only: intermediate and root to trust instead of "
        "Apple's. Real phones refuse such passes.",
    )
    google_service_account: Path | None = Field(
        default=None, description="Key file (JSON) of the Google service account."
    )
    google_issuer_id: str | None = Field(
        default=None,
        validate_default=True,
        description="Numeric issuer id of the Google Pay & Wallet console.",
    )
    google_api_url: str = Field(
        default="https://walletobjects.googleapis.com",
        description="Google Wallet's API, or a stand-in for it.",
    )
    google_keys_url: str = Field(
        default="https://pay.google.com/gp/m/issuer/keys",
        description="Where Google publishes the keys that sign its callbacks.",
    )
    google_save_url: str = Field(
        default="https://pay.google.com/gp/v/save",
        description="Where save links point; changed only to try the service out.",
    )
    apns_url: str = Field(
        default="https://api.push.apple.com",
        description="Apple's push service, or a stand-in for it.",
    )
    apns_ca: Path | None = Field(
        default=None,
        description="CA certificates (PEM) to trust for APNS_URL instead of the usual.",
    )
    apns_priority: Literal[1, 5, 10] = Field(
        default=5, description="Priority of pushes: 5 spares batteries, 10 asks for haste."
    )
    pushes_per_s: float = Field(
        default=500, gt=0, description="Pushes per second and worker; each brings a phone back."
    )
    push_budget: int = Field(
        default=4,
        ge=1,
        description="Pushes per hour, phone and pass type for changes of many passes at once; "
        "a stamp at the till is always pushed.",
    )
    lease_s: float = Field(
        default=60, ge=1, description="Seconds after which another worker takes over a row."
    )
    retry_max_s: float = Field(
        default=900, ge=1, le=86_400, description="Longest wait between two tries of a delivery."
    )
    proxy_hops: int = Field(
        default=0, ge=0, le=8, description="Reverse proxies in front whose X-Forwarded-* we trust."
    )
    metrics_token: SecretStr | None = Field(
        default=None, description="Bearer token of /metrics; without it the page does not exist."
    )
    artwork_cache_mb: int = Field(
        default=64, ge=1, le=4096, description="Memory of one process for drawn Apple images."
    )

    @field_validator("google_issuer_id")
    @classmethod
    def _goes_with_the_account(cls, issuer_id: str | None, before: ValidationInfo) -> str | None:
        if (issuer_id is None) != (before.data.get("google_service_account") is None):
            raise ValueError("goes with PASSMINT_GOOGLE_SERVICE_ACCOUNT: set both, or neither")
        return issuer_id

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Self:
        """The settings in an environment; SettingsError lists every fault."""
        faults: list[str] = []
        values = _values(environ, faults)
        try:
            settings = cls.model_validate(values)
        except ValidationError as error:
            faults += [_sentence(tuple(e["loc"]), e["msg"]) for e in error.errors()]
        if faults:
            raise SettingsError("\n".join(faults))
        return settings


def load_settings() -> Settings:
    """The settings of this process's environment; SettingsError lists every fault."""
    return Settings.read(os.environ)


def share_metrics_in(folder: str) -> None:
    """Lets the processes of a server count together; prometheus_client reads it when imported."""
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder


def process_environment() -> dict[str, str]:
    """A copy, for child processes."""
    return dict(os.environ)


def _values(environ: Mapping[str, str], faults: list[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, text in environ.items():
        if not name.startswith(PREFIX) or not text:
            continue
        key = name.removeprefix(PREFIX).lower()
        setting = key if key in Settings.model_fields else key.removesuffix("_file")
        if setting not in Settings.model_fields:
            faults.append(f"{name} is not a setting: check its spelling in docs/settings.md")
        elif setting in values:
            faults.append(f"{PREFIX}{setting.upper()} is given by value and by file: keep one")
        else:
            values[setting] = text if setting == key else _content(name, text, faults)
    return values


def _content(name: str, path: str, faults: list[str]) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        faults.append(f"{name} names {path}, which cannot be read: {error}")
        return ""


def _sentence(location: tuple[int | str, ...], message: str) -> str:
    message = message.removeprefix("Value error, ")
    if not location:
        return message
    name = PREFIX + str(location[0]).upper()
    return f"{name} is required" if message == "Field required" else f"{name}: {message}"
