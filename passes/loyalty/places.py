"""Which shops a member's card carries: at most ten, the nearest to where that member goes.

Values in, ids out. Distances are great circles, right at the antimeridian and at the poles.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from heapq import nsmallest
from itertools import chain, islice

MAX_PLACES = 10  # per pass; Apple, Wallet Passes: Pass.locations; Google: merchantLocations
MAX_ANCHORS = 3  # and so many visits they are taken from
HALF_LIFE = timedelta(days=90)  # a visit a season ago counts half as much as one today
_SHARE = 0.5  # of the heaviest one's weight: what weighs less is no anchor

_EARTH_M = 6_371_008.8  # mean radius, IUGG
_CHARTS = 16  # sets of shops one process remembers

Vector = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Point:
    """A place on Earth in degrees (WGS 84)."""

    latitude: float
    longitude: float


Shop = tuple[str, Point]  # its id, and where it stands


@dataclass(frozen=True, slots=True)
class Visit:
    """A stamp at a shop."""

    shop_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class PlaceDesign:
    """A shop as the merchant wrote it: what to say nearby by language, with placeholders."""

    latitude: float
    longitude: float
    texts: Mapping[str, str] = field(default_factory=dict)
    max_distance_m: int | None = None


def distance_m(one: Point, other: Point) -> float:
    """Metres along the great circle; off by half a percent at most, for the Earth is no sphere."""
    return arc_m(math.dist(unit_vector(one), unit_vector(other)))


def unit_vector(point: Point) -> Vector:
    """From the Earth's centre to a point, with length 1: chords between them grow as arcs do."""
    latitude, longitude = math.radians(point.latitude), math.radians(point.longitude)
    ring = math.cos(latitude)
    return ring * math.cos(longitude), ring * math.sin(longitude), math.sin(latitude)


def arc_m(chord: float) -> float:
    """Metres along the great circle between two unit vectors that are a chord apart."""
    return 2 * _EARTH_M * math.asin(min(1.0, chord / 2))


def chord_of(metres: float) -> float:
    """The chord of a great circle's arc; half around the Earth is the longest."""
    return 2 * math.sin(min(metres / (2 * _EARTH_M), math.pi / 2))


def anchors_of(visits: Sequence[Visit]) -> tuple[str, ...]:
    """The shops a history, newest first, hangs on; ordered by id, () without history.

    Of those of the last three visits the latest, and each that weighs at least half as much as the
    heaviest of them.

    So one visit far away brings its neighbourhood in, and three in a row leave the old one behind.
    A visit's weight halves every `HALF_LIFE`, all fade alike: the anchors only change when somebody
    is stamped, not while time passes.
    """
    recent = {visit.shop_id for visit in visits[:MAX_ANCHORS]}
    weights = _weights(visits)
    least = _SHARE * max((weights[shop_id] for shop_id in recent), default=0.0)
    latest = {visit.shop_id for visit in visits[:1]}
    return tuple(sorted(latest | {one for one in recent if weights[one] >= least}))


@dataclass(frozen=True, slots=True)
class Chart:
    """Shops and, once asked for, which ten are nearest to one of them or to one that is closed.

    Two shops equally far are told apart by id. Safe for threads.
    """

    shops: tuple[Shop, ...]
    _nearest: dict[Shop, tuple[str, ...]] = field(default_factory=dict, init=False, compare=False)

    def choose(self, anchors: Sequence[Shop], home: Shop | None) -> tuple[str, ...]:
        """The ids of at most ten shops, in order of id; all of them when there are no more.

        Each anchor in turn gives the next of its nearest, itself first; without anchors the home
        does.
        """
        if len(self.shops) <= MAX_PLACES:
            return tuple(sorted(shop_id for shop_id, _ in self.shops))
        centres = anchors or [home or self.shops[0]]
        in_turn = chain.from_iterable(zip(*map(self.nearest, centres), strict=True))
        return tuple(sorted(islice(dict.fromkeys(in_turn), MAX_PLACES)))

    def nearest(self, centre: Shop) -> tuple[str, ...]:
        """The ids of the ten shops nearest to one, itself first, if it is open; remembered."""
        known = self._nearest.get(centre)
        if known is None:
            known = self._nearest[centre] = self._measure(centre)
        return known

    def _measure(self, centre: Shop) -> tuple[str, ...]:
        own_id, point = centre
        here = unit_vector(point)
        # A chord grows with its arc, so the order is the same, and exact for close neighbours.
        far = (
            (math.dist(here, unit_vector(at)), shop_id != own_id, shop_id)
            for shop_id, at in self.shops
        )
        return tuple(shop_id for _, _, shop_id in nsmallest(MAX_PLACES, far))


@lru_cache(maxsize=_CHARTS)
def chart(shops: tuple[Shop, ...]) -> Chart:
    """The chart of these shops; the same shops have the same one, with all it remembers.

    Of two hundred shops it remembers at most a few hundred tuples of ten ids.
    """
    return Chart(shops)


def widest_distance(places: Sequence[PlaceDesign]) -> int | None:
    """The distance of a pass, which has one for all its places: the widest, to lose no shop."""
    distances = [one.max_distance_m for one in places if one.max_distance_m is not None]
    return max(distances) if distances and len(distances) == len(places) else None


def _weights(visits: Sequence[Visit]) -> Mapping[str, float]:
    """What each shop weighs, seen from the last of the visits, which are in order."""
    weights: dict[str, float] = {}
    for visit in visits:
        age = (visits[-1].at - visit.at) / HALF_LIFE
        weights[visit.shop_id] = weights.get(visit.shop_id, 0.0) + 2.0**-age
    return weights
