"""What happens to a shop: a seed draws the order of all that is planned.

To mix in another kind of change, write it here as an `Act` and name it in a plan. Not for: what
goes wrong (see troubles).
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from random import Random

from tests.faults.invariants import report
from tests.faults.mutants.dawdling import held_up
from tests.faults.shops import somewhere, text_of
from tests.faults.tills import Tap
from tests.faults.world import Card, World
from tests.processes import until

_LONGEST_PAUSE_S = 0.08
_STRAGGLERS = 4  # far fewer than the service has threads

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
        return acts or [stamp] * self.stamps


def perform(world: World, plan: Plan, seed: int) -> None:
    """Everything that is planned, in a shop at rest; what APNs does wrong ends with it."""
    dice = Random(seed)  # noqa: S311  # no secret
    world.timeline.note(f"seed {seed}")
    world.chain.settle()
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
    shop_id = dice.choice(world.chain.open_ids)
    world.tills.stamp(dice.choice(world.cards).member_id, shop_id, tap)
    time.sleep(dice.uniform(0, _LONGEST_PAUSE_S))


def change_the_look(world: World, dice: Random) -> None:
    """Another background for all cards."""
    colour = (dice.randrange(256), dice.randrange(256), dice.randrange(256))
    world.timeline.note(f"a new look: {colour}")
    world.change_look(colour)


def move_a_shop(world: World, dice: Random) -> None:
    """To anywhere in the country."""
    shop_id = dice.choice(world.chain.open_ids)
    world.timeline.note(f"shop {shop_id} moves")
    _move(world, shop_id, somewhere(dice))


def retext_a_shop(world: World, dice: Random) -> None:
    """It says something else nearby."""
    shop_id = dice.choice(world.chain.open_ids)
    world.timeline.note(f"shop {shop_id} says something else")
    shop = world.chain.shops[shop_id]
    world.chain.change(shop_id, replace(shop, text=_new_text(dice)))


def open_or_close_a_shop(world: World, dice: Random) -> None:
    """Nobody is stamped there at that moment: they would be turned away."""
    shop_id, shop = dice.choice(list(world.chain.shops.items()))
    world.timeline.note(f"shop {shop_id} {'closes' if shop.active else 'opens'}")
    world.tills.wait()
    world.chain.change(shop_id, replace(shop, active=not shop.active))


def move_a_shop_and_back(world: World, dice: Random) -> None:
    """An edit and its undo."""
    shop_id = dice.choice(world.chain.open_ids)
    world.timeline.note(f"shop {shop_id} moves and comes back")
    before = world.chain.shops[shop_id].point
    _move(world, shop_id, somewhere(dice))
    _move(world, shop_id, (before.latitude, before.longitude))


def retext_all(world: World, dice: Random) -> None:
    """Every shop says something else, by one file."""
    world.timeline.note("all shops say something else")
    text = _new_text(dice)
    shops = {one: replace(shop, text=text) for one, shop in world.chain.shops.items()}
    world.chain.change_all(shops)


def rush(world: World, dice: Random) -> None:
    """Every card at the same moment, while all phones listen."""
    world.timeline.note("a rush")
    world.come_to_rest()
    _stamp_at_once(world, world.cards, dice)
    world.tills.wait()


def straggle(world: World, dice: Random) -> None:
    """Some stamps begin before all others and end after them, when every phone has asked."""
    world.come_to_rest()
    late, prompt = world.cards[:_STRAGGLERS], world.cards[_STRAGGLERS:]
    world.timeline.note("some straggle")
    with held_up(world.database, [card.member_id for card in late]) as all_begun:
        _stamp_at_once(world, late, dice)
        until(all_begun)
        given = len(world.tills.given)
        _stamp_at_once(world, prompt, dice)
        until(lambda: len(world.tills.given) == given + len(prompt))
        world.settle()
    world.tills.wait()


def _stamp_at_once(world: World, cards: Iterable[Card], dice: Random) -> None:
    shop_ids = world.chain.open_ids
    world.tills.stamp_at_once((card.member_id, dice.choice(shop_ids)) for card in cards)


def _move(world: World, shop_id: str, to: tuple[float, float]) -> None:
    shop = world.chain.shops[shop_id]
    world.chain.change(shop_id, replace(shop, latitude=to[0], longitude=to[1]))


def _new_text(dice: Random) -> str:
    return text_of(f"{dice.randrange(1_000_000)} times hello")
