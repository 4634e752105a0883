"""Interleaved rounds: every contestant works a moment in each, so that a busy machine hits all.

Medians per CPU second and per second; results become rows of `var/bench.json`.
"""

import json
import resource
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

RESULTS = Path("var/bench.json")


@dataclass(frozen=True, slots=True)
class Stint:
    """What a contestant did in one round; `cpu_s` includes the processes it started and awaited."""

    count: int
    cpu_s: float
    wall_s: float


@dataclass(frozen=True, slots=True)
class Pace:
    """What a contestant did, round by round."""

    stints: tuple[Stint, ...]

    @property
    def per_cpu_s(self) -> float:
        """The median per second of CPU."""
        return statistics.median(stint.count / stint.cpu_s for stint in self.stints)

    @property
    def per_s(self) -> float:
        """The median per second by the clock."""
        return statistics.median(stint.count / stint.wall_s for stint in self.stints)

    def beside(self, other: "Pace") -> float:
        """How many times the other's pace per CPU second, the median of the rounds' ratios.

        Both halves of each ratio saw the same moment, so it outlasts a processor that changes its
        clock.
        """
        pairs = zip(self.stints, other.stints, strict=True)
        return statistics.median(
            (mine.count / mine.cpu_s) / (theirs.count / theirs.cpu_s) for mine, theirs in pairs
        )


@dataclass(frozen=True, slots=True)
class Row:
    """One figure; `ratio` is how many times the row named by `reference`."""

    name: str
    value: float
    unit: str
    reference: str | None = None
    ratio: float | None = None


Contestant = Callable[[float], Stint]  # works for about so many seconds


def repeated(call: Callable[[], object]) -> Contestant:
    """The contestant that makes the same call again and again."""

    def work(seconds: float) -> Stint:
        cpu_before, start = _cpu_s(), time.perf_counter()
        count = 0
        while (wall_s := time.perf_counter() - start) < seconds:
            call()
            count += 1
        return Stint(count, _cpu_s() - cpu_before, wall_s)

    return work


def race(
    contestants: Mapping[str, Contestant], rounds: int = 21, seconds: float = 0.1
) -> dict[str, Pace]:
    """The pace of each contestant, after one short round to warm up."""
    for work in contestants.values():
        work(seconds)
    stints: dict[str, list[Stint]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, work in contestants.items():
            stints[name].append(work(seconds))
    return {name: Pace(tuple(done)) for name, done in stints.items()}


def report(rows: Iterable[Row], path: Path = RESULTS) -> None:
    """Print the rows and put them into the results, in the place of earlier rows of their names."""
    rows = list(rows)
    for row in rows:
        beside = f"{row.ratio:8.1%} of {row.reference}" if row.ratio is not None else ""
        print(f"{row.name:32} {row.value:12,.1f} {row.unit:10} {beside}")
    path.parent.mkdir(parents=True, exist_ok=True)
    earlier = json.loads(path.read_text()) if path.exists() else []
    kept = [row for row in earlier if row["name"] not in {new.name for new in rows}]
    path.write_text(json.dumps([*kept, *map(asdict, rows)], indent=1) + "\n")


def _cpu_s() -> float:
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
