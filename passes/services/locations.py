"""A merchant's shops: where they stand and what a card says nearby.

Whoever changes them does so inside `relocations.relocating`, which sees to the passes.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from passes.errors import FieldFault, Invalid, NotFound
from passes.loyalty.neighbours import Neighbours
from passes.loyalty.places import Point
from passes.services.drafts import MAX_LOCATIONS, LocationDraft
from passes.store.tables import Location, Program

_NULL_ISLAND_DEG = 0.01  # about a kilometre of sea around 0, 0
_FAR_M = 100_000.0  # a shop nearer than that to another one was not mistyped
_SUSPICIOUS = 10  # times nearer to the others, if latitude and longitude changed places


def add_location(
    session: Session, merchant_id: str, draft: LocationDraft, now: datetime
) -> Location:
    """A new shop; Invalid when its coordinates look mistaken or its external id is taken."""
    others = shops_of(session, merchant_id)
    if len(others) >= MAX_LOCATIONS:
        detail = f"a merchant has at most {MAX_LOCATIONS} locations: delete some first"
        raise Invalid([FieldFault("", "too_many_locations", detail)])
    require_likely(draft, [point_of(one) for one in others if one.active])
    location = Location(merchant_id=merchant_id, created_at=now)
    fill(location, draft)
    session.add(location)
    _flush(session)
    return location


def change_location(session: Session, location: Location, draft: LocationDraft) -> None:
    """The shop as the draft says, wholly; its coordinates are looked at when they change."""
    if point_of(draft) != point_of(location):
        others = shops_of(session, location.merchant_id)
        near = [point_of(one) for one in others if one.active and one.id != location.id]
        require_likely(draft, near)
    fill(location, draft)
    _flush(session)


def remove_location(session: Session, location: Location, now: datetime) -> None:
    """The shop is gone for everybody but the ledger; its external id is free again."""
    location.removed_at = now
    location.active = False
    programs = select(Program).where(Program.merchant_id == location.merchant_id)
    for program in session.scalars(programs):
        if program.home_location_id == location.id:
            program.home_location_id = None
        if program.location_ids is not None:
            program.location_ids = [one for one in program.location_ids if one != location.id]
    session.flush()


def find_location(session: Session, merchant_id: str, location_id: str) -> Location:
    """A merchant's shop; NotFound when there is none, or it was deleted."""
    location = session.scalar(
        select(Location).where(
            Location.id == location_id,
            Location.merchant_id == merchant_id,
            Location.removed_at.is_(None),
        )
    )
    if location is None:
        raise NotFound("There is no such location.")
    return location


def shops_of(session: Session, merchant_id: str) -> Sequence[Location]:
    """A merchant's shops, closed ones too, the oldest first."""
    return session.scalars(
        select(Location)
        .where(Location.merchant_id == merchant_id, Location.removed_at.is_(None))
        .order_by(Location.created_at, Location.id)
    ).all()


def takes_part(program: Program, location_id: str) -> bool:
    """Whether an open shop takes part in a program of its merchant."""
    return program.location_ids is None or location_id in program.location_ids


def unknown_among(session: Session, merchant_id: str, location_ids: Iterable[str]) -> set[str]:
    """Those ids that are no shop of the merchant's."""
    wanted = set(location_ids)
    if not wanted:
        return wanted
    found = session.scalars(
        select(Location.id).where(
            Location.merchant_id == merchant_id,
            Location.id.in_(wanted),
            Location.removed_at.is_(None),
        )
    )
    return wanted - set(found)


def draft_of(location: Location) -> LocationDraft:
    """The draft that would make this shop again: what a partial change is laid over."""
    return LocationDraft.model_validate(
        {
            name: getattr(location, name)
            for name in LocationDraft.model_fields
            if name != "confirm_coordinates"
        }
    )


def fill(location: Location, draft: LocationDraft) -> None:
    location.external_id = draft.external_id
    location.name = draft.name
    location.latitude = draft.latitude
    location.longitude = draft.longitude
    location.address = draft.address
    location.relevant_text = dict(sorted(draft.relevant_text.items()))
    location.max_distance_m = draft.max_distance_m
    location.active = draft.active


def require_likely(draft: LocationDraft, others: Iterable[Point]) -> None:
    """Invalid when the coordinates look mistaken and nobody confirmed them."""
    point = point_of(draft)
    found = doubts(point, Neighbours([point, *others]), confirmed=draft.confirm_coordinates)
    if found:
        raise Invalid(found)


def doubts(point: Point, chain: Neighbours, *, confirmed: bool) -> list[FieldFault]:
    """Why a shop can hardly stand there, seen from the `chain` that it belongs to.

    Nobody can confirm a shop where there is only sea.
    """
    if max(abs(point.latitude), abs(point.longitude)) < _NULL_ISLAND_DEG:
        detail = "0, 0 lies in the Gulf of Guinea: look the shop's coordinates up"
        return [FieldFault("/latitude", "null_island", detail)]
    if not confirmed and _is_swapped(point, chain):
        detail = (
            "it would lie next to your other shops if latitude and longitude changed places: "
            "swap them, or send confirm_coordinates: true"
        )
        return [FieldFault("/latitude", "coordinates_swapped", detail)]
    return []


def point_of(shop: Location | LocationDraft) -> Point:
    return Point(shop.latitude, shop.longitude)


def _is_swapped(point: Point, chain: Neighbours) -> bool:
    if abs(point.longitude) > 90:  # noqa: PLR2004  # no latitude
        return False
    away_m = chain.nearest_m(point, besides=point)
    if away_m <= _FAR_M:
        return False
    swapped = Point(point.longitude, point.latitude)
    near_m = away_m / _SUSPICIOUS
    return away_m > _SUSPICIOUS * chain.nearest_m(swapped, besides=point, within_m=near_m)


def _flush(session: Session) -> None:
    try:
        session.flush()
    except IntegrityError as error:
        detail = "another location has this external id: change that one, or choose another id"
        raise Invalid([FieldFault("/external_id", "taken", detail)]) from error
