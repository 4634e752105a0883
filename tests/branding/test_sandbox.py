import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from branding import sandbox
from branding.errors import DecoderBusy, ImageRejected

ROGUE = "tests.branding.rogue_decoder"


def _reason(order: str) -> str:
    with pytest.raises(ImageRejected) as caught:
        sandbox.run(ROGUE, order.encode())
    return caught.value.reason


def test_a_decoder_answers_with_bytes_and_warnings() -> None:
    assert sandbox.run(ROGUE, b"allocate 1") == (b"\0", ())


def test_a_decoder_inherits_no_environment_and_no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSMINT_SECRET_KEY", "not for decoders")
    told, warnings = sandbox.run(ROGUE, b"tell")
    assert warnings == ("one", "two")
    *names, folder = told.split(b"\n")
    assert set(names) <= {b"PYTHONPATH", b"MALLOC_ARENA_MAX", b"VIPS_CONCURRENCY", b"LC_CTYPE"}
    assert folder == b"/"


def test_a_decoder_that_wants_too_much_memory_is_refused_it() -> None:
    assert _reason("allocate 400") == "too_complex"


def test_an_answer_needs_no_second_copy_of_itself() -> None:
    picture, _ = sandbox.run(ROGUE, b"answer 140")
    assert len(picture) == 140 << 20


def test_a_decoder_that_runs_out_of_memory_while_it_answers_met_too_complex_a_picture() -> None:
    assert _reason("warn 140") == "too_complex"


def test_only_so_many_decoders_run_at_once_and_others_wait_with_patience(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(sandbox.AT_ONCE) as pool:
        running = [
            pool.submit(sandbox.run, ROGUE, f"wait {pipe}".encode()) for _ in range(sandbox.AT_ONCE)
        ]
        while sandbox._places.acquire(blocking=False):  # until all of them have begun
            sandbox._places.release()
        with pytest.raises(DecoderBusy):
            sandbox.run(ROGUE, b"allocate 1", patience_s=0)
        waiting = ThreadPoolExecutor(1).submit(sandbox.run, ROGUE, b"allocate 1")
        readers = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        assert waiting.result(10) == (b"\0", ())
        assert [one.result(10)[0] for one in running] == [b"waited"] * sandbox.AT_ONCE
        os.close(readers)


def test_a_decoder_that_crashes_takes_nothing_with_it() -> None:
    assert _reason("crash") == "too_complex"


def test_a_decoder_cannot_write_a_file(tmp_path: Path) -> None:
    target = tmp_path / "written"
    assert _reason(f"write {target}") == "damaged"
    assert not target.exists() or not target.read_text()


def test_a_decoder_cannot_open_many_files() -> None:
    assert _reason("connect") == "damaged"


def test_the_reason_of_a_decoder_is_handed_on() -> None:
    assert _reason("reject") == "empty"


def test_a_decoder_that_cannot_start_is_our_fault_and_not_the_pictures() -> None:
    with pytest.raises(RuntimeError, match=r"branding\.nowhere"):
        sandbox.run("branding.nowhere", b"")
