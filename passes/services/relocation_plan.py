"""What a relocation has to do next, found without a lock: no till waits for it.

Not for: doing it (relocation_steps).
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

from sqlalchemy import select
from sqlalchemy.orm import Session

from passes.services.cards import cards_of
from passes.services.looks import LookBook
from passes.services.misplaced import Successors, search, those_with
from passes.services.place_sets import Difference, Resolved, Shown, difference, places_in
from passes.services.placing import read_places
from passes.store.tables import Member, Pass, PlaceSet, Relocation

_AT_ONCE = 1_000  # sets that one look finds successors for
START = ("", "")  # of a round over all programs and their sets
PASSES = select(
    Pass.id, Pass.version, Member.revision, Pass.locale, Pass.voided, Pass.place_set_id
).join(Member, Member.id == Pass.member_id)


@dataclass(frozen=True, slots=True)
class Change:
    """What passes with one set showed, shall show, and who may see the difference."""

    before: Shown
    after: Resolved
    difference: Difference


@dataclass(slots=True)
class Stretch:
    """Sets of a program that are no longer right, and their successors.

    `state` is that of the relocation it was found for. `waiting` are those with passes, in order;
    `ahead` is how far the round is when none is left; at its end there is no program.
    """

    state: tuple[int, str, str]
    ahead: tuple[str, str]
    program_id: str | None = None
    successors: Successors = field(default_factory=dict)
    waiting: deque[str | None] = field(default_factory=deque)
    changes: dict[str | None, Change] = field(default_factory=dict)

    def leave(self, sets: Sequence[str | None], work: Relocation) -> None:
        """The first of those that wait have no passes any more: the relocation moves on."""
        for one in sets:
            self.waiting.popleft()
            del self.changes[one]
        if not self.waiting:
            work.after_program_id, work.after_set_id = self.ahead
        elif sets[-1]:
            work.after_set_id = sets[-1]
        self.state = state_of(work)


@dataclass(frozen=True, slots=True)
class Carried:
    """A pass and the set it shows; while version and person are the same, so is what it says."""

    id: str
    version: int
    person: int  # the revision of its member
    locale: str
    voided: bool
    set_id: str | None


@dataclass(frozen=True, slots=True)
class Step:
    """The next batch of a relocation, not yet done: these sets of a stretch, and some passes.

    `unmoved` are the ids of those to whom other texts say the same.
    """

    relocation_id: str
    stretch: Stretch
    sets: tuple[str | None, ...]
    passes: tuple[Carried, ...]
    unmoved: frozenset[str]


def next_in_line(session: Session) -> str | None:
    """The relocation that waited longest; None when there is nothing to do."""
    return session.scalar(
        select(Relocation.id)
        .where(Relocation.finished_at.is_(None))
        .order_by(Relocation.worked_at, Relocation.id)
        .limit(1)
    )


def look(
    session: Session, looks: LookBook, relocation_id: str, known: Stretch | None, size: int
) -> Step:
    """What is to be done next, found without a lock, for so many passes at most.

    `known` is what the last step went by.
    """
    work = session.get_one(Relocation, relocation_id)
    if known and known.waiting and known.state == state_of(work):
        stretch = known
    else:
        stretch = _search(session, work)
    sets = tuple(islice(stretch.waiting, size))
    _compare(session, stretch, sets)
    passes = _carried(session, stretch, sets, size)
    unmoved = unmoved_among(session, looks, stretch, passes)
    return Step(relocation_id, stretch, sets, passes, unmoved)


def _carried(
    session: Session, stretch: Stretch, sets: Sequence[str | None], size: int
) -> tuple[Carried, ...]:
    """Some passes that have one of these sets."""
    if not sets or not stretch.program_id:
        return ()
    some = PASSES.where(those_with(stretch.program_id, sets)).limit(size)
    return tuple(Carried(*row) for row in session.execute(some))


def unmoved_among(
    session: Session, looks: LookBook, stretch: Stretch, passes: Sequence[Carried]
) -> frozenset[str]:
    """Those whose texts are rewritten, and the same once stamps and names are filled in."""
    rewritten = {
        one.id: change
        for one in passes
        if one.locale in (change := stretch.changes[one.set_id]).difference.locales
    }
    if not rewritten:
        return frozenset()
    return frozenset(
        card.pass_id
        for card in cards_of(session, looks, rewritten).values()
        if card.texts_near(rewritten[card.pass_id].before.places)
        == card.texts_near(rewritten[card.pass_id].after.shown.places)
    )


def _search(session: Session, work: Relocation) -> Stretch:
    """The next sets that are no longer right."""
    state, done, after = state_of(work), work.after_program_id, work.after_set_id
    for here in read_places(session, work.merchant_id):
        if here.program_id <= done:
            continue
        found = search(session, here, after, _AT_ONCE)
        ahead = (done, found.last) if found.last else (here.program_id, "")
        if found.successors or found.last:
            waiting = deque(found.successors)
            return Stretch(state, ahead, here.program_id, found.successors, waiting)
        done, after = ahead
    return Stretch(state, START)


def state_of(work: Relocation) -> tuple[int, str, str]:
    return work.edits, work.after_program_id, work.after_set_id


def _compare(session: Session, stretch: Stretch, sets: Sequence[str | None]) -> None:
    """Who will see that these sets have successors, where that is not known yet."""
    unknown = [one for one in sets if one not in stretch.changes]
    rows = session.execute(
        select(PlaceSet.id, PlaceSet.places, PlaceSet.chosen).where(PlaceSet.id.in_(unknown))
    )
    before = {set_id: Shown(places_in(places), chosen) for set_id, places, chosen in rows}
    for one in unknown:
        old, after = before.get(one, Shown()), stretch.successors[one]
        stretch.changes[one] = Change(old, after, difference(old, after.shown))
