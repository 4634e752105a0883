"""The commands of whoever keeps the list of shops."""

import threading
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from passes.cli import COMMANDS
from tests.passes.services.chain import Chain, point
from tests.service import PUBLIC_URL, Service
from tests.together import PATIENCE_S
from webhooks.relocating import Mover

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

Run = Callable[..., Result]
PASSMINT = click.Group("passmint", {str(command.name): command for command in COMMANDS})


@pytest.fixture
def chain(service: Service) -> Chain:
    chain = Chain.open(service, shops=1)
    service.relocate()
    return chain


@pytest.fixture
def run(chain: Chain, tmp_path: Path) -> Run:
    """Imports a file with these lines."""

    def run(lines: str, *words: str) -> Result:
        file = tmp_path / "shops.csv"
        file.write_text(f"external_id,name,latitude,longitude\n{lines}", "utf-8")
        environment = {
            "PASSMINT_PUBLIC_URL": PUBLIC_URL,
            "PASSMINT_SECRET_KEY": "0123456789abcdef0123456789abcdef",
            "PASSMINT_DATABASE_URL": str(chain.database.engine.url),
        }
        merchant = chain.door.get("/merchants").json["data"][0]["id"]
        command = ["locations", "import", str(file), "--merchant", merchant, *words]
        return CliRunner().invoke(PASSMINT, command, env=environment)

    return run


def moved(number: int = 0) -> str:
    return f"0,Shop 0,{point(number).latitude + 0.001},{point(number).longitude}\n"


def test_a_file_is_brought_in_and_the_change_named(chain: Chain, run: Run) -> None:
    chain.member()
    outcome = run(moved() + f"1,Shop 1,{point(1).latitude},{point(1).longitude}\n")
    assert outcome.exit_code == 0, outcome.output
    assert "1 are new, 1 are changed, 0 stay." in outcome.output
    assert "rel_" in outcome.output
    assert [one["name"] for one in chain.door.get("/locations").json["data"]] == [
        "Shop 0", "Shop 1",
    ]  # fmt: skip
    assert len(chain.service.relocate()) > 0


def test_a_dry_run_changes_nothing(chain: Chain, run: Run) -> None:
    outcome = run(moved(), "--dry-run")
    assert "0 would be new, 1 would be changed" in outcome.output
    assert chain.door.get("/locations").json["data"][0]["latitude"] == point(0).latitude
    assert chain.service.relocate() == []


def test_every_fault_is_told_with_its_line_and_column(run: Run) -> None:
    outcome = run(moved() + "7,,95,5\n")
    assert outcome.exit_code == 1
    assert "line 3, latitude: Input should be less than or equal to 90" in outcome.output
    assert "line 3, name: " in outcome.output


def test_whoever_watches_sees_the_cards_follow(chain: Chain, run: Run) -> None:
    member = chain.member()
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.01):
            Mover(chain.database).work_one_batch(chain.clock())

    worker = threading.Thread(target=work)
    worker.start()
    outcome = run(moved(), "--watch")
    stop.set()
    worker.join(PATIENCE_S)
    assert outcome.exit_code == 0, outcome.output
    assert chain.pushed() == [member["pass"]["id"]]
