"""The pictures of a look that Google fetches by URL: drawn once, stored, found by content."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from branding.artwork import google_hero, google_logo
from branding.piece import Piece
from passes.services.images import keep_picture
from passes.services.looks import Look
from passes.store.tables import ProgramPicture

LOGO, HERO = "logo", "hero"


def draw_google_pictures(look: Look) -> dict[tuple[str, int], Piece]:
    """The logo and the heroes for 0 … N stamps by (kind, filled). Slow: outside transactions."""
    return {
        (kind, filled): google_logo(look.brand)
        if kind == LOGO
        else google_hero(look.brand, look.stamp_card(filled))
        for kind, filled in _places(look)
    }


def google_pictures(session: Session, look: Look) -> dict[tuple[str, int], str]:
    """The stored pictures' SHA-256 by (kind, filled); empty unless the look is wholly drawn."""
    rows = session.execute(
        select(ProgramPicture.kind, ProgramPicture.filled, ProgramPicture.sha256).where(
            ProgramPicture.program_id == look.version.program_id, ProgramPicture.look == look.key
        )
    )
    found = {(kind, filled): sha256 for kind, filled, sha256 in rows}
    return found if found.keys() >= set(_places(look)) else {}


def keep_google_pictures(
    session: Session, look: Look, pieces: Mapping[tuple[str, int], Piece], now: datetime
) -> None:
    """Makes these the program's pictures. The bytes of earlier ones stay for old links."""
    session.execute(
        delete(ProgramPicture).where(
            ProgramPicture.program_id == look.version.program_id, ProgramPicture.look != look.key
        )
    )
    for (kind, filled), piece in pieces.items():
        keep_picture(session, piece.sha256, piece.png, (piece.width, piece.height), now)
        row = {"look": look.key, "sha256": piece.sha256}
        session.execute(
            insert(ProgramPicture)
            .values(program_id=look.version.program_id, kind=kind, filled=filled, **row)
            .on_conflict_do_update(index_elements=["program_id", "kind", "filled"], set_=row)
        )


def _places(look: Look) -> list[tuple[str, int]]:
    """(kind, filled) of every picture the look has."""
    shown = range(look.program.rules.card_size + 1) if look.stamp_card(0) else range(1)
    return [(LOGO, 0), *((HERO, filled) for filled in shown)]
