import base64
import gzip
import io
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import pairwise
from pathlib import Path

import pytest
import pyvips
from PIL import Image

from branding.errors import ImageRejected
from branding.intake import accept

MAGENTA = (255, 0, 255)
ROOT = Path(__file__).parents[2]


def _svg(body: str, page: str = 'viewBox="0 0 100 50"', prolog: str = "") -> bytes:
    spaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return f"{prolog}<svg {spaces} {page}>{body}</svg>".encode()


def _magenta_png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (100, 50), MAGENTA).save(out, "PNG")
    return out.getvalue()


def _reason(data: bytes) -> str:
    started = time.monotonic()
    with pytest.raises(ImageRejected) as caught:
        accept(data)
    assert time.monotonic() - started < 5
    assert len(str(caught.value)) > 40
    return caught.value.reason


def _is_green(picture: Image.Image) -> bool:
    colour = picture.getpixel((700, 350))
    return isinstance(colour, tuple) and colour[:3] == (0x1F, 0x4D, 0x3A)


def _shows_magenta(picture: Image.Image) -> bool:
    colours = picture.convert("RGB").getcolors(picture.width * picture.height) or []
    return any(colour == MAGENTA for _, colour in colours)


GREEN_RECT = '<rect width="100" height="50" fill="#1f4d3a"/>'


@pytest.mark.parametrize(
    "page",
    [
        'viewBox="0 0 100 50"',
        'width="100%" height="100%" viewBox="0 0 100 50"',
        'width="1" viewBox="0 0 100 50"',
        'width="60000" height="30000" viewBox="0 0 100 50"',
        'width="100mm" height="50mm" viewBox="0 0 100 50"',
        'width="100" height="50"',
    ],
)
def test_the_size_drawn_does_not_depend_on_the_size_the_file_names(page: str) -> None:
    picture = accept(_svg(GREEN_RECT, page))
    assert picture.source_format == "svg"
    assert 1400 <= picture.width <= 1600
    assert picture.height == pytest.approx(picture.width / 2, abs=2)
    assert _is_green(picture.open())


@pytest.mark.parametrize(
    "prolog",
    [
        "\ufeff",
        '\n  <?xml version="1.0" encoding="UTF-8"?>\n'.lstrip(),
        '<!-- made by hand --><?xml-stylesheet href="/etc/passwd"?>',
        '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/1.1/DTD/svg11.dtd">',
        '<!DOCTYPE svg [<!ENTITY ns_ai "http://ns.adobe.com/AdobeIllustrator/10.0/">]>',
    ],
)
def test_the_prologs_that_drawing_programs_write_are_accepted(prolog: str) -> None:
    assert accept(_svg(GREEN_RECT, prolog=prolog)).source_format == "svg"


def test_a_drawing_keeps_its_transparent_ground() -> None:
    opened = accept(_svg('<circle cx="50" cy="25" r="20" fill="red"/>')).open()
    assert opened.mode == "RGBA"
    assert opened.getchannel("A").getpixel((0, 0)) == 0


def test_a_small_drawing_on_a_large_page_is_drawn_large_and_sharp() -> None:
    body = '<rect x="700" y="700" width="20" height="10" fill="red"/>'
    picture = accept(_svg(body, 'viewBox="0 0 1000 1000"'))
    assert picture.width >= 1400
    assert picture.height == pytest.approx(picture.width / 2, rel=0.05)
    assert "low_resolution" not in picture.warnings


@pytest.mark.parametrize("height", [100.1, 166.6, 333.3, 777.7])
def test_a_small_drawing_in_the_last_corner_is_found(height: float) -> None:
    body = f'<rect x="980" y="{height - 10}" width="20" height="10" fill="red"/>'
    assert accept(_svg(body, f'viewBox="0 0 1000 {height}"')).width >= 1300


def test_the_same_drawing_gives_the_same_picture() -> None:
    assert accept(_svg(GREEN_RECT)) == accept(_svg(GREEN_RECT))


def test_an_embedded_picture_is_drawn() -> None:
    inside = base64.b64encode(_magenta_png()).decode()
    body = f'<image width="100" height="50" href="data:image/png;base64,{inside}"/>'
    assert _shows_magenta(accept(_svg(body)).open())


def test_scripts_are_not_run() -> None:
    body = f"{GREEN_RECT}<script>document.documentElement.remove(); while (1);</script>"
    assert _is_green(accept(_svg(body)).open())


@pytest.fixture
def visits() -> Iterator[tuple[str, list[str]]]:
    """The address of a web server on this machine that serves magenta, and who came."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "image/png")
            self.end_headers()
            self.wfile.write(_magenta_png())

        def log_message(self, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/loud.png", paths
        server.shutdown()
        thread.join()


@pytest.fixture
def targets(tmp_path: Path, visits: tuple[str, list[str]]) -> list[str]:
    """Every way to name a picture outside of the document."""
    loud = tmp_path / "loud.png"
    loud.write_bytes(_magenta_png())
    relative = f"../../../../../../../..{loud}"
    return [str(loud), relative, f"file://{loud}", f"file:{loud}", visits[0], "//" + visits[0][7:]]


EMBRACES = [
    '<image width="100" height="50" xlink:href="{}"/>',
    '<image width="100" height="50" href="{}"/>',
    '<use href="{}#x"/>',
    '<filter id="f"><feImage href="{}"/></filter><rect width="9" height="9" filter="url(#f)"/>',
    '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="{}" parse="text"/>',
]


def test_a_reference_to_the_outside_is_refused(targets: list[str]) -> None:
    reasons = {_reason(_svg(EMBRACES[0].format(target))) for target in targets}
    reasons |= {_reason(_svg(embrace.format(targets[0]))) for embrace in EMBRACES}
    assert reasons == {"svg_unsafe"}


def test_the_renderer_itself_reads_no_file_and_no_address(
    targets: list[str], visits: tuple[str, list[str]], tmp_path: Path
) -> None:
    # Behind the refusal above stands librsvg's own; a new release must not loosen it.
    styles = [
        "<style>@import url('{}');</style>",
        "<style>rect {{ fill: url('{}') }}</style>",
        '<rect width="100" height="50" fill="url({}#x)"/>',
    ]
    for target in targets:
        for embrace in (*EMBRACES, *styles):
            data = _svg(GREEN_RECT + embrace.format(target))
            drawn = pyvips.Image.svgload_buffer(data)
            pixels = bytes(drawn.write_to_memory())
            assert not _shows_magenta(Image.frombytes("RGBA", (drawn.width, drawn.height), pixels))
    assert visits[1] == []


def test_entities_from_files_are_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    prolog = f'<!DOCTYPE svg [<!ENTITY s SYSTEM "file://{secret}">]>'
    assert _reason(_svg("<text>&s;</text>", prolog=prolog)) == "svg_unsafe"


def test_entities_that_grow_are_refused() -> None:
    loops = "".join(
        f'<!ENTITY {name} "' + f"&{inner};" * 10 + '">' for inner, name in pairwise("abcdefghij")
    )
    prolog = f'<!DOCTYPE svg [<!ENTITY a "lol">{loops}]>'
    assert _reason(_svg("<text>&j;</text>", prolog=prolog)) == "svg_unsafe"
    long = "x" * 60_000
    prolog = f'<!DOCTYPE svg [<!ENTITY a "{long}">]>'
    assert _reason(_svg("&a;" * 60_000, prolog=prolog)) == "svg_unsafe"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("<g>" * 200_000 + "</g>" * 200_000, "damaged"),
        ("", "transparent"),
        ("<rect", "damaged"),
        ('<rect width="9" height="9" fill="none"/>', "transparent"),
    ],
    ids=["deep", "nothing", "broken", "invisible"],
)
def test_what_shows_nothing_is_refused(body: str, reason: str) -> None:
    assert _reason(_svg(body)) == reason


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        ('width="3e6" height="3e6" viewBox="0 0 9 9"', "svg_size"),
        ('viewBox="0 0 100000 1"', "svg_size"),
        ("", "svg_size"),
        ('width="100%" height="100%"', "svg_size"),
        ('width="6e9" height="6e9" viewBox="0 0 9 9"', "damaged"),
    ],
)
def test_a_page_that_no_logo_has_is_refused(page: str, reason: str) -> None:
    assert _reason(_svg(GREEN_RECT, page)) == reason


@pytest.mark.parametrize(
    "data",
    [
        gzip.compress(_svg(" " * 5_000_000 + GREEN_RECT)),
        _svg(GREEN_RECT).decode().encode("utf-16"),
        b"<html><body><svg></svg></body></html>",
    ],
    ids=["svgz", "utf-16", "html"],
)
def test_a_drawing_in_a_wrapping_is_no_svg(data: bytes) -> None:
    assert _reason(data) == "unsupported_format"


def test_a_web_page_in_the_guise_of_xml_is_refused() -> None:
    assert _reason(b'<?xml version="1.0"?><html><body>svg</body></html>') == "unsupported_format"


def _nested_uses(depth: int) -> str:
    groups = (
        f'<g id="a{level}">' + f'<use href="#a{level - 1}"/>' * 10 + "</g>"
        for level in range(1, depth)
    )
    defs = '<rect id="a0" width="1" height="1"/>' + "".join(groups)
    return f'<defs>{defs}</defs><use href="#a{depth - 1}"/>'


def _turbulence(count: int) -> str:
    noise = '<feTurbulence baseFrequency="0.9" numOctaves="2000"/>' * count
    return f'<filter id="f">{noise}</filter><rect width="100" height="50" filter="url(#f)"/>'


def test_drawings_without_end_are_killed_in_time_and_leave_no_process() -> None:
    probe = (
        "import os, sys, time\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from branding.intake import accept\n"
        "from branding.errors import ImageRejected\n"
        "def reason(data):\n"
        "    try:\n        accept(data)\n"
        "    except ImageRejected as rejection:\n        return rejection.reason\n"
        "started = time.monotonic()\n"
        "print(*ThreadPoolExecutor().map(reason, sys.stdin.buffer.read().split(b'\\0')))\n"
        "print('soon' if time.monotonic() - started < 5 else 'late')\n"
        "try:\n    print(os.waitpid(-1, os.WNOHANG))\n"
        "except ChildProcessError:\n    print('alone')\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", probe],
        input=_svg(_nested_uses(10)) + b"\0" + _svg(_turbulence(80)),
        capture_output=True,
        check=True,
        cwd=ROOT,
    )
    assert run.stdout.split() == [b"too_complex", b"too_complex", b"soon", b"alone"]


def test_several_threads_draw_at_the_same_time() -> None:
    pictures = []
    threads = [
        threading.Thread(target=lambda: pictures.append(accept(_svg(GREEN_RECT)))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(pictures) == 3
    assert len(set(pictures)) == 1
