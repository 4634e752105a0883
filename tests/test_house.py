"""The house rules: what no review should have to look for."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from passes.errors import CODES, Problem
from passes.settings import process_environment
from passes.web.problems import _HTTP_CODES

ROOT = Path(__file__).parents[1]
ROOMS = ("certs", "branding", "passes", "webhooks")
# An index or a host in a lock file would tie everybody to somebody's mirror.
TIES = re.compile(r"--(extra-)?index-url|--find-links|file://|https?://[^\s\"']*(pypi|simple)")


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def sources() -> list[Path]:
    return [ROOT / "wsgi.py", *(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))]


def test_the_rooms_import_as_they_are_drawn() -> None:
    linted = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        env=process_environment() | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert linted.returncode == 0, linted.stdout + linted.stderr
    assert "0 broken" in linted.stdout


def test_the_environment_is_read_in_one_file() -> None:
    reading = [
        path.relative_to(ROOT).as_posix()
        for path in sources()
        if re.search(r"os\.(environ|getenv)|from os import environ", path.read_text("utf-8"))
    ]
    assert reading == ["passes/settings.py"]


def test_every_room_says_what_it_is_for() -> None:
    silent = [
        path.relative_to(ROOT).as_posix()
        for path in sources()
        if "migrations/versions" not in path.as_posix()
        and not ast.get_docstring(ast.parse(path.read_text("utf-8")))
    ]
    assert silent == []


def test_lock_files_pin_by_hash_and_name_no_address() -> None:
    for lock in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / lock).read_text("utf-8")
        assert not re.search(r"https?://|^-", text, re.MULTILINE), lock
        pins = re.findall(r"^[a-z0-9][^\s]*==[^\s]+", text, re.MULTILINE)
        assert len(pins) > 20
        assert text.count("--hash=sha256:") >= len(pins)


def test_no_file_ties_the_project_to_a_place() -> None:
    tied = [
        path.relative_to(ROOT).as_posix()
        for path in tracked()
        if path.suffix in {".toml", ".lock", ".cfg", ".ini", ".yml", ".yaml", ".json", ""}
        and path.name != "google-walletobjects.schema.json"
        and TIES.search(path.read_text("utf-8", errors="replace"))
    ]
    assert tied == []


def test_no_file_knows_the_machine_it_was_written_on() -> None:
    home = re.compile(r"(?<![\w.])/(root|home/\w+|work)/")
    told = [
        path.relative_to(ROOT).as_posix()
        for path in tracked()
        if path.suffix in {".py", ".md", ".toml", ".lock", ".html", ".css", ".mjs", ""}
        and path != Path(__file__)
        and home.search(path.read_text("utf-8", errors="replace"))
    ]
    assert told == []


def test_every_problem_code_is_documented_with_its_cure() -> None:
    told = (ROOT / "docs/errors.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", told, re.MULTILINE))
    assert rows == CODES
    assert list(CODES) == sorted(CODES)


def test_every_problem_has_a_code_of_the_list() -> None:
    raised = re.compile(
        r"\b(?:BadRequest|NotFound|Conflict|Unavailable|Invalid)\([^()]*?code=\"(\w+)\"", re.DOTALL
    )
    given = {code for path in sources() for code in raised.findall(path.read_text("utf-8"))}
    declared = {problem.code for problem in descendants(Problem) if "code" in vars(problem)}
    assert given
    assert given | declared | set(_HTTP_CODES.values()) <= set(CODES)


def descendants(problem: type[Problem]) -> list[type[Problem]]:
    found = problem.__subclasses__()
    return found + [one for child in found for one in descendants(child)]


def test_the_check_of_a_change_runs_all_checks_and_all_tests() -> None:
    script = ROOT / ".ci/run"
    assert script.stat().st_mode & 0o111
    lines = [line for line in script.read_text("utf-8").splitlines() if line.startswith("make")]
    assert lines == ["make check", "make test"]
