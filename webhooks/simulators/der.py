"""Just enough DER (ITU-T X.690) to walk through a CMS signature; nothing is interpreted."""

from dataclasses import dataclass

SEQUENCE = 0x30
SET = 0x31
OBJECT_IDENTIFIER = 0x06
OCTET_STRING = 0x04
INTEGER = 0x02
UTC_TIME = 0x17
GENERALIZED_TIME = 0x18


@dataclass(frozen=True, slots=True)
class Element:
    """One value: its tag, its content, and all its bytes."""

    tag: int
    content: bytes
    raw: bytes

    def children(self) -> list["Element"]:
        """The values inside a constructed one; ValueError when they do not fill it exactly."""
        return elements(self.content)


def elements(data: bytes) -> list[Element]:
    """The values that follow one another in `data`; ValueError when it is not DER."""
    found = []
    start = 0
    while start < len(data):
        end, content_start = _extent(data, start)
        found.append(Element(data[start], data[content_start:end], data[start:end]))
        start = end
    return found


def only(data: bytes) -> Element:
    """The single value that `data` is; ValueError otherwise."""
    found = elements(data)
    if len(found) != 1:
        raise ValueError("there is not exactly one value")
    return found[0]


def _extent(data: bytes, start: int) -> tuple[int, int]:
    """Where the value at `start` ends and where its content begins."""
    if start + 2 > len(data) or data[start] & 0x1F == 0x1F:  # noqa: PLR2004
        raise ValueError("a value has no length, or a tag of several bytes")
    first = data[start + 1]
    content = start + 2
    length = first
    if first & 0x80:
        content += first & 0x7F
        length = int.from_bytes(data[start + 2 : content], "big")
    end = content + length
    if first == 0x80 or end > len(data):  # noqa: PLR2004
        raise ValueError("a value is cut short or of indefinite length")
    return end, content
