"""A database restored from a backup, and phones that know more than it does."""

from typing import Any

from click.testing import CliRunner
from sqlalchemy import delete, update

from passes.cli import restored
from passes.services import phones
from passes.services.fanout import work_one_batch
from passes.store import claims, outbox
from passes.store.tables import Delivery, Pass, PassTypeCounter, Reward, Transaction
from tests.service import PUBLIC_URL, Door, Service

PHONE = "a-phone"


def news(service: Service, program: dict[str, Any], tag: str) -> phones.News | None:
    with service.parts.database.reading() as session:
        return phones.news(session, PHONE, program["pass_type_identifier"], tag)


def restore_an_empty_backup(service: Service) -> None:
    """What was stamped is lost, and so are the numbers of these changes."""
    with service.parts.database.writing() as session:
        for table in (Reward, Transaction, Delivery):
            session.execute(delete(table))
        session.execute(update(PassTypeCounter).values(value=1))
        session.execute(update(Pass).values(version=1))


def test_after_a_restored_backup_every_phone_is_brought_to_what_it_says(
    service: Service, door: Door
) -> None:
    database, now = service.parts.database, service.parts.now
    program = service.program(door, logo=False)
    first, second = (service.member(door, program) for _ in range(2))
    for member in (first, second):
        service.carry(member, PHONE, "ab12")
    service.stamp(first, 6)
    seen = news(service, program, "0")
    assert seen
    restore_an_empty_backup(service)
    service.stamp(second, 6)  # as many changes as were lost, so that numbers come again
    alone = news(service, program, seen.tag)
    assert alone is None or first["pass"]["serial_number"] not in alone.serial_numbers

    environment = {
        "PASSMINT_DATABASE_URL": database.engine.url.render_as_string(hide_password=False),
        "PASSMINT_PUBLIC_URL": PUBLIC_URL,
        "PASSMINT_SECRET_KEY": "0123456789abcdef0123456789abcdef",
    }
    run = CliRunner(env=environment).invoke(restored)
    assert run.exit_code == 0, run.output
    assert "The phones of " in run.output
    with database.writing() as session:
        while work_one_batch(session, now()):
            pass
    told = news(service, program, seen.tag)
    assert told
    assert set(told.serial_numbers) == {
        member["pass"]["serial_number"] for member in (first, second)
    }
    with database.reading() as session:
        assert claims.is_anything_due(session, outbox.APNS, now())
