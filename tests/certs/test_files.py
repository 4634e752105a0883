from pathlib import Path

import pytest

from certs.errors import CertificateError
from certs.files import PRIVATE_MODE, PUBLIC_MODE, read_passphrase, write_whole


@pytest.mark.parametrize("mode", [PRIVATE_MODE, PUBLIC_MODE])
def test_a_file_is_written_whole_with_its_mode_and_no_draft_stays(
    tmp_path: Path, mode: int
) -> None:
    path = tmp_path / "new" / "key.pem"
    write_whole(path, b"old", PUBLIC_MODE)
    write_whole(path, b"new", mode)
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == mode
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_write_leaves_nothing_behind_and_is_told(tmp_path: Path) -> None:
    path = tmp_path / "taken"
    path.mkdir()
    with pytest.raises(CertificateError, match=r"taken cannot be written .*; let this user") as e:
        write_whole(path, b"secret", PRIVATE_MODE)
    assert e.value.code == "folder_unwritable"
    assert list(tmp_path.iterdir()) == [path]


def test_a_space_at_the_end_belongs_to_the_pass_phrase(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(b" two words \n")
    assert read_passphrase(path) == " two words "


@pytest.mark.parametrize("data", [b"two words", b"two words\n", b"two words\r\n"])
def test_a_pass_phrase_file_may_end_its_line(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "secret"
    path.write_bytes(data)
    assert read_passphrase(path) == "two words"


def test_a_pass_phrase_that_is_no_text_is_told(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(CertificateError, match="secret is not UTF-8"):
        read_passphrase(path)
