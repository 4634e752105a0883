"""A CSV file of shops, read into rows: what its lines say, whoever's shops they are about.

Faults point at `/LINE/COLUMN`, the line as an editor counts it. Not for: what rows do to the shops
that are there (location_plans).
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from passes.errors import FieldFault, Invalid, pointer
from passes.services.drafts import Locale, LocationDraft

MAX_ROWS = 1_000
MAX_BYTES = 2 << 20
OWN_TEXT = "relevant_text"  # in the merchant's language, whichever that is
TEXTS = {f"{OWN_TEXT}_{locale}": locale for locale in get_args(Locale)}
_REQUIRED = ("name", "latitude", "longitude")
_COLUMNS = (*LocationDraft.model_fields, *TEXTS)
_DEGREES = re.compile(r"[+-]?\d{1,3}(?:[.,]\d+)?", re.ASCII)
_METRES = re.compile(r"\d{1,9}", re.ASCII)
_YES_OR_NO = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the file: what it says of a shop, by column; None is an empty cell.

    An external id is not empty. `texts` are what the shop says nearby.
    """

    line: int
    given: Mapping[str, object]
    texts: Mapping[str, str | None]

    def fault(self, column: str, code: str, detail: str) -> FieldFault:
        return _fault(self.line, column, code, detail)


def read_rows(data: bytes) -> list[Row]:
    """The lines of a CSV file below its first, which names the columns; Invalid with every fault.

    UTF-8 with or without BOM; commas, or semicolons with decimal commas, as spreadsheets write.
    """
    lines, delimiter = _lines(data)
    columns = _columns(lines[0][1])
    rows: list[Row] = []
    faults: list[FieldFault] = []
    for line, values in lines[1:]:
        if len(values) > len(columns):
            detail = f"more cells than columns: put a cell with a {delimiter} in it into quotes"
            faults.append(_fault(line, "", "too_many_cells", detail))
            continue
        padded = values + [""] * (len(columns) - len(values))
        try:
            rows.append(_row(line, dict(zip(columns, padded, strict=True))))
        except Invalid as error:
            faults += error.faults
    if faults:
        raise Invalid(faults)
    return rows


def _lines(data: bytes) -> tuple[list[tuple[int, list[str]]], str]:
    """The lines that hold something, numbered, and what stands between their cells."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        detail = "is not UTF-8: save it as “CSV UTF-8”"
        raise Invalid([FieldFault("/file", "encoding", detail)]) from error
    header = text.split("\n", 1)[0]
    delimiter = ";" if header.count(";") > header.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    lines, done = [], 0
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                lines.append((done + 1, [cell.strip() for cell in cells]))
            done = reader.line_num  # a quoted cell may have several lines
            if len(lines) > MAX_ROWS + 1:
                detail = f"has more than {MAX_ROWS} rows: import it in parts"
                raise Invalid([FieldFault("/file", "too_many_rows", detail)])
    except csv.Error as error:
        detail = f"cannot be read at line {reader.line_num} ({error}): look at its quotes"
        raise Invalid([FieldFault("/file", "malformed", detail)]) from error
    if not lines:
        raise Invalid([FieldFault("/file", "empty", "has no line: the first names the columns")])
    return lines, delimiter


def _columns(header: Sequence[str]) -> list[str]:
    names = [cell.lower() for cell in header]
    known = ", ".join(_COLUMNS)
    if len(names) > len(_COLUMNS):
        detail = f"has {len(names)} columns, more than there can be; known are {known}"
        raise Invalid([FieldFault("/file", "too_many_columns", detail)])
    faults = [
        FieldFault("/file", "column_unknown", f"column {number}: no such column; known are {known}")
        for number, name in enumerate(names, 1)
        if name not in _COLUMNS
    ]
    faults += [
        FieldFault("/file", "column_missing", f"the first line has to name a column {name}")
        for name in _REQUIRED
        if name not in names
    ]
    faults += [
        FieldFault("/file", "column_repeated", f"the first line names {name} twice")
        for name, count in Counter(names).items()
        if count > 1
    ]
    if faults:
        raise Invalid(faults)
    return names


def _row(line: int, cells: Mapping[str, str]) -> Row:
    given: dict[str, object] = {}
    texts: dict[str, str | None] = {}
    faults: list[FieldFault] = []
    for column, cell in cells.items():
        try:
            if column == OWN_TEXT or column in TEXTS:
                texts[column] = _text(cell)
            elif cell or column != "external_id":
                given[column] = _READERS.get(column, _text)(cell)
        except ValueError as error:
            faults.append(_fault(line, column, "unreadable", str(error)))
    if faults:
        raise Invalid(faults)
    return Row(line, given, texts)


def _text(cell: str) -> str | None:
    return cell or None


def _degrees(cell: str) -> float:
    if not _DEGREES.fullmatch(cell):
        raise ValueError("must be a number of degrees such as 47.4979")
    return float(cell.replace(",", "."))


def _metres(cell: str) -> int | None:
    if cell and not _METRES.fullmatch(cell):
        raise ValueError("must be a whole number of metres, or empty")
    return int(cell) if cell else None


def _yes_or_no(cell: str) -> bool | None:
    if cell and cell.lower() not in _YES_OR_NO:
        raise ValueError("must be true or false, or empty")
    return _YES_OR_NO.get(cell.lower())


_READERS: Mapping[str, Callable[[str], object]] = {
    "latitude": _degrees,
    "longitude": _degrees,
    "max_distance_m": _metres,
    "active": _yes_or_no,
    "confirm_coordinates": _yes_or_no,
}


def _fault(line: int, column: str, code: str, detail: str) -> FieldFault:
    return FieldFault(pointer(line, column), code, detail)
