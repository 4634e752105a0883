"""What happens to a shop: changes, and troubles. A seed draws their order.

To mix in another kind of change, write it as an `Act` and name it in a plan.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from tests.faults.world import World

_LONGEST_PAUSE_S = 0.1
_DOUBLE_TAPS = 0.3

Act = Callable[[World, Random], None]


@dataclass(frozen=True)
class Plan:
    """So many stamps, among which the others are strewn; in the end the finale, in its order."""

    stamps: int
    others: Sequence[Act] = ()
    finale: Sequence[Act] = ()


def perform(world: World, plan: Plan, seed: int) -> None:
    """Everything that is planned, until all is answered; what APNs does wrong ends with it."""
    dice = Random(seed)  # noqa: S311  # no secret
    acts = [stamp] * plan.stamps + list(plan.others)
    dice.shuffle(acts)
    for act in [*acts, *plan.finale]:
        act(world, dice)
    world.tills.wait()
    world.apns.script.clear()


# --- changes --------------------------------------------------------------------------------------


def stamp(world: World, dice: Random) -> None:
    """Somebody's card; now and then the key is pressed twice."""
    taps = 2 if dice.random() < _DOUBLE_TAPS else 1
    world.tills.stamp(dice.choice(world.cards).member_id, taps)
    time.sleep(dice.uniform(0, _LONGEST_PAUSE_S))


def change_the_look(world: World, dice: Random) -> None:
    """Another background for all cards."""
    colour = (dice.randrange(256), dice.randrange(256), dice.randrange(256))
    world.timeline.note(f"a new look: {colour}")
    world.change_look(colour)
