"""The container: readable by everybody, and the same bytes for the same contents."""

import io
import subprocess
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passes.wallets.package import Entry, pack

CONTENTS = st.dictionaries(
    st.from_regex(r"[a-z@0-9]{1,12}\.[a-z]{3,4}", fullmatch=True), st.binary(max_size=200)
)


def entries(files: dict[str, bytes]) -> list[Entry]:
    return [(name, content, zlib.crc32(content)) for name, content in files.items()]


@given(recurring=CONTENTS, unique=CONTENTS)
@settings(max_examples=50, deadline=None)
def test_what_goes_in_comes_out(recurring: dict[str, bytes], unique: dict[str, bytes]) -> None:
    fresh = {name: content for name, content in unique.items() if name not in recurring}
    with zipfile.ZipFile(io.BytesIO(pack(entries(recurring), entries(fresh)))) as archive:
        assert archive.testzip() is None
        read = {name: archive.read(name) for name in archive.namelist()}
    assert read == recurring | fresh
    assert list(read) == [*recurring, *fresh]


def test_unzip_finds_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "card.pkpass"
    path.write_bytes(pack(entries({"icon.png": b"\x89PNG" * 999}), entries({"pass.json": b"{}"})))
    done = subprocess.run(("unzip", "-tq", str(path)), capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_nothing_but_the_contents_decides_the_bytes() -> None:
    package = pack(entries({"icon.png": b"x"}), entries({"pass.json": b"{}"}))
    assert package == pack(entries({"icon.png": b"x"}), entries({"pass.json": b"{}"}))
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        for info in archive.infolist():
            assert info.date_time == (1980, 1, 1, 0, 0, 0)
            assert (info.compress_type, info.flag_bits, info.is_dir()) == (0, 0, False)
            assert info.external_attr >> 16 == 0o100644


def test_the_same_file_at_another_place_is_found_there() -> None:
    one = entries({"icon.png": b"same"})
    before = entries({"a.png": b"longer than before"})
    for package in (pack(one, []), pack([*before, *one], []), pack(one, before)):
        assert zipfile.ZipFile(io.BytesIO(package)).read("icon.png") == b"same"


def test_a_name_beyond_ascii_is_refused() -> None:
    with pytest.raises(UnicodeEncodeError):
        pack(entries({"ikona-č.png": b""}), [])
