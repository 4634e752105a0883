"""Untrusted bytes meet foreign decoders only here: in a child process that can be killed.

A decoder module calls `serve` when it is run; `run` starts it from the web process. A fork would
copy the keys of the web process and its threads' locks, so the child is a fresh interpreter that
inherits nothing but `sys.path`.
"""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import BoundedSemaphore

from branding.errors import DecoderBusy, ImageRejected

AT_ONCE = 2  # decoders of one process: their memory adds up
PATIENCE_S = 10.0
WALL_S = 4.0
CPU_S = 4
MEMORY_BYTES = 300_000_000  # address space, and so resident memory too
OPEN_FILES = 16  # enough for fonts and lazy imports

TOO_COMPLEX = (
    "drawing this picture takes too much time or memory; "
    "simplify it or export it as a PNG of at most 1440 pixels"
)
_OUT_OF_MEMORY = 12  # our exit code for it: ENOMEM
DAMAGED = "the picture is damaged or cut short; export it again from the program that made it"

_places = BoundedSemaphore(AT_ONCE)


def run(decoder: str, data: bytes, patience_s: float = PATIENCE_S) -> tuple[bytes, tuple[str, ...]]:
    """The PNG and the warnings that the module `decoder` makes of `data`, within WALL_S.

    Raises ImageRejected with the decoder's reason, or `too_complex` when it had to be killed;
    DecoderBusy when AT_ONCE others were at work all through `patience_s`. RuntimeError means that
    the decoder itself cannot start: a broken installation.
    """
    with _place(patience_s):
        return _run(decoder, data)


@contextmanager
def _place(patience_s: float) -> Iterator[None]:
    if not _places.acquire(timeout=patience_s):
        raise DecoderBusy
    try:
        yield
    finally:
        _places.release()


def _run(decoder: str, data: bytes) -> tuple[bytes, tuple[str, ...]]:
    with subprocess.Popen(  # noqa: S603 – our own interpreter and module, no shell
        [sys.executable, "-s", "-P", "-m", decoder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_environment(),
        cwd="/",
        start_new_session=True,
    ) as child:
        try:
            answer, complaint = child.communicate(data, timeout=WALL_S)
        except subprocess.TimeoutExpired:
            raise ImageRejected("too_complex", TOO_COMPLEX) from None
        finally:
            child.kill()
    if child.returncode < 0 or child.returncode == _OUT_OF_MEMORY:
        raise ImageRejected("too_complex", TOO_COMPLEX)
    if child.returncode > 0:
        raise RuntimeError(f"{decoder} does not start, reinstall Passmint: {complaint[-500:]!r}")
    return _unwrap(answer)


def serve(decode: Callable[[bytes], tuple[bytes, list[str]]]) -> None:
    """Answer one `run`: confine this process, decode standard input, reply on standard output."""
    _confine()
    try:
        png, verdict = _verdict(decode, sys.stdin.buffer.read())
        sys.stdout.buffer.write(json.dumps(verdict).encode() + b"\n")
        sys.stdout.buffer.write(png)
        sys.stdout.buffer.flush()
    except MemoryError:
        os._exit(_OUT_OF_MEMORY)


def _verdict(
    decode: Callable[[bytes], tuple[bytes, list[str]]], data: bytes
) -> tuple[bytes, dict[str, str | list[str]]]:
    try:
        png, warnings = decode(data)
    except ImageRejected as rejection:
        return b"", {"reason": rejection.reason, "message": str(rejection)}
    except MemoryError:
        return b"", {"reason": "too_complex", "message": TOO_COMPLEX}
    except Exception:  # noqa: BLE001 – whatever a foreign decoder stumbles over is a bad picture
        return b"", {"reason": "damaged", "message": DAMAGED}
    return png, {"warnings": warnings}


def _unwrap(answer: bytes) -> tuple[bytes, tuple[str, ...]]:
    header, _, png = answer.partition(b"\n")
    verdict = json.loads(header)
    if "reason" in verdict:
        raise ImageRejected(verdict["reason"], verdict["message"])
    return png, tuple(verdict["warnings"])


def _environment() -> dict[str, str]:
    # One thread and one heap arena: each further one would reserve 64 MB of the address space.
    roots = [str(Path(__file__).parents[1]), *filter(None, sys.path)]
    return {
        "PYTHONPATH": os.pathsep.join(roots),
        "MALLOC_ARENA_MAX": "1",
        "VIPS_CONCURRENCY": "1",
    }


def _confine() -> None:
    limits = {
        resource.RLIMIT_AS: MEMORY_BYTES,
        resource.RLIMIT_CPU: CPU_S,
        resource.RLIMIT_NOFILE: OPEN_FILES,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
    }
    for limit, value in limits.items():
        resource.setrlimit(limit, (value, value))
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
