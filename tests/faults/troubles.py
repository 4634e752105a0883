"""What goes wrong around a shop: processes die, the database crashes, APNs has its moods.

Each is an `Act`: give the world and the dice, and it has happened.
"""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random

from sqlalchemy import text

from tests.faults.acts import Act, move_a_shop_and_back, retext_all
from tests.faults.world import World
from tests.processes import until
from webhooks.simulators.apns_connection import Behaviour
from webhooks.simulators.apns_script import Answer, Rule

_LONG_AGO_MS = 1  # before any phone registered: such a 410 is about an older life of its token
_UNDER_WAY_S = 0.5  # a change's request, its batches and their breaths
_HELD_S = 1.0  # far longer than it takes to kill somebody


def kill_a_worker(world: World, dice: Random) -> None:
    """At any moment."""
    number = dice.randrange(len(world.processes.workers))
    world.timeline.note(f"kill -9 worker {number}")
    world.processes.kill_worker(number)


def kill_a_web_process(world: World, dice: Random) -> None:
    """At any moment."""
    number = dice.randrange(2)
    world.timeline.note(f"kill -9 web process {number}")
    world.processes.kill_web(number)


@dataclass(frozen=True)
class CutOff:
    """All workers die exactly between the sending of a push and Apple's answer."""

    answer: Answer

    def __call__(self, world: World, dice: Random) -> None:
        world.soothe_apns()
        world.come_to_rest()
        card = dice.choice(world.cards)
        world.timeline.note(f"kill -9 all workers, unheard: {self.answer.status} {card.member_id}")
        world.apns.script.add(Rule(self.answer))
        sent = len(world.apns.journal.pushes())
        world.tills.stamp(card.member_id)
        until(lambda: len(world.apns.journal.pushes()) > sent)
        world.processes.kill_all_workers()
        world.soothe_apns()


unheard_yes = CutOff(Answer(delay_s=_HELD_S))
unheard_no = CutOff(Answer(status=503, reason="ServiceUnavailable", delay_s=_HELD_S))


def cut_the_power(world: World, _: Random) -> None:
    """All web processes and workers die at once, gunicorn's master among them."""
    world.timeline.note("the power is cut")
    world.processes.kill_everything()


def undo_unseen(world: World, dice: Random) -> None:
    """A shop moves and comes back while there is no worker."""
    with world.processes.without_workers():
        move_a_shop_and_back(world, dice)


def kill_once_relocated(world: World, dice: Random) -> None:
    """All workers die as soon as a relocation is finished, and hardly anybody has heard of it."""
    retext_all(world, dice)
    until(world.is_relocated)
    world.timeline.note("kill -9 all workers: it is finished")
    world.processes.kill_all_workers()


def crash_the_database(world: World, _: Random) -> None:
    """When one server process is killed, PostgreSQL ends all others and recovers from its log.

    SQLite has no server: there, the death of whoever writes is the same.
    """
    if not world.on_postgresql:
        return
    world.timeline.note("the database crashes")
    with world.database.asking() as connection:
        ours = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    os.kill(ours, signal.SIGKILL)


@dataclass(frozen=True)
class Amid:
    """Something goes wrong while a change is under way, from the request to the last card."""

    change: Act
    trouble: Act

    def __call__(self, world: World, dice: Random) -> None:
        of_its_own = Random(dice.random())  # noqa: S311  # no secret
        with ThreadPoolExecutor(1) as office:
            change = office.submit(self.change, world, of_its_own)
            time.sleep(dice.uniform(0, _UNDER_WAY_S))
            self.trouble(world, dice)
            change.result()


@dataclass(frozen=True)
class Mood:
    """How APNs answers from now on; it has happened when `shows` is in the journal."""

    name: str
    rule: Rule
    shows: str
    behaviour: Behaviour = field(default_factory=Behaviour)

    def __call__(self, world: World, dice: Random) -> None:
        world.timeline.note(f"APNs: {self.name}")
        world.soothe_apns()
        before = world.apns.journal.counts().get(self.shows, 0)
        world.apns.behave(self.behaviour)
        world.apns.script.add(self.rule)
        world.tills.stamp(dice.choice(world.cards).member_id)
        until(lambda: world.apns.journal.counts().get(self.shows, 0) > before)


_TOO_MANY = Answer(status=429, reason="TooManyRequests", retry_after=1)
_BROKEN = Answer(status=500, reason="InternalServerError")
_BUSY = Answer(status=503, reason="ServiceUnavailable")
_GONE = Answer(status=410, reason="Unregistered", timestamp=_LONG_AGO_MS)

MOODS = (
    Mood("too many requests", Rule(_TOO_MANY, every=3), "429"),
    Mood("broken", Rule(_BROKEN, every=2), "500"),
    Mood("busy", Rule(_BUSY, every=3), "503"),
    Mood("gone long ago", Rule(_GONE, every=4), "410"),
    Mood("says goodbye", Rule(Answer("goaway"), every=5), "goaway", Behaviour(goaway_after=12)),
    Mood("breaks connections", Rule(Answer("reset"), every=6), "reset"),
    Mood("refuses streams", Rule(Answer("refused"), every=3), "refused", Behaviour(max_streams=2)),
    Mood("does not answer", Rule(Answer("stall"), next=1), "stall"),
    Mood("slow", Rule(Answer(delay_s=0.2)), "200", Behaviour(max_streams=5)),
)
