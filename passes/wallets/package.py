"""The container of a `.pkpass`: a zip whose bytes follow from its contents alone.

Everything is stored, nothing deflated: PNGs do not shrink, and the two kilobytes of JSON would cost
more time than they save. Not for: reading archives, or files of 4 GiB (zip64).
"""

from collections.abc import Iterable
from struct import Struct

# Record layouts and names: PKWARE APPNOTE 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16.
_SHARED = Struct("<5H3I2H")  # what local and central header have in common
_CENTRAL_TAIL = Struct("<3H2I")
_END = Struct("<4s4H2IH")
_LOCAL_SIGNATURE = b"PK\x03\x04"
_CENTRAL_START = b"PK\x01\x02" + (3 << 8 | 20).to_bytes(2, "little")  # made on Unix, version 2.0
_END_SIGNATURE = b"PK\x05\x06"
_LOCAL_SIZE = len(_LOCAL_SIGNATURE) + _SHARED.size

# Version 2.0; no flags, since names are ASCII; stored; midnight of 1980-01-01, the earliest moment.
_HOW = (20, 0, 0, 0, 0x0021)
_PLAIN_FILE = (0, 0, 0, 0o100644 << 16)  # no comment, first disk, binary, rw-r--r--

Entry = tuple[str, bytes, int]  # a flat ASCII name, the content, the CRC-32 of the content


def pack(entries: Iterable[Entry]) -> bytes:
    """The zip of these files, in this order. The contents are copied once."""
    parts: list[bytes] = []
    directory: list[bytes] = []
    offset = 0
    for name, content, crc32 in entries:
        encoded, size = name.encode("ascii"), len(content)
        shared = _SHARED.pack(*_HOW, crc32, size, size, len(encoded), 0)
        parts += (_LOCAL_SIGNATURE, shared, encoded, content)
        directory += (_CENTRAL_START, shared, _CENTRAL_TAIL.pack(*_PLAIN_FILE, offset), encoded)
        offset += _LOCAL_SIZE + len(encoded) + size
    return b"".join([*parts, *directory, _end(directory, offset)])


def _end(directory: list[bytes], offset: int) -> bytes:
    count = len(directory) // 4  # four parts make one record
    size = sum(map(len, directory))
    return _END.pack(_END_SIGNATURE, 0, 0, count, count, size, offset, 0)
