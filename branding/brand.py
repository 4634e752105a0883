"""What a card's artwork is made from: the merchant's colours and pictures, and the stamps so far.

Values only, all hashable and cheap to compare: a picture is known by its SHA-256, never re-hashed.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Literal

from branding.colour import Colour

MAX_SLOTS = 30

Mark = Literal["check", "star", "heart"]


@dataclass(frozen=True, slots=True)
class Art:
    """A clean PNG as intake stores it; two are equal when their `sha256` (hex) is."""

    sha256: str
    png: bytes = field(compare=False, repr=False)

    @classmethod
    def of(cls, png: bytes) -> "Art":
        """The picture with its hash computed here; prefer the stored hash where there is one."""
        return cls(hashlib.sha256(png).hexdigest(), png)


@dataclass(frozen=True, slots=True)
class Brand:
    """A merchant's look. Every picture may be missing: the artwork then draws its own.

    `name` gives the initials when there is neither icon nor logo; `mark` is the drawn stamp when
    no picture suits a small disc.
    """

    name: str
    background: Colour
    foreground: Colour
    label: Colour
    logo: Art | None = None
    icon: Art | None = None
    strip: Art | None = None
    hero: Art | None = None
    stamp_on: Art | None = None
    stamp_off: Art | None = None
    reward: Art | None = None
    mark: Mark = "check"

    @property
    def key(self) -> str:
        """SHA-256 (hex) of everything that can be seen: equal keys draw equal pictures."""
        colours = (self.background, self.foreground, self.label)
        arts = (
            self.logo,
            self.icon,
            self.strip,
            self.hero,
            self.stamp_on,
            self.stamp_off,
            self.reward,
        )
        seen = [
            *(colour.hex for colour in colours),
            *(art.sha256 if art else "-" for art in arts),
            self.mark,
            self.name,
        ]
        return hashlib.sha256("\n".join(seen).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class StampCard:
    """`filled` of `slots` stamps; `milestones` are the slot numbers (from 1) that earn a reward.

    `ready` asks for the look of a card whose reward waits to be collected. ValueError when the
    numbers do not fit each other.
    """

    slots: int
    filled: int
    milestones: frozenset[int] = frozenset()
    ready: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.slots <= MAX_SLOTS:
            raise ValueError(f"a stamp card has 1 to {MAX_SLOTS} slots, not {self.slots}")
        if not 0 <= self.filled <= self.slots:
            raise ValueError(f"{self.filled} stamps do not fit on a card of {self.slots} slots")
        if not all(1 <= slot <= self.slots for slot in self.milestones):
            raise ValueError(f"every milestone is a slot between 1 and {self.slots}")
