"""The pictures that wallets fetch by URL: drawn at the edge, between two transactions."""

from passes.services.looks import (
    Look,
    draw_google_pictures,
    google_pictures,
    keep_google_pictures,
    read_look,
)
from passes.web.parts import Parts


def redraw(here: Parts, program_id: str) -> None:
    """Draws and stores the program's pictures unless they are there for its present look."""
    with here.database.reading() as session:
        look = read_look(session, program_id)
        drawn = google_pictures(session, look)
    if not drawn:
        _draw(here, look)


def pictures_of(here: Parts, look: Look) -> dict[tuple[str, int], str]:
    """The SHA-256 of each picture of this look by (kind, filled); drawn now when missing."""
    with here.database.reading() as session:
        drawn = google_pictures(session, look)
    return drawn or _draw(here, look)


def _draw(here: Parts, look: Look) -> dict[tuple[str, int], str]:
    pieces = draw_google_pictures(look)
    with here.database.writing() as session:
        keep_google_pictures(session, look, pieces, here.now())
    return {place: piece.sha256 for place, piece in pieces.items()}
