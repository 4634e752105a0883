"""What happens to a shop: a seed draws the order of all that is planned.

To mix in another kind of change, write it here as an `Act` and name it in a plan. Not for: what
goes wrong (see troubles).
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from tests.faults.invariants import report
from tests.faults.tills import Tap
from tests.faults.world import World

_LONGEST_PAUSE_S = 0.08

Act = Callable[[World, Random], None]


@dataclass(frozen=True)
class Plan:
    """So many stamps with the others evenly among them; in the end the finale, in its order."""

    stamps: int
    others: Sequence[Act] = ()
    finale: Sequence[Act] = ()

    def drawn(self, dice: Random) -> list[Act]:
        """All acts in an order of their own."""
        others, acts = list(self.others), list[Act]()
        dice.shuffle(others)
        for number, act in enumerate(others):
            acts += [stamp] * (self.stamps * (number + 1) // len(others) - len(acts) + number)
            acts.append(act)
        return acts


def perform(world: World, plan: Plan, seed: int) -> None:
    """Everything that is planned; what APNs does wrong ends with it."""
    dice = Random(seed)  # noqa: S311  # no secret
    world.timeline.note(f"seed {seed}")
    try:
        for act in [*plan.drawn(dice), *plan.finale]:
            act(world, dice)
    except Exception as error:
        error.add_note(report(world, ()))
        raise
    world.soothe_apns()


def stamp(world: World, dice: Random) -> None:
    """Somebody's card; now and then the key is pressed twice, or the line to the till breaks."""
    tap = dice.choices([Tap.ONCE, Tap.TWICE, Tap.BROKEN], (6, 3, 1))[0]
    world.tills.stamp(dice.choice(world.cards).member_id, tap)
    time.sleep(dice.uniform(0, _LONGEST_PAUSE_S))


def change_the_look(world: World, dice: Random) -> None:
    """Another background for all cards."""
    colour = (dice.randrange(256), dice.randrange(256), dice.randrange(256))
    world.timeline.note(f"a new look: {colour}")
    world.change_look(colour)


def rush(world: World, _: Random) -> None:
    """Every card at the same moment, while all phones listen."""
    world.timeline.note("a rush")
    world.come_to_rest()
    world.tills.stamp_at_once(card.member_id for card in world.cards)
    world.tills.wait()
