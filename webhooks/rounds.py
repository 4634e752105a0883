"""One courier's rounds: claim a few rows, tell the outside, settle what arrived.

Not for: how many couriers work side by side and when they stop (see worker).
"""

import random
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Generic

import structlog
from sqlalchemy.orm import Session

from passes.store import claims, pauses
from passes.store.claims import Claimed, Retry
from passes.store.database import Database
from passes.store.ids import new_id
from webhooks import figures
from webhooks.booking import Booking, Books
from webhooks.couriers.outcomes import Later, Outcome
from webhooks.desks import Desk, N
from webhooks.terms import Clock, Terms

_SETTLE_EVERY = 250  # outcomes, so that a crash repeats few pushes
_HELD_BACK = 5_000  # rows of a queue that stands still, in one transaction
_BATCHES_UNDER_WAY = 4  # whose last answers are awaited while the next ones are told

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Awaited(Generic[N]):
    """A notice the courier has, with the claim it was made of."""

    notice: N
    owner: str
    row: Claimed


_Arrived = tuple[_Awaited[N], Outcome]


@dataclass(slots=True)
class Counted:
    """Outcomes of one batch, for figures, log and tests."""

    delivered: int = 0
    gone: int = 0
    later: int = 0
    refused: int = 0
    halted: int = 0

    def add(self, booking: Booking) -> None:
        self.delivered += len(booking.told)
        self.gone += len(booking.gone)
        self.later += len(booking.retries) + len(booking.slowed)
        self.refused += len(booking.lost)
        self.halted += len(booking.halted)

    def outcomes(self) -> dict[str, int]:
        """By name, those that occurred."""
        return {name: number for name, number in asdict(self).items() if number}


class Rounds(Generic[N]):
    """One courier's work, step by step; `uniform` draws the spread of the back-off."""

    def __init__(
        self,
        database: Database,
        desk: Desk[N],
        now: Clock,
        terms: Terms,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self.database = database
        self.desk = desk
        self.now = now
        self.terms = terms
        self._books = Books(database, desk, now, terms, uniform)
        self._awaited: dict[int, _Awaited[N]] = {}  # by the identity of the notice
        self._leases: dict[str, datetime] = {}  # when they end, by owner

    @property
    def name(self) -> str:
        return self.desk.name

    def close(self) -> None:
        """What was sent is settled first."""
        try:
            while self._awaited:
                self._tell(())
        finally:
            self.desk.courier.close()

    def step(self) -> Counted | None:
        """Claims, tells and settles some rows; None when nothing was due and no answer awaited."""
        self._prolong_leases()
        notices = self._claim()
        if notices is None and not self._awaited:
            return None
        counted = self._tell(notices or ())
        self.desk.make_missing()
        return counted

    def _claim(self) -> Sequence[N] | None:
        """The notices of the next rows; None when nothing is due or enough is under way."""
        now, terms = self.now(), self.terms
        if len(self._awaited) >= _BATCHES_UNDER_WAY * terms.batch:
            return None
        with self.database.reading() as session:
            if not claims.is_anything_due(session, self.name, now):
                return None
        owner = new_id("own")
        with self.database.writing() as session:
            rows = claims.claim(
                session, self.name, owner, terms.batch, now, terms.lease, terms.doubt
            )
            moving = self._moving(session, owner, rows, now)
            prepared = self.desk.prepare(session, moving, now)
            claims.drop(session, owner, prepared.pointless)
            claims.send_back(session, owner, prepared.too_early)
            claims.postpone(session, owner, prepared.unready)
        self._leases[owner] = now + terms.lease
        claimed = {row.id: row for row in moving}
        for notice in prepared.notices:
            self._awaited[id(notice)] = _Awaited(notice, owner, claimed[notice.row])
        return prepared.notices if rows else None

    def _moving(
        self, session: Session, owner: str, rows: Sequence[Claimed], now: datetime
    ) -> list[Claimed]:
        """Those whose queue does not stand still; the others wait until it moves again.

        So each costs a look once in a pause, not whenever somebody looks for work.
        """
        standing = {pause.queue: pause for pause in pauses.standing(session, now, self.name)}
        found = [row for row in rows if row.queue in standing]
        back = [Retry(row.id, standing[row.queue].until, standing[row.queue].why) for row in found]
        claims.send_back(session, owner, back)
        for queue in sorted({row.queue for row in found}):
            until, why = standing[queue].until, standing[queue].why
            claims.hold_back(session, self.name, queue, until, why, _HELD_BACK)
        return [row for row in rows if row.queue not in standing]

    def _prolong_leases(self) -> None:
        """What takes long to be answered stays ours: who claimed it anew would tell it again."""
        now, lease = self.now(), self.terms.lease
        awaited = {one.owner for one in self._awaited.values()}
        self._leases = {owner: self._leases[owner] for owner in awaited}
        ending = [owner for owner, until in self._leases.items() if until - now < lease / 2]
        if not ending:
            return
        with self.database.writing() as session:
            claims.prolong(session, ending, now + lease)
        self._leases |= dict.fromkeys(ending, now + lease)

    def _tell(self, notices: Sequence[N]) -> Counted:
        counted = Counted()
        arrived: list[_Arrived[N]] = []
        # What cannot be settled because the database fails is told again when its lease has ended.
        with closing(self._guarded(notices)) as outcomes:
            for one in outcomes:
                arrived.append(one)
                if len(arrived) >= _SETTLE_EVERY:
                    self._settle_all(arrived, counted)
                    arrived = []
        self._settle_all([*arrived, *self._unheard()], counted)
        for outcome, number in counted.outcomes().items():
            figures.count(self.name, outcome, number)
        return counted

    def _guarded(self, notices: Sequence[N]) -> "Generator[_Arrived[N], None, None]":
        """The courier's outcomes; a notice that breaks it is tried alone and cannot stop others."""
        try:
            for notice, outcome in self.desk.courier.deliver(notices):
                yield self._awaited.pop(id(notice)), outcome
        except Exception as error:  # noqa: BLE001  # whatever it is, the other rows go on
            # Only the error's name: its text might quote what was sent.
            trouble = f"the courier broke: {type(error).__name__}"
            log.error("courier broke", courier=self.name, error=type(error).__name__)  # noqa: TRY400
            left = [notice for notice in notices if id(notice) in self._awaited]
            for notice in left:
                if len(notices) == 1:
                    yield self._awaited.pop(id(notice)), Later(trouble, in_doubt=True)
                else:
                    yield from self._guarded([notice])

    def _unheard(self) -> "list[_Arrived[N]]":
        """What the courier has forgotten."""
        if self.desk.courier.under_way:
            return []
        forgotten = list(self._awaited.values())
        self._awaited.clear()
        return [(one, Later("the courier told no outcome", in_doubt=True)) for one in forgotten]

    def _settle_all(self, arrived: "Sequence[_Arrived[N]]", counted: Counted) -> None:
        """Claim by claim: what was claimed anew meanwhile is not settled by an old answer."""
        by_owner: dict[str, list[tuple[Claimed, N, Outcome]]] = {}
        for one, outcome in arrived:
            by_owner.setdefault(one.owner, []).append((one.row, one.notice, outcome))
        for owner, outcomes in by_owner.items():
            counted.add(self._books.settle(owner, outcomes))
