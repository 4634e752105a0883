"""What must be true of a shop when all is quiet; a breach has a kind and tells who lacks what."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from sqlalchemy import select

from passes.loyalty.places import MAX_PLACES, Visit
from passes.store.tables import Relocation, Transaction
from tests.faults.shops import LONG_AGO, Place, Shops, shown
from tests.faults.world import CARD_SIZE, Card, Restless, World
from webhooks.simulators.iphone import IPhone
from webhooks.simulators.strict import AREAS, fields_of

_STAMPS = "stamps"  # the key of the field that shows the balance
_BUGS = ('"event": "bug"', '"event": "courier broke"')
_TAKEN = "200"
_TOLD = 40  # lines of each kind
_USUAL = re.compile(r"\binfo\b")
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True)
class Breach:
    """`kind` is restless, ledger, shops, untold, stale, misplaced or bug."""

    kind: str
    text: str


def breaches(world: World) -> list[Breach]:
    """Everything that is wrong once the shop has settled; empty when nothing is."""
    try:
        world.come_to_rest()
    except Restless:
        return list(_restless(world))
    lines = _lines(world)
    found = [*_bugs(world), *_wrong_ledger(world, lines), *_wrong_shops(world)]
    for card in world.cards:
        mine = lines[card.member_id]
        for phone in card.phones:
            found += _untold(world, card, phone, mine)
            found += _stale(card, phone, world.look, len(mine))
            found += _misplaced(card, phone, world.chain.shops, mine)
    return found


def concerned(world: World) -> list[set[str]]:
    """By change of the plan's shops: push tokens of the phones whose cards it changed."""
    lines, changes = _lines(world), list[set[str]]()
    for before, after in pairwise(world.chain.told):
        changes.append(set())
        for card in world.cards:
            mine = [line for line in lines[card.member_id] if line.created_at < after.at]
            if _wanted(before.shops, mine) != _wanted(after.shops, mine):
                changes[-1].update(map(_push_token, card.phones))
    return changes


def report(world: World, found: Sequence[Breach]) -> str:
    """For the reader of a failure: what is wrong, what was done before, what was printed last."""
    told = [f"{breach.kind}: {breach.text}" for breach in found[:_TOLD]]
    more = [f"… and {len(found) - _TOLD} more"] if len(found) > _TOLD else []
    printed = [line for line in world.processes.printed().splitlines() if not _USUAL.search(line)]
    return "\n".join([*told, *more, "", *world.timeline.entries, "", *printed[-_TOLD:]])


def _restless(world: World) -> Iterator[Breach]:
    yield Breach("restless", "The outbox does not become empty, or the phones have no rest.")
    if not world.is_relocated():
        yield Breach("restless", "A relocation is not finished.")
    for row in world.waiting():
        yield Breach("restless", f"{row.state}: {row.last_error}, {row.attempts} attempts")
    for phone in world.phones:
        if phone.next_due():
            yield Breach("restless", f"{phone.name}: {phone.wallet.trail.events[-1].text}")


def _bugs(world: World) -> Iterator[Breach]:
    """What the service itself calls one: an error that nobody foresaw."""
    for line in world.processes.printed().splitlines():
        if any(bug in line for bug in _BUGS):
            yield Breach("bug", line)


def _lines(world: World) -> dict[str, list[Transaction]]:
    """The ledger of the shop's members, by member."""
    ledger = defaultdict(list)
    ours = [card.member_id for card in world.cards]
    with world.database.reading() as session:
        mine = select(Transaction).where(Transaction.member_id.in_(ours))
        for line in session.scalars(mine.order_by(Transaction.balance_after)):
            ledger[line.member_id].append(line)
    return ledger


def _wrong_ledger(world: World, lines: dict[str, list[Transaction]]) -> Iterator[Breach]:
    """One line for each key that was acknowledged, and the balances count without a gap."""
    written = {line.idempotency_key: line for mine in lines.values() for line in mine}
    for told in world.tills.given:
        line = written.get(told.key)
        if line is None:
            yield Breach("ledger", f"{told.key} was acknowledged and is lost")
        elif (told.transaction_id, told.balance, told.shop_id) != (
            line.id,
            line.balance_after,
            line.location_id,
        ):
            yield Breach("ledger", f"{told.key} was answered {told.balance}, not {line}")
    keys = Counter(line.idempotency_key for mine in lines.values() for line in mine)
    expected = {told.key for told in world.tills.given}
    for key, number in keys.items():
        if number > 1 or key not in expected:
            yield Breach("ledger", f"{key} stands {number} times in the ledger")
    for member_id, mine in lines.items():
        balances = [line.balance_after for line in mine]
        if balances != list(range(1, len(mine) + 1)):
            yield Breach("ledger", f"the balances of {member_id} are {balances}")


def _wrong_shops(world: World) -> Iterator[Breach]:
    """The shops are as they were told to be, and every relocation that was promised was made."""
    listed = {
        str(one["id"]): (one["latitude"], one["longitude"], one["relevant_text"], one["active"])
        for one in world.chain.listed()
    }
    for shop_id, shop in world.chain.shops.items():
        wanted = (shop.latitude, shop.longitude, {"en": shop.text}, shop.active)
        if listed.get(shop_id) != wanted:
            yield Breach("shops", f"{shop_id} is {listed.get(shop_id)}, not {wanted}")
    with world.database.reading() as session:
        finished = select(Relocation.id).where(Relocation.finished_at.is_not(None))
        for lost in set(world.chain.acknowledged) - set(session.scalars(finished)):
            yield Breach("shops", f"relocation {lost} was acknowledged and is lost")


def _untold(world: World, card: Card, phone: IPhone, lines: list[Transaction]) -> Iterator[Breach]:
    """No push was taken by APNs since the card's last change, of which we know a moment before."""
    placed_at = _placed_at(world, lines)
    changed_at = max(world.looked_at, placed_at, *(line.created_at for line in lines))
    if changed_at == LONG_AGO:
        return
    pushes = world.apns.journal.pushes(_push_token(phone))
    if not any(push.answer == _TAKEN and push.at >= changed_at for push in pushes):
        last = f"{pushes[-1].answer} at {pushes[-1].at:%H:%M:%S.%f}" if pushes else "none"
        yield Breach("untold", f"{phone.name}: changed {changed_at:%H:%M:%S.%f}, last push {last}")


def _placed_at(world: World, lines: list[Transaction]) -> datetime:
    """When the shops first stood so that the card shows what it has to show now.

    Not the last time: of an edit and its undo nobody has to hear.
    """
    wanted = _wanted(world.chain.shops, lines)
    return next(told.at for told in world.chain.told if _wanted(told.shops, lines) == wanted)


def _stale(card: Card, phone: IPhone, look: tuple[int, ...], stamps: int) -> Iterator[Breach]:
    """What the pass file says that the phone fetched last."""
    document = _document(card, phone)
    shown, wanted = _balance(document), (stamps - 1) % CARD_SIZE + 1 if stamps else 0
    if shown != wanted:
        yield Breach("stale", f"{phone.name} shows {shown} of {wanted} stamps of {card.member_id}")
    colour = _numbers(str(document["backgroundColor"]))
    if look and colour != look:
        yield Breach("stale", f"{phone.name} shows {card.member_id} in {colour}, not {look}")


def _misplaced(
    card: Card, phone: IPhone, shops: Shops, lines: list[Transaction]
) -> Iterator[Breach]:
    """The places of that pass file are not those that its member's history leads to."""
    found = _document(card, phone)["locations"]
    places = [(one["latitude"], one["longitude"], one["relevantText"]) for one in found]
    wanted = _wanted(shops, lines)
    if len(places) > MAX_PLACES or set(places) != wanted:
        which = f"not {sorted(wanted.difference(places))} but {sorted(set(places) - wanted)}"
        yield Breach("misplaced", f"{phone.name}, {card.member_id}: {len(places)} places, {which}")


def _wanted(shops: Shops, lines: list[Transaction]) -> frozenset[Place]:
    visits = [Visit(line.location_id, line.created_at) for line in lines if line.location_id]
    return shown(shops, visits, CARD_SIZE - len(lines) % CARD_SIZE)


def _push_token(phone: IPhone) -> str:
    [service] = phone.wallet.services.values()
    return service.push_token


def _document(card: Card, phone: IPhone) -> Any:  # foreign JSON
    """What the phone fetched last of a card."""
    return next(
        kept.package.document
        for kept in phone.wallet.cards.values()
        if kept.package.serial_number == card.serial_number
    )


def _balance(document: Mapping[str, Any]) -> int:
    every = (one for area in AREAS for one in fields_of(document, area))
    return next(_numbers(str(one["value"]))[0] for one in every if one["key"] == _STAMPS)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in _NUMBER.findall(text))
