"""Shops, one by one or from a spreadsheet, and how far a change of them has come."""

from datetime import datetime
from http import HTTPStatus
from typing import Literal

from flask import request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select

from passes.errors import FieldFault, Invalid
from passes.services import location_files, location_plans, locations, misplaced, relocations
from passes.services.drafts import LocationDraft
from passes.store.tables import Location, Relocation
from passes.web.api.contract import Call, Reply, Routes, check_revision
from passes.web.api.lists import ListQuery, Page, as_page, page
from passes.web.problems import UnsupportedMediaType

routes = Routes("locations")

_FORM_OVERHEAD = 64 << 10


class LocationView(BaseModel):
    """A shop; one that is not active stands on no card."""

    id: str
    external_id: str | None
    name: str
    latitude: float
    longitude: float
    address: str
    relevant_text: dict[str, str]
    max_distance_m: int | None
    active: bool
    created_at: datetime


class ChangedLocationView(BaseModel):
    """A shop as it is now, and what becomes of the change.

    `affected_passes` wait to show something else: an estimate, which counts what earlier changes
    left to do. `relocation_id` is None when no card can show the change.
    """

    location: LocationView
    affected_passes: int
    relocation_id: str | None


class ImportView(BaseModel):
    """What a file did, or would do: then `dry_run` is true and the rest about passes None."""

    dry_run: bool
    created: int
    updated: int
    unchanged: int
    affected_passes: int | None
    relocation_id: str | None


class RelocationView(BaseModel):
    """`state` is running or done. `checked` passes had places that were no longer right, `changed`
    of them show something else now, about `expected` will in the end."""

    id: str
    state: str
    checked: int
    changed: int
    expected: int
    created_at: datetime
    finished_at: datetime | None


class ImportForm(BaseModel):
    """A multipart form with one file."""

    model_config = ConfigDict(extra="forbid")

    file: bytes = Field(
        description="CSV in UTF-8, comma or semicolon; at most 1,000 rows. The first line names "
        "the columns: name, latitude, longitude, and as wanted external_id, address, "
        "relevant_text (in the merchant's language), relevant_text_en, …_hu, …_cs, …_he, "
        "max_distance_m, active, confirm_coordinates."
    )


class ImportQuery(BaseModel):
    """A dry run changes nothing and finds every fault."""

    model_config = ConfigDict(extra="forbid")

    dry_run: Literal["true", "false"] = "false"


@routes.on(
    "POST",
    "/locations",
    scope="programs:write",
    body=LocationDraft,
    answer=ChangedLocationView,
    status=HTTPStatus.CREATED,
)
def create(call: Call) -> Reply:
    """Add a shop. The cards of members who go nearby will show it."""
    draft = call.body(LocationDraft)
    with (
        call.parts.database.writing() as session,
        relocations.relocating(session, call.merchant_id, call.now) as begun,
    ):
        location = locations.add_location(session, call.merchant_id, draft, call.now)
    return _changed(call, location, begun, HTTPStatus.CREATED)


@routes.on("GET", "/locations", scope="programs:write", query=ListQuery, answer=Page[LocationView])
def index(call: Call) -> Reply:
    """List a merchant's shops, closed ones too."""
    mine = select(Location).where(
        Location.merchant_id == call.merchant_id, Location.removed_at.is_(None)
    )
    with call.parts.database.reading() as session:
        rows, cursor = page(session, mine, Location, call.query(ListQuery))
        return Reply(as_page([_view(row) for row in rows], cursor))


@routes.on("GET", "/locations/<location_id>", scope="programs:write", answer=LocationView)
def show(call: Call) -> Reply:
    """Read one shop."""
    with call.parts.database.reading() as session:
        location = locations.find_location(session, call.merchant_id, call.path["location_id"])
        return Reply(_view(location), revision=location.revision)


@routes.on(
    "PATCH",
    "/locations/<location_id>",
    scope="programs:write",
    patch=LocationDraft,
    answer=ChangedLocationView,
)
def change(call: Call) -> Reply:
    """Move, rename, retext or close a shop (JSON merge patch). Cards that show it follow."""
    with (
        call.parts.database.writing() as session,
        relocations.relocating(session, call.merchant_id, call.now) as begun,
    ):
        location = locations.find_location(session, call.merchant_id, call.path["location_id"])
        check_revision(location.revision)
        draft = call.patched(locations.draft_of(location))
        locations.change_location(session, location, draft)
    return _changed(call, location, begun)


@routes.on("DELETE", "/locations/<location_id>", scope="programs:write", answer=ChangedLocationView)
def remove(call: Call) -> Reply:
    """Delete a shop. Stamps that were given there keep counting."""
    with (
        call.parts.database.writing() as session,
        relocations.relocating(session, call.merchant_id, call.now) as begun,
    ):
        location = locations.find_location(session, call.merchant_id, call.path["location_id"])
        check_revision(location.revision)
        locations.remove_location(session, location, call.now)
    return _changed(call, location, begun)


@routes.on(
    "POST",
    "/locations/import",
    scope="programs:write",
    query=ImportQuery,
    upload=ImportForm,
    answer=ImportView,
)
def bring_in(call: Call) -> Reply:
    """Add and change shops from a CSV file: all its rows or none, as one change of the cards.

    A shop is known by its external_id, else by its name. What the file has no column for stays as
    it is, and so do shops that it does not name. Faults point at `/LINE/COLUMN`.
    """
    rows = location_files.read_rows(_file())
    if call.query(ImportQuery).dry_run == "true":
        with call.parts.database.reading() as session:
            plan = location_plans.plan_changes(session, call.merchant_id, rows)
        return Reply(_imported(plan))
    with (
        call.parts.database.writing() as session,
        relocations.relocating(session, call.merchant_id, call.now) as begun,
    ):
        plan = location_plans.plan_changes(session, call.merchant_id, rows)
        location_plans.carry_out(session, call.merchant_id, plan, call.now)
    done = {
        "dry_run": False,
        "affected_passes": _affected(call, begun),
        "relocation_id": begun.relocation_id,
    }
    return Reply(_imported(plan).model_copy(update=done))


@routes.on("GET", "/relocations/<relocation_id>", scope="programs:write", answer=RelocationView)
def progress(call: Call) -> Reply:
    """How far a change of shops has come on its way to the cards."""
    with call.parts.database.reading() as session:
        work = relocations.find_relocation(session, call.merchant_id, call.path["relocation_id"])
        is_done = work.finished_at is not None
        left = 0 if is_done else misplaced.passes_left(session, call.merchant_id)
        return Reply(_progress(work, left))


def _view(location: Location) -> LocationView:
    return LocationView.model_validate(location, from_attributes=True)


def _changed(
    call: Call,
    location: Location,
    begun: relocations.Begun,
    status: HTTPStatus = HTTPStatus.OK,
) -> Reply:
    view = ChangedLocationView(
        location=_view(location),
        affected_passes=_affected(call, begun),
        relocation_id=begun.relocation_id,
    )
    return Reply(view, status, location.revision)


def _affected(call: Call, begun: relocations.Begun) -> int:
    """Counted after the change was committed, so that no till waits for it."""
    if begun.relocation_id is None:
        return 0
    with call.parts.database.reading() as session:
        return misplaced.passes_left(session, call.merchant_id)


def _imported(plan: location_plans.Plan) -> ImportView:
    return ImportView(
        dry_run=True,
        created=plan.created,
        updated=plan.updated,
        unchanged=plan.unchanged,
        affected_passes=None,
        relocation_id=None,
    )


def _progress(work: Relocation, left: int) -> RelocationView:
    return RelocationView(
        id=work.id,
        state="running" if work.finished_at is None else "done",
        checked=work.checked,
        changed=work.changed,
        expected=work.changed + left,
        created_at=work.created_at,
        finished_at=work.finished_at,
    )


def _file() -> bytes:
    request.max_content_length = location_files.MAX_BYTES + _FORM_OVERHEAD
    if request.mimetype != "multipart/form-data":
        raise UnsupportedMediaType("multipart/form-data")
    files = request.files.to_dict()
    upload = files.pop("file", None)
    faults = [
        FieldFault(f"/{name}", "unknown_field", "the form has one field: file")
        for name in (*files, *request.form)
    ]
    if upload is None:
        faults.append(FieldFault("/file", "missing", "add the file to the form"))
    if faults or upload is None:
        raise Invalid(faults)
    data: bytes = upload.read()
    return data
