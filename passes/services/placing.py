"""Which shops a pass shows: its history's anchors, and the set they lead to.

Not for: bringing a change of the shops to the passes that are out (relocation_steps).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter

from pydantic_core import to_json
from sqlalchemy import select
from sqlalchemy.orm import Session

from passes.errors import Conflict
from passes.loyalty.places import (
    MAX_PLACES,
    Chart,
    PlaceDesign,
    Point,
    Shop,
    Visit,
    anchors_of,
    chart,
)
from passes.services.locations import takes_part
from passes.services.place_sets import Places, Resolved, Shown, difference, keep, places_in
from passes.store.tables import Location, Merchant, Pass, PlaceSet, Program, Transaction

_PROGRAM_ID = itemgetter(0)
_REMEMBERED = 50  # visits that anchors are found from


@dataclass(frozen=True, slots=True)
class ProgramPlaces:
    """A program's shops as they stand now; equal ones lead every history to the same set.

    `shops` take part, by id; `points` also knows those that only histories hang on. `home` is where
    who has no history is taken to be.
    """

    program_id: str
    shops: Mapping[str, PlaceDesign]
    points: Mapping[str, Point]
    home: Shop | None
    _chart: Chart = field(compare=False)
    # By what they show, whatever they are called inside: equal places make equal passes.
    _order: Mapping[str, tuple[int, bytes]] = field(compare=False)
    _digests: dict[tuple[str, ...], tuple[Places, str]] = field(
        default_factory=dict, init=False, compare=False
    )

    @property
    def chosen(self) -> bool:
        """Whether there are more shops than a pass can carry."""
        return len(self.shops) > MAX_PLACES

    @property
    def shared(self) -> tuple[Point, ...]:
        """Where the shops are that every pass shows; () when they are chosen for each."""
        return () if self.chosen else tuple(_point(self.shops[one]) for one in self._order)

    def resolve(self, anchors: str) -> Resolved:
        """The set for these anchors (ids joined by commas): a few microseconds once the
        neighbours are known."""
        known = [(one, self.points[one]) for one in anchors.split(",") if one in self.points]
        places, digest = self._content(self._chart.choose(known, self.home))
        parts = (self.program_id, anchors, str(self.chosen), digest)
        shown = Shown(places, self.chosen)
        return Resolved(_digest("\n".join(parts).encode()), self.program_id, anchors, shown)

    def _content(self, shop_ids: tuple[str, ...]) -> tuple[Places, str]:
        known = self._digests.get(shop_ids)
        if known is None:
            ordered = sorted(shop_ids, key=lambda one: self._order[one][0])
            places = tuple(self.shops[one] for one in ordered)
            digest = _digest(b"\n".join(self._order[one][1] for one in ordered))
            known = self._digests[shop_ids] = (places, digest)
        return known


def read_places(session: Session, merchant_id: str, *program_ids: str) -> list[ProgramPlaces]:
    """The shops of these programs, or of all of the merchant's, in the order of their ids.

    As Python compares them: databases sort by their own collation.
    """
    locations = session.execute(
        select(
            Location.id,
            Location.latitude,
            Location.longitude,
            Location.relevant_text,
            Location.max_distance_m,
            Location.active,
        )
        .where(Location.merchant_id == merchant_id)
        .order_by(Location.created_at, Location.id)
    ).all()
    programs = select(Program.id, Program.location_ids, Program.home_location_id).where(
        Program.merchant_id == merchant_id
    )
    if program_ids:
        programs = programs.where(Program.id.in_(program_ids))
    points = {row.id: Point(row.latitude, row.longitude) for row in locations}
    open_shops = {
        row.id: PlaceDesign(row.latitude, row.longitude, row.relevant_text, row.max_distance_m)
        for row in locations
        if row.active
    }
    found = []
    for program_id, location_ids, home_id in sorted(session.execute(programs), key=_PROGRAM_ID):
        wanted = open_shops.keys() if location_ids is None else set(location_ids)
        shops = {one: shop for one, shop in open_shops.items() if one in wanted}
        first_id = home_id or next(iter(shops), None)
        home = (first_id, points[first_id]) if first_id else None
        plan = chart(tuple((one, points[one]) for one in shops))
        found.append(ProgramPlaces(program_id, shops, points, home, plan, _in_order(shops)))
    return found


def shared_places(session: Session, program_id: str) -> tuple[Point, ...]:
    """Where the shops are that every pass of a program shows: what its class at Google tells."""
    program = session.get_one(Program, program_id)
    [here] = read_places(session, program.merchant_id, program_id)
    return here.shared


def place_new(session: Session, program: Program, card: Pass, now: datetime) -> None:
    """The places of a pass whose member has no history yet."""
    here = _read_present(session, program)
    if here.shops:
        _place(session, card, here.resolve(""), now)


def follow(session: Session, program: Program, card: Pass, now: datetime) -> bool:
    """The pass, locked by the caller, follows its member's visits; whether it shows the change.

    Nearly always the member was where they always are, and this is one look at the ledger.
    """
    anchors = ",".join(anchors_of(_visits(session, card.member_id)))
    mine = PlaceSet.id == card.place_set_id
    if session.scalar(select(PlaceSet.anchors).where(mine)) == anchors:
        return False
    present = session.scalar(select(PlaceSet).where(mine))
    resolved = _read_present(session, program).resolve(anchors)
    _place(session, card, resolved, now)
    before = Shown(places_in(present.places), present.chosen) if present else Shown()
    return difference(before, resolved.shown).is_seen_in(card.locale)


def require_allowed(session: Session, program: Program, location_id: str) -> None:
    """Conflict unless the shop takes part in the program."""
    mine = (Location.id == location_id) & (Location.merchant_id == program.merchant_id)
    is_open = session.scalar(select(Location.active).where(mine))
    if not is_open or not takes_part(program, location_id):
        detail = "This location takes no part in the program."
        raise Conflict(detail, code="location_not_allowed")


def _place(session: Session, card: Pass, resolved: Resolved, now: datetime) -> None:
    keep(session, [resolved], now)
    card.place_set_id = resolved.id


def _read_present(session: Session, program: Program) -> ProgramPlaces:
    """The shops, which nobody changes before this transaction ends.

    So the passes it places are among those that a relocation finds.
    """
    session.execute(
        select(Merchant.id).where(Merchant.id == program.merchant_id).with_for_update(read=True)
    ).all()
    [here] = read_places(session, program.merchant_id, program.id)
    return here


def _visits(session: Session, member_id: str) -> list[Visit]:
    """The newest first; of one moment, in the order of the ledger."""
    rows = session.execute(
        select(Transaction.location_id, Transaction.created_at)
        .where(Transaction.member_id == member_id, Transaction.location_id.is_not(None))
        .order_by(Transaction.created_at.desc(), Transaction.balance_after.desc())
        .limit(_REMEMBERED)
    )
    return [Visit(location_id, at) for location_id, at in rows if location_id]


def _in_order(shops: Mapping[str, PlaceDesign]) -> Mapping[str, tuple[int, bytes]]:
    """By id, in order: which it is, and what it shows."""
    told = {one: to_json(shop) for one, shop in shops.items()}
    ordered = sorted(shops, key=lambda one: (shops[one].latitude, shops[one].longitude, told[one]))
    return {one: (number, told[one]) for number, one in enumerate(ordered)}


def _point(place: PlaceDesign) -> Point:
    return Point(place.latitude, place.longitude)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
