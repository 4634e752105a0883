"""Sets of places as they are kept: passes name the set they show, and a set never changes.

Not for: which set a pass has to show (placing).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, exists, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from passes.loyalty.places import PlaceDesign, widest_distance
from passes.store.tables import Pass, PlaceSet

UNUSED_FOR = timedelta(days=1)  # before a set is forgotten: longer than any transaction lasts
_FRESH = UNUSED_FOR / 2

Places = tuple[PlaceDesign, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """The places of a pass; `chosen` when its program has more shops than a pass can carry."""

    places: Places = ()
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class Resolved:
    """The set that a history leads to among the present shops: what its row would be."""

    id: str
    program_id: str
    anchors: str
    shown: Shown


@dataclass(frozen=True, slots=True)
class Difference:
    """Who may see that places are no longer the same: all phones, those of some languages, objects
    at Google.

    In these languages texts are written otherwise; what they say depends on the card.
    """

    everywhere: bool
    locales: frozenset[str]
    at_google: bool

    def is_seen_in(self, locale: str) -> bool:
        return self.everywhere or locale in self.locales


def difference(before: Shown, after: Shown) -> Difference:
    """What a pass that showed the one and now shows the other has to tell."""
    old, new = before.places, after.places
    everywhere = _points(old) != _points(new) or widest_distance(old) != widest_distance(new)
    locales = frozenset[str]() if everywhere else frozenset(_retexted(old, new))
    return Difference(everywhere, locales, _on_object(before) != _on_object(after))


def keep(session: Session, sets: Iterable[Resolved], now: datetime) -> None:
    """Stores the sets that are not there yet. From now on all of them are used."""
    wanted = {one.id: one for one in sets}
    # What was used a moment ago is left alone: otherwise all who join would queue for one row.
    fresh = session.scalars(
        select(PlaceSet.id).where(PlaceSet.id.in_(wanted), PlaceSet.used_at > now - _FRESH)
    ).all()
    rows = [_row(wanted[set_id], now) for set_id in sorted(wanted.keys() - set(fresh))]
    if not rows:
        return
    statement = insert(PlaceSet)
    session.connection().execute(
        statement.on_conflict_do_update(
            index_elements=["id"], set_={"used_at": statement.excluded.used_at}
        ),
        rows,
    )


def unused_sets(session: Session, now: datetime) -> list[str]:
    """Ids of the sets that no pass has shown for a day."""
    return list(
        session.scalars(
            select(PlaceSet.id).where(
                PlaceSet.used_at < now - UNUSED_FOR,
                ~exists().where(Pass.place_set_id == PlaceSet.id),
            )
        )
    )


def forget_sets(session: Session, set_ids: Sequence[str], now: datetime) -> None:
    """Removes those of these sets that did not come into use meanwhile."""
    session.execute(
        delete(PlaceSet)
        .where(
            PlaceSet.id.in_(set_ids),
            PlaceSet.used_at < now - UNUSED_FOR,
            ~exists().where(Pass.place_set_id == PlaceSet.id),
        )
        .execution_options(synchronize_session=False)
    )


def places_in(rows: Iterable[Mapping[str, Any]]) -> Places:
    """A stored set's places."""
    return tuple(PlaceDesign(**row) for row in rows)


def _points(places: Places) -> list[tuple[float, float]]:
    return [(one.latitude, one.longitude) for one in places]


def _on_object(shown: Shown) -> list[tuple[float, float]]:
    """Nothing where the class at Google shows all shops."""
    return _points(shown.places) if shown.chosen else []


def _retexted(before: Places, after: Places) -> Iterator[str]:
    """The languages in which one of the same shops says something else."""
    for old, new in zip(before, after, strict=True):
        for locale, _ in old.texts.items() ^ new.texts.items():
            yield locale


def _row(resolved: Resolved, now: datetime) -> dict[str, object]:
    return {
        "id": resolved.id,
        "program_id": resolved.program_id,
        "anchors": resolved.anchors,
        "places": [
            {
                "latitude": place.latitude,
                "longitude": place.longitude,
                "texts": dict(place.texts),
                "max_distance_m": place.max_distance_m,
            }
            for place in resolved.shown.places
        ],
        "chosen": resolved.shown.chosen,
        "used_at": now,
    }
