"""What `passmint doctor google` has to look at, gathered from the settings and the database."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from passes.services.google_sync import NONE
from passes.services.look_pictures import google_pictures
from passes.services.looks import read_look
from passes.services.programs import ACTIVE
from passes.store.tables import Pass, Program
from passes.wallets.google import resource_id
from passes.web.parts import Parts
from webhooks.google_doctor import Setup


def google_setup(parts: Parts) -> Setup | None:
    """Everything that Google has or fetches of ours; None while no service account is set.

    The classes are those of active programs, if they were ever to be at Google.
    """
    settings = parts.settings
    if settings.google_service_account is None or settings.google_issuer_id is None:
        return None
    issuer_id = settings.google_issuer_id
    with parts.database.reading() as session:
        programs = _programs(session)
        sample = _sample(session)
        pictures = _pictures(session, programs)
    return Setup(
        service_account=settings.google_service_account,
        issuer_id=issuer_id,
        api_url=settings.google_api_url,
        save_url=settings.google_save_url,
        callback_url=f"{settings.public_url}/google/callback",
        class_ids=[resource_id(issuer_id, program) for program in programs],
        picture_urls=[f"{settings.public_url}/i/{sha256}.png" for sha256 in pictures],
        sample=sample and (resource_id(issuer_id, sample[0]), resource_id(issuer_id, sample[1])),
    )


def _programs(session: Session) -> list[str]:
    active = Program.status == ACTIVE
    chosen = select(Program.id).where(active, Program.google_sync != NONE).order_by(Program.id)
    return list(session.scalars(chosen))


def _sample(session: Session) -> tuple[str, str] | None:
    """The program and the id of a pass whose object Google has taken."""
    taken = select(Pass.program_id, Pass.id).where(Pass.google_version.is_not(None)).limit(1)
    row = session.execute(taken).one_or_none()
    return None if row is None else (row.program_id, row.id)


def _pictures(session: Session, programs: list[str]) -> list[str]:
    """The SHA-256 of every picture these programs' classes and objects show, each once."""
    found: dict[str, None] = {}
    for program_id in programs:
        look = read_look(session, program_id, drawable=False)
        found |= dict.fromkeys(google_pictures(session, look).values())
    return list(found)
