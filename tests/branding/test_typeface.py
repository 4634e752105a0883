import subprocess
import sys
from pathlib import Path

import pytest

from branding import typeface
from passes.settings import process_environment

# Every line as it is written, the paragraph's direction, and as it stands from left to right.
LINES = [
    ("קפה", False, "הפק"),
    ("Kávé 3 / 10", False, "Kávé 3 / 10"),
    ("Kávé שלום! 3", False, "Kávé 3 !םולש"),  # the digit follows the Hebrew word
    ("Kávé שלום!", True, "!םולש Kávé"),
    ("עד 3/10 Café", True, "Café 3/10 דע"),
    ("מחיר: 12.50 ₪", True, "₪ 12.50 :ריחמ"),
    ("שלום (abc) 12", True, "12 (abc) םולש"),
    ("10 (שלום)", True, "(םולש) 10"),
    ("a((שלום))b", False, "a((םולש))b"),
    ("«בית» [x] <4>", True, "<4> [x] «תיב»"),
]

DRAWS_HEBREW = """
import hashlib
from PIL import Image, ImageDraw, features
from branding import typeface
image = Image.new("L", (400, 60))
typeface.write(
    ImageDraw.Draw(image), (390, 40), "קפה (abc) 12", size_px=30, weight=400, colour=255, rtl=True
)
print(features.check("fribidi"), hashlib.sha256(image.tobytes()).hexdigest())
"""


@pytest.mark.parametrize(("line", "rtl", "shown"), LINES)
def test_a_line_is_set_in_the_order_the_eye_meets_it(line: str, rtl: bool, shown: str) -> None:
    assert typeface.in_visual_order(line, rtl=rtl) == shown


def _drawn(environment: dict[str, str]) -> list[str]:
    drawn = subprocess.run(
        [sys.executable, "-c", DRAWS_HEBREW],
        env=process_environment() | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return drawn.stdout.split()


def test_hebrew_is_drawn_alike_where_the_system_has_no_fribidi(tmp_path: Path) -> None:
    for name in ("libfribidi.so.0", "libfribidi.so"):
        (tmp_path / name).write_bytes(b"no library")  # found first, and cannot be loaded
    has_library, pixels = _drawn({"LD_LIBRARY_PATH": str(tmp_path)})
    assert has_library == "False"
    assert pixels == _drawn({})[1]


def test_accents_survive_however_they_were_typed() -> None:
    names = "Příliš žluťoučký kůň – Árvíztűrő tükörfúrógép"
    assert typeface.printable(names) == names
    assert typeface.printable("Ka\u0301ve\u0301 U\u030b") == "Kávé Ű"


def test_what_the_typeface_lacks_is_left_out_down_to_its_letter() -> None:
    assert typeface.printable("x\u0308 שָׁלוֹם 🎉 \u200fa\u034fb") == "x שלום ab"
