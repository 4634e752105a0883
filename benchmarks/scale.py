"""What phone, till and worker do must cost the same among a thousand passes and among a million.

Run: make bench-scale (minutes). SQLite, and PostgreSQL from the package the tests use.
"""

import random
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from sqlalchemy import text

from benchmarks.databases import postgresql, sqlite
from benchmarks.rounds import Row, report
from passes.services import changes, counter, fanout, phones, till
from passes.services.api_keys import mint_key
from passes.services.cards import card_by_serial
from passes.services.drafts import MerchantDraft, ProgramDraft, TemplateDraft
from passes.services.looks import LookBook
from passes.services.merchants import open_merchant
from passes.services.programs import ACTIVE, add_program, change_status
from passes.services.templates import add_template
from passes.store import schema
from passes.store.database import Database
from passes.store.tables import Member

SIZES = (1_000, 1_000_000)
CALLS = 60
ROUNDS = 5
PASS_TYPE = "pass.dev.passmint.scale"  # noqa: S105  # an identifier
CHUNK = 50_000
NOW = datetime.now(UTC)


def fill(database: Database, passes: int) -> None:
    """A program with so many members, passes, phones and registrations, by a few statements."""
    schema.migrate(database)
    with database.writing() as session:
        merchant = open_merchant(session, MerchantDraft(name="Scale", slug="scale"), NOW)
        template = add_template(session, merchant.id, TemplateDraft(name="Plain"), NOW)
        draft = ProgramDraft(
            name="Card", slug="scale", template_id=template.id, card_size=10,
            pass_type_identifier=PASS_TYPE,
        )  # fmt: skip
        program = add_program(session, merchant.id, draft, PASS_TYPE, NOW)
        change_status(program, ACTIVE)
        mint_key(session, merchant.id, "scale", ["admin"], NOW)
    owner = {"m": merchant.id, "p": program.id, "t": PASS_TYPE, "s": int(NOW.timestamp())}
    for start in range(0, passes, CHUNK):
        _fill_chunk(database, owner, start, min(CHUNK, passes - start))
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))


def _fill_chunk(database: Database, owner: dict[str, object], start: int, size: int) -> None:
    now = NOW.replace(tzinfo=None) if database.engine.dialect.name == "sqlite" else NOW
    rows = [
        {**owner, "n": f"{number:09d}", "v": number, "now": now, "no": False}
        for number in range(start, start + size)
    ]
    statements = (
        """INSERT INTO members (id, merchant_id, program_id, revision, first_name, last_name,
               source, created_at)
           VALUES ('mem_' || :n, :m, :p, 1, '', '', 'scale', :now)""",
        """INSERT INTO passes (id, merchant_id, program_id, member_id, pass_type_identifier,
               serial_number, authentication_token, page_token, code, code_epoch, voided, locale,
               created_at, version, modified_s)
           VALUES ('pas_' || :n, :m, :p, 'mem_' || :n, :t, 'ser_' || :n, 'token-' || :n,
               'page_' || :n, 'C' || :n, 0, :no, 'en', :now, :v, :s)""",
        """INSERT INTO devices (id, library_identifier, pass_type_identifier, push_token,
               token_at, budget_used, created_at)
           VALUES ('dev_' || :n, 'lib_' || :n, :t, 'aa' || :n, :now, 0, :now)""",
        """INSERT INTO registrations (device_id, pass_id, created_at)
           VALUES ('dev_' || :n, 'pas_' || :n, :now)""",
    )
    with database.writing() as session:
        for statement in statements:
            session.execute(text(statement), rows)


def measured(database: Database, passes: int) -> dict[str, float]:
    """Median milliseconds: what phones and tills ask in the middle of all passes, and the first
    batch of a new look.
    """
    looks = LookBook()
    names = iter(random.Random(7).sample(range(passes), 5 * CALLS))  # noqa: S311  # no secret

    def listing() -> None:
        with database.reading() as session:
            phones.news(session, f"lib_{next(names):09d}", PASS_TYPE, "0")

    def fetch() -> None:
        with database.reading() as session:
            card_by_serial(session, looks, PASS_TYPE, f"ser_{next(names):09d}")

    def stamp() -> None:
        with database.writing() as session:
            member = session.get_one(Member, f"mem_{next(names):09d}")
            at = till.present(session, member.merchant_id, member.id)
            counter.earn(session, at, 1, NOW)

    def scan() -> None:
        with database.reading() as session:
            merchant_id = session.execute(text("SELECT id FROM merchants")).scalar_one()
            till.look_up(session, merchant_id, f"C{next(names):09d}")

    def batch() -> None:
        with database.writing() as session:
            program_id = session.execute(text("SELECT id FROM programs")).scalar_one()
            changes.begin_fan_out(session, program_id, NOW)
            session.flush()
            fanout.work_one_batch(session, NOW)

    acts = {"list": listing, "fetch": fetch, "stamp": stamp, "scan": scan, "batch": batch}
    return {name: _median_ms(act, CALLS) for name, act in acts.items()}


def unindexed(database: Database) -> list[str]:
    """Hot statements that would read a whole table; empty is good."""
    hot = {
        "list": "SELECT 1 FROM devices WHERE library_identifier = 'x'",
        "fetch": "SELECT 1 FROM passes WHERE pass_type_identifier = 'x' AND serial_number = 'y'",
        "scan": "SELECT 1 FROM passes WHERE code = 'x'",
        "card": "SELECT 1 FROM passes WHERE page_token = 'x'",
        "balance": "SELECT sum(stamps) FROM transactions WHERE member_id = 'x'",
        "phones": "SELECT 1 FROM registrations WHERE pass_id = 'x'",
        "places": "SELECT id FROM passes WHERE place_set_id = 'x' LIMIT 9",
        "fan-out": "SELECT id FROM passes WHERE program_id = 'x' AND id > 'y' ORDER BY id LIMIT 9",
    }
    sqlite = database.engine.dialect.name == "sqlite"
    explain = "EXPLAIN QUERY PLAN " if sqlite else "EXPLAIN "
    found = []
    with database.engine.connect() as connection:
        if not sqlite:  # small tables are read whole as long as that is allowed
            connection.execute(text("SET LOCAL enable_seqscan = off"))
        for name, statement in hot.items():
            plan = str(connection.execute(text(explain + statement)).all())
            if ("SCAN" in plan and "USING" not in plan) if sqlite else "Seq Scan" in plan:
                found.append(f"{name}: {plan}")
    return found


def main() -> None:
    for name, open_databases in (("SQLite", sqlite), ("PostgreSQL", postgresql)):
        with open_databases(*(f"scale_{size}" for size in SIZES)) as databases:
            for database, passes in zip(databases, SIZES, strict=True):
                fill(database, passes)
            for problem in unindexed(databases[-1]):
                print(f"NO INDEX: {problem}")
            rounds = [
                [measured(*pair) for pair in zip(databases, SIZES, strict=True)]
                for _ in range(ROUNDS)
            ]
        report(_rows(name, rounds))


def _rows(name: str, rounds: list[list[dict[str, float]]]) -> Iterator[Row]:
    few, many = SIZES
    for act in rounds[0][0]:
        ratio = statistics.median(large[act] / small[act] for small, large in rounds)
        value = statistics.median(large[act] for _, large in rounds)
        yield Row(f"{name}, {act} among {many:,}", value, "ms", f"among {few:,}", ratio)


def _median_ms(act: Callable[[], None], calls: int) -> float:
    spent = []
    for _ in range(calls):
        start = time.perf_counter()
        act()
        spent.append((time.perf_counter() - start) * 1000)
    return statistics.median(spent)


if __name__ == "__main__":
    main()
