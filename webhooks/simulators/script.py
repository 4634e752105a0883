"""What a simulator was told to do: rules in the order they were given, each with its count.

The first rule that applies decides. One with `next` applies that many times, one with `every` n
only to the n-th, 2n-th … of what it concerns. Not for: what rules there are (apns_script,
google_script).
"""

from threading import Lock
from typing import Generic, Protocol, TypeVar

from pydantic import ValidationError


class ScriptError(Exception):
    """A rule that cannot be followed; the message names its key and what it may be."""

    code = "script_invalid"


class Counted(Protocol):
    """A rule, as far as its turns go."""

    @property
    def next(self) -> int | None: ...

    @property
    def every(self) -> int: ...

    def concerns(self, what: str, where: str, /) -> bool: ...


R = TypeVar("R", bound=Counted)


class Rules(Generic[R]):
    """The rules in force; safe to use from several threads."""

    def __init__(self) -> None:
        self._rules: list[R] = []
        self._turns: list[int] = []
        self._lock = Lock()

    def add(self, *rules: R) -> None:
        """Follow these after the rules already there."""
        with self._lock:
            self._rules += rules
            self._turns += [0] * len(rules)

    def clear(self) -> None:
        """Let everything take its course again."""
        with self._lock:
            self._rules.clear()
            self._turns.clear()

    def decide(self, what: str, where: str) -> R | None:
        """The rule that decides, if any does; it counts for every rule up to that one."""
        with self._lock:
            for place, rule in enumerate(self._rules):
                if not rule.concerns(what, where):
                    continue
                self._turns[place] += 1
                if _applies(rule, self._turns[place]):
                    return rule
        return None


def told(error: ValidationError) -> str:
    """What pydantic has against a document, in one line."""
    return "; ".join(f"`{'.'.join(map(str, one['loc']))}`: {one['msg']}" for one in error.errors())


def _applies(rule: Counted, turn: int) -> bool:
    """Whether it applies to the `turn`-th time it is concerned, counted from 1."""
    within = rule.next is None or turn <= rule.next * rule.every
    return within and turn % rule.every == 0
