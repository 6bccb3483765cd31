"""How long the rest of an experiment takes, by the cycles that ended."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from askew.experiment.grid import Job


@dataclass(frozen=True)
class Spent:
    """What a cycle took by the clock."""

    label: str
    cycle: int
    seconds: float


ENOUGH = 3
"""So many cycles tell a median in which one that was slow by chance does not count."""


def cycle_seconds(label: str, cycle: int, spent: Sequence[Spent]) -> float:
    """Returns what a cycle of a strategy is likely to take.

    The median over the strategy's cycles of that number, if enough ended; else over all its cycles, else over all
    strategies'. So a moment in which the machine did something else is not taken for the pace of the rest.

    >>> cycle_seconds("a", 1, [Spent("a", 1, 10.0), Spent("a", 1, 90.0), Spent("a", 1, 11.0), Spent("a", 3, 20.0)])
    11.0
    """
    own = [one.seconds for one in spent if one.label == label]
    same = [one.seconds for one in spent if (one.label, one.cycle) == (label, cycle)]
    return statistics.median(same if len(same) >= ENOUGH else own or [one.seconds for one in spent])


def seconds_left(
    rest: Mapping[Job, Sequence[int]], under_way: Mapping[Job, float], spent: Sequence[Spent], at_once: int
) -> float:
    """Returns how long the cycles that have not ended will take, so many runs at a time.

    Args:
        rest: of each run the numbers of its cycles that have not ended.
        under_way: of runs at work the seconds since their cycle began.
        spent: the cycles that ended, one at least.
        at_once: runs at a time.

    >>> ended = [Spent("a", 0, 10.0), Spent("a", 1, 12.0)]
    >>> seconds_left({Job("a", 0): [1, 2], Job("a", 1): [0, 1, 2]}, {Job("a", 0): 5.0}, ended, 2)
    33.0
    """
    each = []
    for job, cycles in rest.items():
        costs = [cycle_seconds(job.label, cycle, spent) for cycle in cycles]
        begun = min(under_way.get(job, 0.0), costs[0]) if costs else 0.0
        each.append(sum(costs) - begun)
    return max(sum(each) / max(1, at_once), *each) if each else 0.0
