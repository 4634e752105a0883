"""The commands of whoever runs the service, as they are typed."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import update

from certs.apple import Keyring
from passes.settings import SettingsError
from passes.store.tables import Pass
from passes.web.parts import Parts
from tests.webhooks.living import ScriptedCourier, Shop
from webhooks.cli import outside_commands
from webhooks.couriers.outcomes import Refused
from webhooks.terms import Terms
from webhooks.worker import Worker

pytestmark = pytest.mark.parametrize("shared_service", ["sqlite"], indirect=True)

Run = Callable[..., Result]


def group(shop: Shop, worker: Worker | None = None) -> click.Group:
    def compose_worker() -> Worker:
        assert worker
        return worker

    commands = outside_commands(compose_worker, lambda: shop.service.parts)
    return click.Group("passmint", {str(command.name): command for command in commands})


@pytest.fixture
def run(shop: Shop) -> Run:
    """Runs a command line against the shop's database."""
    environment = {
        "PASSMINT_PUBLIC_URL": "https://cards.example",
        "PASSMINT_SECRET_KEY": "0123456789abcdef0123456789abcdef",
        "PASSMINT_DATABASE_URL": shop.database.engine.url.render_as_string(hide_password=False),
    }

    def run(*words: str, **extra: str) -> Result:
        return CliRunner().invoke(group(shop), words, env=environment | extra)

    return run


def give_up(shop: Shop, *tokens: str) -> None:
    shop.stamp(shop.member(*tokens))
    shop.rounds(ScriptedCourier(lambda _: Refused("APNs answered 400 BadTopic"))).step()


# --- deliveries -----------------------------------------------------------------------------------


def test_an_empty_outbox_is_said_to_be_empty(run: Run) -> None:
    assert run("deliveries", "list").output == "Nothing waits.\n"
    assert run("deliveries", "list", "--gave-up").output == "Nothing was given up.\n"


def test_lines_tell_what_waits_and_why(shop: Shop, run: Run) -> None:
    give_up(shop, "aa")
    shop.stamp(shop.member("bb"))
    gave_up, waiting = shop.rows()
    output = run("deliveries", "list").output
    assert len(output.splitlines()) == 2
    assert f"{waiting.id}  apns  {waiting.target}  due at once, since " in output
    only = run("deliveries", "list", "--gave-up").output
    assert only.startswith(f"{gave_up.id}  apns  {gave_up.target}  gave up, since ")
    assert only.endswith("1 tries: APNs answered 400 BadTopic\n")
    assert "aa" not in only.replace(gave_up.target, "")  # no push token


def test_one_or_all_that_were_given_up_are_tried_again(shop: Shop, run: Run) -> None:
    give_up(shop, "aa", "bb", "cc")
    first, *_ = shop.rows()
    assert run("deliveries", "retry", str(first.id)).output == "1 to be tried again at once.\n"
    assert [row.state for row in shop.rows()] == ["waiting", "gave_up", "gave_up"]
    assert run("deliveries", "retry", "--gave-up").output == "2 to be tried again at once.\n"
    courier = ScriptedCourier()
    shop.rounds(courier).step()
    assert sorted(courier.seen) == ["aa", "bb", "cc"]


@pytest.mark.parametrize("words", [(), ("7", "--gave-up")])
def test_what_to_retry_has_to_be_said_once(run: Run, words: tuple[str, ...]) -> None:
    result = run("deliveries", "retry", *words)
    assert result.exit_code == 2
    assert "--gave-up" in result.output


@pytest.mark.parametrize("delivery_id", ["999999", "9" * 40, "abc", "-1"])
def test_an_unknown_line_is_told(run: Run, delivery_id: str) -> None:
    result = run("deliveries", "retry", "--", delivery_id)
    assert result.exit_code == 1
    assert "There is no such delivery" in result.output


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"PASSMINT_DATABASE_URL": "postgresql://u:hunter2@127.0.0.1:1/x"}, "does not answer"),
        ({"PASSMINT_SECRET_KEY": "short"}, "PASSMINT_SECRET_KEY"),
    ],
)
def test_trouble_is_a_sentence_without_secrets(
    run: Run, environment: dict[str, str], words: str
) -> None:
    result = run("deliveries", "list", **environment)
    assert result.exit_code == 1
    assert words in result.output
    assert "hunter2" not in result.output


def test_a_database_without_tables_is_told(run: Run, tmp_path: Path) -> None:
    result = run("deliveries", "list", PASSMINT_DATABASE_URL=f"sqlite:///{tmp_path / 'new.db'}")
    assert result.exit_code == 1
    assert "`passmint migrate`" in result.output


# --- doctor ---------------------------------------------------------------------------------------


def test_the_doctor_tells_a_passes_way_and_what_ails_it(shop: Shop, run: Run) -> None:
    member = shop.member("aa")
    shop.stamp(member)
    with shop.database.writing() as session:
        downloaded = update(Pass).values(downloaded_at=shop.clock())
        session.execute(downloaded.where(Pass.id == member["pass"]["id"]))
    by_id = run("doctor", member["pass"]["id"])
    assert by_id.exit_code == 0
    first, version, downloaded_line, registered, pushed, *_, last = by_id.output.splitlines()
    assert first == f"Pass {member['pass']['id']} of {shop.pass_type}, on 1 phone"
    assert version.endswith("; the newest on a phone: none")
    assert downloaded_line == f"  downloaded  {shop.clock():%Y-%m-%d %H:%M:%S} UTC"
    assert registered.startswith("  registered  2")
    assert pushed == "  pushed      never"
    assert "passmint worker" in last
    assert run("doctor", member["pass"]["serial_number"]).output == by_id.output


def test_the_doctor_repeats_a_phones_complaint(shop: Shop, run: Run) -> None:
    member = shop.member()
    line = f"Get pass task (serial number {member['pass']['serial_number']}) encountered error: 500"
    shop.service.client.post("/apple/v1/log", json={"logs": [line]})
    output = run("doctor", member["pass"]["id"]).output
    assert f"  complaint   {line}\n" in output
    assert output.endswith("Nobody has downloaded this pass yet.\n")


def test_the_doctor_knows_no_unknown_pass(run: Run) -> None:
    result = run("doctor", "pas_unknown")
    assert (result.exit_code, result.output) == (
        1,
        "Error: There is no pass pas_unknown: check the id.\n",
    )


def test_the_doctor_finds_a_sound_installation(run: Run) -> None:
    result = run("doctor")
    assert result.exit_code == 0
    for line in (
        "ok    database: sqlite\n",
        "ok    public URL: https://cards.example\n",
        "ok    outbox: Nothing waits for long, nothing was given up.\n",
        "look  authority: A development authority",
    ):
        assert line in result.output
    assert "apple pass." in result.output


def test_the_doctor_misses_certificates(shop: Shop) -> None:
    bare = replace(shop.service.parts, keyring=Keyring({}, ()), google=None)
    *_, doctor = outside_commands(
        lambda: Worker(shop.database, (), shop.clock, Terms()), lambda: bare
    )
    result = CliRunner().invoke(doctor)
    assert result.exit_code == 1
    assert "BAD   certificates: None is loaded" in result.output


def test_the_doctor_finds_what_keeps_updates_from_phones(shop: Shop, run: Run) -> None:
    give_up(shop, "aa")
    shop.stamp(shop.member("bb"))
    shop.clock.forward(timedelta(minutes=11))
    result = run("doctor")
    assert result.exit_code == 1
    assert "BAD   outbox: 1 deliveries by apns were given up" in result.output
    assert "the oldest for 11 minutes: check that `passmint worker` runs" in result.output


def test_the_doctor_says_when_there_is_nothing_to_examine(shop: Shop) -> None:
    def broken() -> Parts:
        raise SettingsError("PASSMINT_PUBLIC_URL is required")

    *_, doctor = outside_commands(lambda: Worker(shop.database, (), shop.clock, Terms()), broken)
    result = CliRunner().invoke(doctor)
    assert (result.exit_code, result.output) == (1, "Error: PASSMINT_PUBLIC_URL is required\n")


# --- worker ---------------------------------------------------------------------------------------


@contextmanager
def free_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


def test_a_port_for_figures_that_is_taken_is_told(shop: Shop) -> None:
    worker = Worker(shop.database, (), lambda: datetime.now(UTC), Terms())
    with free_port() as port:
        result = CliRunner().invoke(group(shop, worker), ["worker", "--metrics-port", str(port)])
    assert result.exit_code == 1
    assert f"Port {port} cannot be used" in result.output
