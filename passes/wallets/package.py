"""The container of a `.pkpass`: a zip whose bytes follow from its contents alone.

Everything is stored, nothing deflated: PNGs do not shrink, and the two kilobytes of JSON would cost
more time than they save. Not for: reading archives, or files of 4 GiB (zip64).
"""

from collections.abc import Iterable
from struct import Struct
from typing import NamedTuple

# Record layouts and names: PKWARE APPNOTE 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16.
_SHARED = Struct("<5H3I2H")  # what local and central header have in common
_CENTRAL_TAIL = Struct("<3H2I")
_END = Struct("<4s4H2IH")
_LOCAL_SIGNATURE = b"PK\x03\x04"
_CENTRAL_START = b"PK\x01\x02" + (3 << 8 | 20).to_bytes(2, "little")  # made on Unix, version 2.0
_END_SIGNATURE = b"PK\x05\x06"

_VERSION_NEEDED = 20
_FLAGS = 0  # names are ASCII, so the UTF-8 flag is not needed
_STORED = 0
_MIDNIGHT, _FIRST_OF_1980 = 0, 0x0021  # the earliest moment a zip can name
_PLAIN_FILE = 0o100644 << 16


class Entry(NamedTuple):
    """One file: a flat ASCII name, its content and the CRC-32 of the content."""

    name: str
    content: bytes
    crc32: int


def pack(entries: Iterable[Entry]) -> bytes:
    """The zip of these files, in this order. The contents are copied once."""
    parts: list[bytes] = []
    directory: list[bytes] = []
    offset = 0
    for name, content, crc32 in entries:
        encoded, size = name.encode("ascii"), len(content)
        shared = _SHARED.pack(
            *(_VERSION_NEEDED, _FLAGS, _STORED, _MIDNIGHT, _FIRST_OF_1980),
            *(crc32, size, size, len(encoded), 0),
        )
        parts += (_LOCAL_SIGNATURE, shared, encoded, content)
        tail = _CENTRAL_TAIL.pack(0, 0, 0, _PLAIN_FILE, offset)
        directory += (_CENTRAL_START, shared, tail, encoded)
        offset += len(_LOCAL_SIGNATURE) + _SHARED.size + len(encoded) + size
    return b"".join([*parts, *directory, _end(directory, offset)])


def _end(directory: list[bytes], offset: int) -> bytes:
    count = len(directory) // 4  # four parts make one record
    size = sum(map(len, directory))
    return _END.pack(_END_SIGNATURE, 0, 0, count, count, size, offset, 0)
