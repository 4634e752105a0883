"""What must be true of a shop when all is quiet; a breach has a kind and tells who lacks what."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from passes.store.tables import Transaction
from tests.faults.world import CARD_SIZE, Card, Restless, World
from webhooks.simulators.iphone import IPhone
from webhooks.simulators.pkpass import Package
from webhooks.simulators.strict import AREAS, fields_of

_STAMPS = "stamps"  # the key of the field that shows the balance
_BUGS = ('"event": "bug"', '"event": "courier broke"')
_TAKEN = "200"
_TOLD = 40  # lines of each kind
_USUAL = re.compile(r"\binfo\b")
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True)
class Breach:
    """`kind` is restless, ledger, untold, stale or bug."""

    kind: str
    text: str


def breaches(world: World) -> list[Breach]:
    """Everything that is wrong once the shop has settled; empty when nothing is."""
    try:
        world.come_to_rest()
    except Restless:
        return list(_restless(world))
    lines = _lines(world)
    found = [*_bugs(world), *_wrong_ledger(world, lines)]
    for card in world.cards:
        mine = lines[card.member_id]
        for phone in card.phones:
            found += _untold(world, card, phone, mine)
            found += _stale(world, card, phone, len(mine))
    return found


def report(world: World, found: Sequence[Breach]) -> str:
    """For the reader of a failure: what is wrong, what was done before, what was printed last."""
    told = [f"{breach.kind}: {breach.text}" for breach in found[:_TOLD]]
    more = [f"… and {len(found) - _TOLD} more"] if len(found) > _TOLD else []
    printed = [line for line in world.processes.printed().splitlines() if not _USUAL.search(line)]
    return "\n".join([*told, *more, "", *world.timeline.entries, "", *printed[-_TOLD:]])


def _restless(world: World) -> Iterator[Breach]:
    yield Breach("restless", "The outbox does not become empty, or the phones have no rest.")
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
        elif (told.transaction_id, told.balance) != (line.id, line.balance_after):
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


def _untold(world: World, card: Card, phone: IPhone, lines: list[Transaction]) -> Iterator[Breach]:
    """No push was taken by APNs since the card's last change, of which we know a moment before."""
    changed_at = max(world.looked_at, *(line.created_at for line in lines))
    [service] = phone.wallet.services.values()
    pushes = world.apns.journal.pushes(service.push_token)
    if not any(push.answer == _TAKEN and push.at >= changed_at for push in pushes):
        last = f"{pushes[-1].answer} at {pushes[-1].at:%H:%M:%S.%f}" if pushes else "none"
        yield Breach("untold", f"{phone.name}: changed {changed_at:%H:%M:%S.%f}, last push {last}")


def _stale(world: World, card: Card, phone: IPhone, stamps: int) -> Iterator[Breach]:
    """What the pass file says that the phone fetched last."""
    package = next(
        kept.package
        for kept in phone.wallet.cards.values()
        if kept.package.serial_number == card.serial_number
    )
    shown, wanted = _balance(package), (stamps - 1) % CARD_SIZE + 1 if stamps else 0
    if shown != wanted:
        yield Breach("stale", f"{phone.name} shows {shown} of {wanted} stamps of {card.member_id}")
    colour = _numbers(str(package.document["backgroundColor"]))
    if world.look and colour != world.look:
        yield Breach("stale", f"{phone.name} shows {card.member_id} in {colour}, not {world.look}")


def _balance(package: Package) -> int:
    every = (one for area in AREAS for one in fields_of(package.document, area))
    return next(_numbers(str(one["value"]))[0] for one in every if one["key"] == _STAMPS)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in _NUMBER.findall(text))
