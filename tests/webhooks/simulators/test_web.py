"""How a virtual phone reaches the web, when the web breaks off."""

import socket
from collections.abc import Iterator
from contextlib import closing
from threading import Thread

import pytest

from webhooks.simulators.web import HttpWeb, Unreachable


@pytest.fixture
def half_answer() -> Iterator[str]:
    """The address of a server that dies in the middle of its answer."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1 << 16)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf of")

        thread = Thread(target=answer)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        thread.join()


def test_half_an_answer_is_none(half_answer: str) -> None:
    with closing(HttpWeb()) as web, pytest.raises(Unreachable, match="No answer from"):
        web.send("GET", half_answer, {})
