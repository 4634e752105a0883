"""The container of a `.pkpass`: a zip whose bytes follow from its contents alone.

Everything is stored, nothing deflated: PNGs do not shrink, and the two kilobytes of JSON would cost
more time than they save. Not for: reading archives, or files of 4 GiB (zip64).
"""

from collections.abc import Sequence
from functools import lru_cache
from struct import Struct

# Record layouts and names: PKWARE APPNOTE 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16.
_SHARED = Struct("<5H3I2H")  # what local and central header have in common
_CENTRAL_TAIL = Struct("<3H2I")
_END = Struct("<4s4H2IH")
_LOCAL_SIGNATURE = b"PK\x03\x04"
_CENTRAL_START = b"PK\x01\x02" + (3 << 8 | 20).to_bytes(2, "little")  # made on Unix, version 2.0
_END_SIGNATURE = b"PK\x05\x06"

# Version 2.0; no flags, since names are ASCII; stored; midnight of 1980-01-01, the earliest moment.
_HOW = (20, 0, 0, 0, 0x0021)
_PLAIN_FILE = (0, 0, 0, 0o100644 << 16)  # no comment, first disk, binary, rw-r--r--

Entry = tuple[str, bytes, int]  # a flat ASCII name, the content, the CRC-32 of the content


def pack(recurring: Sequence[Entry], unique: Sequence[Entry]) -> bytes:
    """The zip of these files, in this order. The contents are copied once.

    Recurring files come first, so that their places, and with them their headers, recur too.
    """
    parts: list[bytes] = []
    directory: list[bytes] = []
    offset = 0
    for headers, entries in ((_known_headers, recurring), (_headers, unique)):
        for name, content, crc32 in entries:
            local, central = headers(name, len(content), crc32, offset)
            parts += (local, content)
            directory.append(central)
            offset += len(local) + len(content)
    size = sum(map(len, directory))
    end = _END.pack(_END_SIGNATURE, 0, 0, len(directory), len(directory), size, offset, 0)
    return b"".join([*parts, *directory, end])


def _headers(name: str, size: int, crc32: int, offset: int) -> tuple[bytes, bytes]:
    """A file's local header and its record in the directory."""
    encoded = name.encode("ascii")
    shared = _SHARED.pack(*_HOW, crc32, size, size, len(encoded), 0)
    tail = _CENTRAL_TAIL.pack(*_PLAIN_FILE, offset)
    return _LOCAL_SIGNATURE + shared + encoded, _CENTRAL_START + shared + tail + encoded


_known_headers = lru_cache(maxsize=4096)(_headers)  # of hundreds of cards, in 2 MB
