"""Where a virtual phone is, and which of the places it watches is near. Pure.

Written apart from the service's own arithmetic. Not for: which places a pass has (see places for
Apple's, google_places for Google's).
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeGuard

_EARTH_M = 6_371_008.8  # mean radius
_KM = 1_000
_FINE_KM = 10  # below it a distance is told with one digit after the point


@dataclass(frozen=True, slots=True)
class Position:
    """A point on Earth in degrees, north and east positive. Printed as `47.49790, 19.04020`."""

    latitude: float
    longitude: float

    def __str__(self) -> str:
        return f"{self.latitude:.5f}, {self.longitude:.5f}"


@dataclass(frozen=True, slots=True)
class Watched:
    """A place that a phone watches for one of its cards.

    `card` is a serial number or an object id, `title` says what the card is called. `text` is what
    the pass says of the place; empty when it says nothing.
    """

    card: str
    title: str
    text: str
    position: Position
    radius_m: float


def position_of(latitude: object, longitude: object) -> Position | None:
    """The point that two numbers name; None when they are none, or not on Earth."""
    if not is_number(latitude) or not is_number(longitude):
        return None
    on_earth = abs(latitude) <= 90 and abs(longitude) <= 180  # noqa: PLR2004
    return Position(float(latitude), float(longitude)) if on_earth else None


def distance_m(one: Position, other: Position) -> float:
    """Metres along the surface, on a sphere: within half a percent of the truth."""
    lat_a, lat_b = math.radians(one.latitude), math.radians(other.latitude)
    half_lat = (lat_b - lat_a) / 2
    half_lon = math.radians(other.longitude - one.longitude) / 2
    chord = math.sin(half_lat) ** 2 + math.cos(lat_a) * math.cos(lat_b) * math.sin(half_lon) ** 2
    return 2 * _EARTH_M * math.asin(math.sqrt(min(1.0, chord)))


def bearing(one: Position, other: Position) -> float:
    """In which direction the other lies, in radians clockwise from north."""
    lat_a, lat_b = math.radians(one.latitude), math.radians(other.latitude)
    lon = math.radians(other.longitude - one.longitude)
    north = math.cos(lat_a) * math.sin(lat_b) - math.sin(lat_a) * math.cos(lat_b) * math.cos(lon)
    return math.atan2(math.sin(lon) * math.cos(lat_b), north)


def nearest(places: Iterable[Watched], position: Position) -> Watched | None:
    """The nearest place within whose radius the phone is; the first of several at one spot."""
    reached = [one for one in places if distance_m(one.position, position) <= one.radius_m]
    return min(reached, key=lambda one: distance_m(one.position, position), default=None)


def told_distance(metres: float) -> str:
    """As people say it: `85 m`, `1.2 km`, `443 km`."""
    if round(metres) < _KM:
        return f"{metres:.0f} m"
    km = metres / _KM
    return f"{km:.1f} km".replace(".0 ", " ") if km < _FINE_KM else f"{km:,.0f} km"


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value of a JSON document is a number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)
