"""The pictures that wallets fetch by URL: drawn at the edge, between two transactions."""

from threading import Lock

from passes.services.look_pictures import (
    draw_google_pictures,
    google_pictures,
    keep_google_pictures,
)
from passes.services.looks import Look, read_look
from passes.services.programs import DRAFT
from passes.store.tables import Program
from passes.web.parts import Parts

_one_at_a_time = Lock()  # drawing takes the processor; many visitors of a new look draw it once


def redraw(here: Parts, program_id: str) -> None:
    """Draws and stores the pictures of a program that was ever open, if its look is a new one."""
    with here.database.reading() as session:
        is_draft = session.get_one(Program, program_id).status == DRAFT
    if not is_draft:
        draw(here, program_id)


def draw(here: Parts, program_id: str) -> None:
    """Draws and stores the program's pictures unless they are there for its present look."""
    with here.database.reading() as session:
        look = read_look(session, program_id)
    pictures_of(here, look)


def pictures_of(here: Parts, look: Look) -> dict[tuple[str, int], str]:
    """The SHA-256 of each picture of this look by (kind, filled); drawn now when missing."""
    drawn = _stored(here, look)
    if drawn:
        return drawn
    with _one_at_a_time:
        return _stored(here, look) or _draw(here, look)


def _stored(here: Parts, look: Look) -> dict[tuple[str, int], str]:
    with here.database.reading() as session:
        return google_pictures(session, look)


def _draw(here: Parts, look: Look) -> dict[tuple[str, int], str]:
    pieces = draw_google_pictures(look)
    with here.database.writing() as session:
        keep_google_pictures(session, look, pieces, here.now())
    return {place: piece.sha256 for place, piece in pieces.items()}
