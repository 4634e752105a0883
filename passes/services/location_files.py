"""Shops from a spreadsheet: a CSV file becomes new and changed locations, all or none.

Faults point at `/LINE/COLUMN`, the line as an editor counts it.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast, get_args

from pydantic import ValidationError
from sqlalchemy.orm import Session

from passes.errors import FieldFault, Invalid, pointer
from passes.services.drafts import MAX_LOCATIONS, Locale, LocationDraft
from passes.services.locations import doubts, draft_of, fill, point_of, shops_of
from passes.services.merchants import find_merchant
from passes.store.tables import Location

MAX_ROWS = 1_000
MAX_BYTES = 2 << 20
_REQUIRED = ("name", "latitude", "longitude")
_TEXT = "relevant_text"
_TEXTS = {f"{_TEXT}_{locale}": locale for locale in get_args(Locale)}
_COLUMNS = (*LocationDraft.model_fields, *_TEXTS)
_DEGREES = re.compile(r"[+-]?\d{1,3}(?:[.,]\d+)?", re.ASCII)
_YES_OR_NO = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the file: what it says of a shop, by the names of a draft's fields.

    An external id is not empty. Texts are always there, by language; None clears one.
    """

    line: int
    given: dict[str, object]

    def fault(self, column: str, code: str, detail: str) -> FieldFault:
        return FieldFault(pointer(self.line, column), code, detail)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a file would do: the shops it changes (None: a new one) and how they would be."""

    changes: Sequence[tuple[Location | None, LocationDraft]]
    created: int
    updated: int
    unchanged: int


def read_plan(session: Session, merchant_id: str, data: bytes) -> Plan:
    """What a CSV file would do to a merchant's shops; Invalid with every fault.

    A shop is known by its external id, else by its name; what the file has no column for stays.
    """
    locale = find_merchant(session, merchant_id).locale
    return _plan(session, merchant_id, _read_rows(data, locale))


def carry_out(session: Session, merchant_id: str, plan: Plan, now: datetime) -> None:
    """Makes the shops as planned, in the transaction in which the plan was made.

    They are listed in the order of the file.
    """
    for number, (present, draft) in enumerate(plan.changes):
        created_at = now + timedelta(microseconds=number)
        shop = present or Location(merchant_id=merchant_id, created_at=created_at)
        fill(shop, draft)
        session.add(shop)
    session.flush()


def _read_rows(data: bytes, locale: str) -> list[Row]:
    """The lines of a CSV file; Invalid with every fault. `relevant_text` alone is in `locale`.

    UTF-8 with or without BOM; commas, or semicolons with decimal commas, as spreadsheets write.
    """
    lines, delimiter = _lines(data)
    columns = _columns(lines[0][1])
    rows: list[Row] = []
    faults: list[FieldFault] = []
    for line, values in lines[1:]:
        row = Row(line, {})
        if len(values) > len(columns):
            detail = f"more cells than columns: put a cell with a {delimiter} in it into quotes"
            faults.append(row.fault("", "too_many_cells", detail))
        else:
            padded = values + [""] * (len(columns) - len(values))
            faults += _read(row, dict(zip(columns, padded, strict=True)), locale)
        rows.append(row)
    if faults:
        raise Invalid(faults)
    return rows


def _plan(session: Session, merchant_id: str, rows: Sequence[Row]) -> Plan:
    """What the rows would do to the merchant's shops; Invalid with every fault of every row."""
    shops = shops_of(session, merchant_id)
    present = [_known(row, shops) for row in rows]
    faults = [*_repeated(rows, present), *_ambiguous(rows, shops)]
    drafts: list[tuple[Location | None, LocationDraft]] = []
    for row, shop in zip(rows, present, strict=True):
        try:
            drafts.append((shop, _merged(shop, row)))
        except ValidationError as error:
            faults += _invalid(row, error)
    faults += _doubtful(rows, drafts, shops) if not faults else []
    added = sum(shop is None for shop in present)
    if len(shops) + added > MAX_LOCATIONS:
        detail = f"a merchant has at most {MAX_LOCATIONS} locations: delete some first"
        faults.append(FieldFault("", "too_many_locations", detail))
    if faults:
        raise Invalid(faults)
    changes = [(shop, draft) for shop, draft in drafts if shop is None or _differs(shop, draft)]
    return Plan(changes, added, len(changes) - added, len(drafts) - len(changes))


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


def _read(row: Row, cells: Mapping[str, str], locale: str) -> Iterator[FieldFault]:
    """Fills the row; a language whose cell is empty is None."""
    texts: dict[str, str | None] = {}
    for column, cell in cells.items():
        try:
            if column == _TEXT or column in _TEXTS:
                texts[_TEXTS.get(column, locale)] = cell or None
            elif cell or column != "external_id":
                row.given[column] = _READERS.get(column, _text)(cell)
        except ValueError as error:
            yield row.fault(column, "unreadable", str(error))
    row.given[_TEXT] = texts


def _text(cell: str) -> str | None:
    return cell or None


def _number(cell: str) -> float:
    if not _DEGREES.fullmatch(cell):
        raise ValueError("must be a number of degrees such as 47.4979")
    return float(cell.replace(",", "."))


def _whole(cell: str) -> int | None:
    try:
        return int(cell) if cell else None
    except ValueError as error:
        raise ValueError("must be a whole number of metres, or empty") from error


def _yes_or_no(cell: str) -> bool | None:
    if cell and cell.lower() not in _YES_OR_NO:
        raise ValueError("must be true or false, or empty")
    return _YES_OR_NO.get(cell.lower())


_READERS: Mapping[str, Callable[[str], object]] = {
    "latitude": _number,
    "longitude": _number,
    "max_distance_m": _whole,
    "active": _yes_or_no,
    "confirm_coordinates": _yes_or_no,
}


def _known(row: Row, shops: Sequence[Location]) -> Location | None:
    """By its external id, else by its name; a shop of this name that has no id yet gets it."""
    wanted, name = row.given.get("external_id"), row.given["name"]
    if wanted is None:
        return next((shop for shop in shops if shop.name == name), None)
    nameless = (shop for shop in shops if shop.external_id is None and shop.name == name)
    return next((shop for shop in shops if shop.external_id == wanted), None) or next(
        nameless, None
    )


def _merged(shop: Location | None, row: Row) -> LocationDraft:
    """The row over the shop; an empty cell is the field's default."""
    present = draft_of(shop).model_dump() if shop else {}
    texts = {**present.get(_TEXT, {}), **cast("dict[str, str | None]", row.given[_TEXT])}
    merged = {**present, **row.given, _TEXT: _filled(texts)}
    return LocationDraft.model_validate(_filled(merged))


def _filled(values: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}


def _differs(present: Location, draft: LocationDraft) -> bool:
    return draft_of(present) != draft.model_copy(update={"confirm_coordinates": False})


def _repeated(rows: Sequence[Row], present: Sequence[Location | None]) -> Iterator[FieldFault]:
    seen: dict[object, int] = {}
    for row, shop in zip(rows, present, strict=True):
        column = "name" if "external_id" not in row.given else "external_id"
        known = shop.id if shop else (column, row.given[column])
        if known in seen:
            yield row.fault(column, "repeated", f"line {seen[known]} is about the same location")
        seen.setdefault(known, row.line)


def _ambiguous(rows: Sequence[Row], shops: Sequence[Location]) -> Iterator[FieldFault]:
    named = Counter(shop.name for shop in shops)
    for row in rows:
        if "external_id" not in row.given and named[str(row.given["name"])] > 1:
            detail = "several locations have this name: tell them apart by external_id"
            yield row.fault("name", "ambiguous", detail)


def _invalid(row: Row, error: ValidationError) -> Iterator[FieldFault]:
    for found in error.errors(include_url=False, include_context=False, include_input=False):
        column = "_".join(map(str, found["loc"]))
        yield row.fault(column, found["type"], found["msg"].removeprefix("Value error, "))


def _doubtful(
    rows: Sequence[Row],
    drafts: Sequence[tuple[Location | None, LocationDraft]],
    shops: Sequence[Location],
) -> Iterator[FieldFault]:
    """What stands at an unlikely place, seen from all the other shops of file and merchant."""
    replaced = {shop.id for shop, _ in drafts if shop}
    standing = [point_of(shop) for shop in shops if shop.active and shop.id not in replaced]
    points = [point_of(draft) for _, draft in drafts]
    for index, (row, (shop, draft)) in enumerate(zip(rows, drafts, strict=True)):
        if shop and point_of(shop) == points[index]:
            continue
        others = standing + points[:index] + points[index + 1 :]
        for fault in doubts(points[index], others, confirmed=draft.confirm_coordinates):
            yield row.fault(fault.pointer.strip("/"), fault.code, fault.detail)
