"""Drawn shapes as soft-edged masks: discs, seals, bursts and the little pictures inside stamps.

Every function gives an `L` image of `size` × `size` pixels, 255 where the shape is. Shapes are
drawn eight times larger and averaged down, which is what makes their edges smooth.
"""

import math
from collections.abc import Callable

from PIL import Image, ImageDraw

from branding.brand import Mark

_FACTOR = 8
_LOBES = 12

Point = tuple[float, float]


def disc(size: int, share: float = 1.0) -> Image.Image:
    """A filled circle across `share` of the box."""
    return _drawn(size, lambda pen, side: _circle(pen, side, share / 2))


def seal(size: int, share: float = 1.0) -> Image.Image:
    """A rosette with soft lobes: the shape of a slot that earns a reward."""
    return _drawn(size, lambda pen, side: pen.polygon(_rosette(side, share / 2), fill=255))


def burst(size: int, inner: float, rays: int = 20) -> Image.Image:
    """Long and short rays from a circle of radius `inner` (of the box) to its edge."""

    def paint(pen: ImageDraw.ImageDraw, side: float) -> None:
        for ray in range(rays):
            angle = math.tau * ray / rays
            outer = 0.5 if ray % 2 == 0 else inner + (0.5 - inner) * 0.62
            _stroke(pen, side, [_polar(inner, angle), _polar(outer - 0.012, angle)], 0.022)

    return _drawn(size, paint)


def picture(mark: Mark, size: int) -> Image.Image:
    """The drawn stamp, filling its box."""
    return _drawn(size, _MARKS[mark])


def gift(size: int) -> Image.Image:
    """A wrapped present, filling its box."""
    return _drawn(size, _gift)


def _drawn(size: int, paint: Callable[[ImageDraw.ImageDraw, float], None]) -> Image.Image:
    big = Image.new("L", (size * _FACTOR, size * _FACTOR), 0)
    paint(ImageDraw.Draw(big), big.width)
    return big.reduce(_FACTOR)


def _circle(
    pen: ImageDraw.ImageDraw,
    side: float,
    radius: float,
    centre: Point = (0.5, 0.5),
    fill: int = 255,
) -> None:
    x, y, r = centre[0] * side, centre[1] * side, radius * side
    pen.ellipse((x - r, y - r, x + r - 1, y + r - 1), fill=fill)


def _rosette(side: float, radius: float) -> list[Point]:
    points = []
    for step in range(360):
        angle = math.tau * step / 360
        reach = radius * (0.955 + 0.045 * math.cos(_LOBES * angle))
        x, y = _polar(reach, angle)
        points.append((x * side, y * side))
    return points


def _polar(radius: float, angle: float) -> Point:
    """From the middle of the unit box; angle 0 is upwards."""
    return (0.5 + radius * math.sin(angle), 0.5 - radius * math.cos(angle))


def _stroke(
    pen: ImageDraw.ImageDraw, side: float, points: list[Point], width: float, fill: int = 255
) -> None:
    """A line with round joints and ends; points and width in shares of the box."""
    pen.line(
        [(x * side, y * side) for x, y in points],
        fill=fill,
        width=round(width * side),
        joint="curve",
    )
    for end in (points[0], points[-1]):
        _circle(pen, side, width / 2, end, fill)


def _check(pen: ImageDraw.ImageDraw, side: float) -> None:
    _stroke(pen, side, [(0.12, 0.54), (0.39, 0.79), (0.88, 0.24)], 0.16)


def _star(pen: ImageDraw.ImageDraw, side: float) -> None:
    centre = (0.5, 0.54)
    points = []
    for corner in range(10):
        radius = 0.45 if corner % 2 == 0 else 0.215
        x, y = _polar(radius, math.tau * corner / 10)
        points.append((x, y + centre[1] - 0.5))
    pen.polygon([(x * side, y * side) for x, y in points], fill=255)
    _stroke(pen, side, [*points, points[0]], 0.07)  # rounds the corners


def _heart(pen: ImageDraw.ImageDraw, side: float) -> None:
    points = []
    for step in range(200):
        t = math.tau * step / 200
        x = 16 * math.sin(t) ** 3
        y = 13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)
        points.append(((0.5 + x / 34) * side, (0.47 - y / 34) * side))
    pen.polygon(points, fill=255)


def _gift(pen: ImageDraw.ImageDraw, side: float) -> None:
    def box(left: float, top: float, right: float, bottom: float, fill: int = 255) -> None:
        pen.rounded_rectangle(
            (left * side, top * side, right * side - 1, bottom * side - 1), 0.035 * side, fill=fill
        )

    for tilt in (-1, 1):  # the bow: two leaning loops and the knot between them
        loop = [(0.5, 0.29)]
        for step in range(25):
            angle = math.pi * step / 24
            along, across = 0.30 * math.sin(angle), 0.15 * math.sin(2 * angle)
            loop.append(
                (0.5 + tilt * (0.78 * along + 0.62 * across), 0.29 - 0.62 * along + 0.78 * across)
            )
        _stroke(pen, side, [*loop, (0.5, 0.29)], 0.065)
    box(0.08, 0.29, 0.92, 0.50)
    box(0.14, 0.55, 0.86, 0.95)
    box(0.44, 0.29, 0.56, 0.95, fill=0)


_MARKS: dict[Mark, Callable[[ImageDraw.ImageDraw, float], None]] = {
    "check": _check,
    "star": _star,
    "heart": _heart,
}
