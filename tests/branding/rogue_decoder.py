"""A decoder that misbehaves as its input says. Run by test_sandbox in the sandbox."""

import os
import signal
import socket
from pathlib import Path

from branding import sandbox
from branding.errors import ImageRejected


def decode(data: bytes) -> tuple[bytes, list[str]]:
    match data.decode().split():
        case ["allocate", megabytes]:
            return bytes(int(megabytes) << 20)[:1], []
        case ["answer", megabytes]:
            return bytes(int(megabytes) << 20), []
        case ["warn", megabytes]:
            return b"", ["x" * (int(megabytes) << 20)]
        case ["wait", path]:
            os.close(os.open(path, os.O_WRONLY))  # a pipe: until somebody reads it
            return b"waited", []
        case ["write", path]:
            Path(path).write_text("here I was")
        case ["connect"]:
            return repr([socket.socket() for _ in range(100)]).encode(), []
        case ["crash"]:
            os.kill(os.getpid(), signal.SIGSEGV)
        case ["reject"]:
            raise ImageRejected("empty", "nothing in it")
        case ["tell"]:
            return b"\n".join([*os.environb, str(Path.cwd()).encode()]), ["one", "two"]
    raise ValueError(data)


if __name__ == "__main__":
    sandbox.serve(decode)
