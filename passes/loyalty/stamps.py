"""The stamp card: where a member stands on it, and which reward comes next."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Milestone:
    """A reward on the card: earned with the stamp number `at` (1 … card size) of each cycle."""

    at: int
    title: str


@dataclass(frozen=True, slots=True)
class StampRules:
    """A card of `card_size` slots; milestones in ascending order, one per slot at most."""

    card_size: int
    milestones: tuple[Milestone, ...] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a member stands.

    `position` is the number of filled slots (0 … card size) of the card number `cycle` (from 0);
    `ready` are the rewards the latest stamp earned, `upcoming` the next one, `remaining` the
    stamps to it. Without milestones `upcoming` is None and `remaining` counts to the full card.
    """

    card_size: int
    position: int
    cycle: int
    ready: tuple[Milestone, ...]
    upcoming: Milestone | None
    remaining: int

    @property
    def shown(self) -> tuple[object, ...]:
        """What a card shows of it: the number of the card is not told."""
        return (self.position, self.ready, self.upcoming, self.remaining)


def progress(rules: StampRules, total: int) -> Progress:
    """The standing after `total` stamps (the ledger's sum, ≥ 0).

    A full card stays full until the next stamp opens the next cycle.
    """
    position, cycle = _position(rules.card_size, total)
    upcoming, remaining = _upcoming(rules, position)
    return Progress(
        card_size=rules.card_size,
        position=position,
        cycle=cycle,
        ready=tuple(m for m in rules.milestones if m.at == position),
        upcoming=upcoming,
        remaining=remaining,
    )


def _position(card_size: int, total: int) -> tuple[int, int]:
    if total <= 0:
        return 0, 0
    cycle, offset = divmod(total - 1, card_size)
    return offset + 1, cycle


def _upcoming(rules: StampRules, position: int) -> tuple[Milestone | None, int]:
    ahead = [m for m in rules.milestones if m.at > position]
    if ahead:
        return ahead[0], ahead[0].at - position
    if rules.milestones:  # the next one lies on the next card
        first = rules.milestones[0]
        return first, rules.card_size - position + first.at
    return None, rules.card_size - position
