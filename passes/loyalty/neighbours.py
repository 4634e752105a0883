"""How far it is from a place to the nearest of many others, without looking at all of them.

Not for: which shops a card carries (places).
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter

from passes.loyalty.places import Point, Vector, arc_m, chord_of, unit_vector

_FEW = 8  # points: so many are measured faster than parted
_ROUNDING = 1 + 1e-9  # more than what is lost between metres and chords

_Leaf = tuple[Vector, ...]


class Neighbours:
    """Points on Earth, some of which may be the same.

    Takes about two microseconds per point to make, and ten per question, of thousands too.
    """

    def __init__(self, points: Iterable[Point]) -> None:
        self._counts = Counter(map(unit_vector, points))
        self._tree = _parted(list(self._counts), axis=0)

    def nearest_m(self, point: Point, *, besides: Point, within_m: float = math.inf) -> float:
        """Metres from a point to the nearest of all but one at `besides`.

        Infinite when there is none within so many metres.
        """
        own = unit_vector(besides)
        left_out = own if self._counts[own] == 1 else None
        most = chord_of(within_m) * _ROUNDING
        chord = _nearest(self._tree, unit_vector(point), left_out, most)
        return arc_m(chord) if chord < most else math.inf


@dataclass(frozen=True, slots=True)
class _Fork:
    """Points on both sides of a plane across an axis; on the plane they may be of either."""

    axis: int
    plane: float
    below: "_Fork | _Leaf"
    above: "_Fork | _Leaf"


def _parted(points: Sequence[Vector], axis: int) -> _Fork | _Leaf:
    """A k-d tree (Bentley 1975): half of the points lie on either side, axis by axis."""
    if len(points) <= _FEW:
        return tuple(points)
    ordered = sorted(points, key=itemgetter(axis))
    middle = len(ordered) // 2
    following = (axis + 1) % len(ordered[middle])
    below, above = _parted(ordered[:middle], following), _parted(ordered[middle:], following)
    return _Fork(axis, ordered[middle][axis], below, above)


def _nearest(tree: _Fork | _Leaf, here: Vector, left_out: Vector | None, best: float) -> float:
    """The chord to the nearest point; `best` when none is nearer than that."""
    if isinstance(tree, tuple):
        return min([best, *(math.dist(here, one) for one in tree if one != left_out)])
    beyond = here[tree.axis] - tree.plane
    near, far = (tree.below, tree.above) if beyond < 0 else (tree.above, tree.below)
    best = _nearest(near, here, left_out, best)
    return _nearest(far, here, left_out, best) if abs(beyond) < best else best
