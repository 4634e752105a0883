"""What the web process is put together from, made once by the composition root."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from flask import Flask, current_app

from branding.artwork import apple_pieces
from branding.brand import Brand, StampCard
from branding.cache import PieceCache
from branding.piece import Piece
from certs.apple import Keyring
from certs.authority import Authority
from certs.errors import CertificateError
from certs.google import GoogleIdentity
from passes.services.looks import LookBook
from passes.settings import Settings
from passes.store.database import Database

_KEY = "passmint"


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything a route may need; `now` returns aware UTC."""

    settings: Settings
    database: Database
    keyring: Keyring
    authority: Authority
    google: GoogleIdentity | CertificateError | None
    now: Callable[[], datetime]
    artwork: PieceCache
    looks: LookBook = field(default_factory=LookBook)

    def apple_artwork(self, brand: Brand, card: StampCard | None) -> tuple[Piece, ...]:
        """The PNGs of an Apple pass, from the cache or drawn now."""
        return self.artwork.get_or_render((brand.key, card), lambda: apple_pieces(brand, card))


def attach(app: Flask, parts: Parts) -> None:
    app.extensions[_KEY] = parts


def parts() -> Parts:
    """The parts of the application that handles the present request."""
    found = current_app.extensions[_KEY]
    assert isinstance(found, Parts)  # noqa: S101  # attach() put it there
    return found
