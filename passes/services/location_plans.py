"""What the rows of a file do to a merchant's shops: looked at wholly, then done wholly.

Not for: reading the file (location_files), which needs no database and so no transaction.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import ValidationError
from sqlalchemy.orm import Session

from passes.errors import FieldFault, Invalid
from passes.loyalty.neighbours import Neighbours
from passes.services.drafts import MAX_LOCATIONS, LocationDraft
from passes.services.location_files import OWN_TEXT, TEXTS, Row
from passes.services.locations import doubts, draft_of, fill, point_of, shops_of
from passes.services.merchants import find_merchant
from passes.store.tables import Location


@dataclass(frozen=True, slots=True)
class Change:
    """A shop, None for a new one, and how a row would have it."""

    row: Row
    present: Location | None
    draft: LocationDraft


@dataclass(frozen=True, slots=True)
class Plan:
    """What a file would do; shops that it leaves as they are take no change."""

    changes: Sequence[Change]
    created: int
    updated: int
    unchanged: int


def plan_changes(session: Session, merchant_id: str, rows: Sequence[Row]) -> Plan:
    """What the rows of a file would do to a merchant's shops; Invalid with every fault.

    A shop is known by its external id, else by its name; what the file has no column for stays.
    """
    locale = find_merchant(session, merchant_id).locale
    shops = shops_of(session, merchant_id)
    present = _known(rows, shops)
    faults = [
        *_told_twice(rows, locale),
        *_repeated(rows, present),
        *_ambiguous(rows, shops),
        *_too_many(shops, present),
    ]
    wanted: list[Change] = []
    for row, shop in zip(rows, present, strict=True):
        try:
            wanted.append(Change(row, shop, _merged(shop, row, locale)))
        except ValidationError as error:
            faults += _invalid(row, error, locale)
    faults = faults or list(_doubtful(wanted, shops))
    if faults:
        raise Invalid(faults)
    changes = [one for one in wanted if one.present is None or _differs(one.present, one.draft)]
    created = present.count(None)
    return Plan(changes, created, len(changes) - created, len(wanted) - len(changes))


def carry_out(session: Session, merchant_id: str, plan: Plan, now: datetime) -> None:
    """Makes the shops as planned, in the transaction in which the plan was made.

    They are listed in the order of the file.
    """
    for number, change in enumerate(plan.changes):
        created_at = now + timedelta(microseconds=number)
        shop = change.present or Location(merchant_id=merchant_id, created_at=created_at)
        fill(shop, change.draft)
        session.add(shop)
    session.flush()


def _known(rows: Sequence[Row], shops: Sequence[Location]) -> list[Location | None]:
    """By its external id, else by its name; a shop of this name that has no id yet gets it, from
    the first row that has one.
    """
    newest_first = shops[::-1]  # so that of one name the oldest is found
    identified = _by("external_id", newest_first)
    named = _by("name", newest_first)
    nameless = _by("name", [shop for shop in newest_first if shop.external_id is None])
    return [
        identified.get(row.given["external_id"]) or nameless.pop(row.given["name"], None)
        if "external_id" in row.given
        else named.get(row.given["name"])
        for row in rows
    ]


def _by(column: str, shops: Sequence[Location]) -> dict[object, Location]:
    return {getattr(shop, column): shop for shop in shops}


def _merged(shop: Location | None, row: Row, locale: str) -> LocationDraft:
    """The row over the shop; an empty cell is the field's default."""
    present = draft_of(shop).model_dump() if shop else {}
    told = {TEXTS.get(column, locale): text for column, text in row.texts.items()}
    texts = _filled({**present.get(OWN_TEXT, {}), **told})
    return LocationDraft.model_validate(_filled({**present, **row.given, OWN_TEXT: texts}))


def _filled(values: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}


def _differs(present: Location, draft: LocationDraft) -> bool:
    return draft_of(present) != draft.model_copy(update={"confirm_coordinates": False})


def _told_twice(rows: Sequence[Row], locale: str) -> Iterator[FieldFault]:
    """Two columns of texts in one language: all rows have the same columns."""
    in_own = f"{OWN_TEXT}_{locale}"
    if rows and {OWN_TEXT, in_own} <= rows[0].texts.keys():
        detail = f"{OWN_TEXT} and {in_own} are both in the merchant's language: keep one of them"
        yield FieldFault("/file", "column_repeated", detail)


def _repeated(rows: Sequence[Row], present: Sequence[Location | None]) -> Iterator[FieldFault]:
    seen: dict[object, int] = {}
    for row, shop in zip(rows, present, strict=True):
        column = "name" if "external_id" not in row.given else "external_id"
        known = shop.id if shop else (column, row.given[column])
        if row.given[column] is None:
            continue
        if known in seen:
            yield row.fault(column, "repeated", f"line {seen[known]} is about the same location")
        seen.setdefault(known, row.line)


def _ambiguous(rows: Sequence[Row], shops: Sequence[Location]) -> Iterator[FieldFault]:
    named = Counter[object](shop.name for shop in shops)
    for row in rows:
        if "external_id" not in row.given and named[row.given["name"]] > 1:
            detail = "several locations have this name: tell them apart by external_id"
            yield row.fault("name", "ambiguous", detail)


def _too_many(
    shops: Sequence[Location], present: Sequence[Location | None]
) -> Iterator[FieldFault]:
    if len(shops) + present.count(None) > MAX_LOCATIONS:
        detail = f"a merchant has at most {MAX_LOCATIONS} locations: delete some first"
        yield FieldFault("", "too_many_locations", detail)


def _invalid(row: Row, error: ValidationError, locale: str) -> Iterator[FieldFault]:
    for found in error.errors(include_url=False, include_context=False, include_input=False):
        detail = found["msg"].removeprefix("Value error, ")
        yield row.fault(_column(row, found["loc"], locale), found["type"], detail)


def _column(row: Row, place: Sequence[int | str], locale: str) -> str:
    """What the file calls a place in a draft: a text stands in the column it was read from."""
    wanted = "_".join(map(str, place))
    return OWN_TEXT if wanted == f"{OWN_TEXT}_{locale}" and OWN_TEXT in row.texts else wanted


def _doubtful(wanted: Sequence[Change], shops: Sequence[Location]) -> Iterator[FieldFault]:
    """What stands at an unlikely place, seen from all the other shops of file and merchant."""
    replaced = {one.present.id for one in wanted if one.present}
    standing = [point_of(shop) for shop in shops if shop.active and shop.id not in replaced]
    chain = Neighbours([*standing, *(point_of(one.draft) for one in wanted)])
    for one in wanted:
        point = point_of(one.draft)
        if one.present and point_of(one.present) == point:
            continue
        for fault in doubts(point, chain, confirmed=one.draft.confirm_coordinates):
            yield one.row.fault(fault.pointer.strip("/"), fault.code, fault.detail)
