"""Processes of their own that a benchmark talks to, line by line; each ends with its input."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from benchmarks.rounds import Contestant, Stint


@contextmanager
def telling_its_port(*command: object) -> Iterator[int]:
    """A server that prints the port it listens at."""
    with _talking_to(command) as (_, stdout):
        yield int(stdout.readline())


@contextmanager
def contestant(*command: object, folder: Path | None = None) -> Iterator[Contestant]:
    """The contestant that reads seconds and prints what it did in them as JSON."""
    with _talking_to(command, folder) as (stdin, stdout):

        def work(seconds: float) -> Stint:
            stdin.write(f"{seconds}\n")
            stdin.flush()
            return Stint(**json.loads(stdout.readline()))

        yield work


@contextmanager
def _talking_to(
    command: tuple[object, ...], folder: Path | None = None
) -> Iterator[tuple[IO[str], IO[str]]]:
    words = [str(word) for word in command]
    with subprocess.Popen(
        words, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        try:
            yield process.stdin, process.stdout
        finally:
            process.stdin.close()
