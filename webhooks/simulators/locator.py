"""A picture of the places around a phone, as figures for the page's SVG. Pure.

Directions are true, north is up; distances are logarithmic, so that the shop at the corner and the
city three hundred kilometres away find room in one small circle.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from webhooks.simulators.whereabouts import Position, Watched, bearing, distance_m, told_distance

_REACH = 100.0  # from the middle to the farthest place
_FINE_M = 100.0  # up to about here it is a map
_LEAST_M = 1_000.0  # the farthest place is never drawn closer than that
_RINGS_M = (1_000.0, 10_000.0, 100_000.0, 1_000_000.0, 10_000_000.0)
_WRITABLE = 15.0  # the least radius of a ring with a label
_TOUCHING = 15.0  # marks closer than that are drawn as one


@dataclass(frozen=True, slots=True)
class Ring:
    """All that is so far away; one too small to be written on has no label."""

    radius: float
    label: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A place, or several at one spot; `numbers` as in the list beside the picture."""

    x: float
    y: float
    numbers: tuple[int, ...]
    near: bool

    @property
    def label(self) -> str:
        return f"{self.numbers[0]}{'+' if len(self.numbers) > 1 else ''}"


@dataclass(frozen=True, slots=True)
class Locator:
    """A view from the middle, x to the east and y to the south; the innermost ring is “near”.

    In the middle is the phone or, while it is nowhere, the first place.
    """

    rings: tuple[Ring, ...]
    marks: tuple[Mark, ...]
    has_phone: bool


def locator(places: Sequence[Watched], position: Position | None) -> Locator | None:
    """The view from a phone; None when it watches nothing."""
    if not places:
        return None
    middle = position or places[0].position
    farthest = max(_LEAST_M, *(distance_m(middle, one.position) for one in places))
    marks: list[Mark] = []
    for number, place in enumerate(places, 1):
        _put(marks, _mark(number, place, middle, farthest, seen=position is not None))
    near_m = max(one.radius_m for one in places)
    rings = [_ring(one, farthest) for one in (near_m, *_RINGS_M) if near_m <= one <= farthest]
    readable = [one for one in rings[1:] if one.label]
    return Locator((rings[0], *readable), tuple(marks), position is not None)


def _ring(metres: float, farthest: float) -> Ring:
    radius = _out(metres, farthest)
    return Ring(radius, told_distance(metres) if radius >= _WRITABLE else "")


def _mark(number: int, place: Watched, middle: Position, farthest: float, *, seen: bool) -> Mark:
    metres = distance_m(middle, place.position)
    angle, out = bearing(middle, place.position), _out(metres, farthest)
    near = seen and metres <= place.radius_m
    return Mark(out * math.sin(angle), -out * math.cos(angle), (number,), near)


def _put(marks: list[Mark], new: Mark) -> None:
    """Add a mark, to an earlier one if they would cover each other."""
    for place, old in enumerate(marks):
        if math.dist((old.x, old.y), (new.x, new.y)) < _TOUCHING:
            marks[place] = Mark(old.x, old.y, old.numbers + new.numbers, old.near or new.near)
            return
    marks.append(new)


def _out(metres: float, farthest: float) -> float:
    """How far from the middle something is drawn."""
    return _REACH * math.log1p(metres / _FINE_M) / math.log1p(farthest / _FINE_M)
