import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

from branding.cache import PieceCache
from branding.piece import Piece

PIECES = (Piece.of("dot.png", Image.new("RGB", (8, 8))),)
WEIGHT = len(PIECES[0].png)


def test_a_second_request_is_served_without_rendering():
    cache = PieceCache(10 * WEIGHT)
    rendered = []
    for _ in range(3):
        assert cache.get_or_render("a", lambda: rendered.append(1) or PIECES) is PIECES
    assert len(rendered) == 1
    assert cache.figures() == (2, 1, WEIGHT, 1)


def test_the_least_recently_used_is_dropped_when_the_bytes_run_out():
    cache = PieceCache(2 * WEIGHT)
    rendered = []
    for key in ("a", "b", "a", "c", "a", "b"):
        cache.get_or_render(key, lambda key=key: rendered.append(key) or PIECES)
    assert rendered == ["a", "b", "c", "b"]
    assert cache.figures().bytes == 2 * WEIGHT


def test_what_is_larger_than_the_whole_cache_is_given_but_not_kept():
    cache = PieceCache(WEIGHT - 1)
    assert cache.get_or_render("a", lambda: PIECES) is PIECES
    assert cache.figures().bytes == 0


def test_many_who_ask_at_once_wait_for_one_rendering():
    cache = PieceCache(10 * WEIGHT)
    started = threading.Event()
    rendered = []

    def render() -> tuple[Piece, ...]:
        rendered.append(1)
        started.set()
        for _ in range(5000):  # until the eight others have asked
            if cache.figures().hits == 8 or threading.Event().wait(0.001):
                break
        return PIECES

    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(cache.get_or_render, "a", render)
        assert started.wait(5)
        others = [pool.submit(cache.get_or_render, "a", render) for _ in range(8)]
        assert all(answer.result(10) is PIECES for answer in (first, *others))
    assert len(rendered) == 1


def test_a_failed_rendering_is_told_and_tried_anew():
    cache = PieceCache(10 * WEIGHT)

    def broken() -> tuple[Piece, ...]:
        raise OSError("no picture")

    with pytest.raises(OSError, match="no picture"):
        cache.get_or_render("a", broken)
    assert cache.get_or_render("a", lambda: PIECES) is PIECES
