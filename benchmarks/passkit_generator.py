"""The peer most passes on the web are made with: passkit-generator, under node."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.elsewhere import contestant
from benchmarks.rounds import Contestant

PACKAGE = "passkit-generator@3.6.1"
INSTALLED = Path("var/passkit-generator")

_SCRIPT = Path(__file__).with_suffix(".mjs")


class Missing(Exception):
    """The peer cannot take part; the message tells why."""


def install() -> Path:
    """The script beside the installed package; raises Missing without node, npm or the package."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        raise Missing("node and npm are not installed")
    INSTALLED.mkdir(parents=True, exist_ok=True)
    if not (INSTALLED / "node_modules/passkit-generator").exists():
        command = (npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", PACKAGE)
        done = subprocess.run(
            command, cwd=INSTALLED, capture_output=True, text=True, timeout=120, check=False
        )
        if done.returncode:
            raise Missing(f"npm cannot install {PACKAGE}: {done.stderr.strip()[-200:]}")
    return Path(shutil.copy(_SCRIPT, INSTALLED))


@contextmanager
def running(material: Path) -> Iterator[Contestant]:
    """The contestant, in a process of its own that reads keys and pictures from a folder."""
    with contestant("node", install().name, material.resolve(), folder=INSTALLED) as work:
        yield work
