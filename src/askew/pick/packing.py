"""Items on lines, any two of a line some distance apart: the selection of n with the highest sum of scores, exactly."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from askew.arrays import Floats, Indices

TIES = 2.0**-40
"""Sums that differ by less than this share of the largest score are taken for equal, and chance settles them."""


@dataclass(frozen=True, eq=False)
class Line:
    """Items on a line, in order: two of them may be taken together if they are more than `around` places apart.

    Attributes:
        places: (M,) rising integers, M >= 1.
        scores: (M,) finite floats.
        around: >= 0.
    """

    places: Indices
    scores: Floats
    around: int

    @cached_property
    def before(self) -> Indices:
        """(M,) how many items stand far enough before each."""
        return np.searchsorted(self.places, self.places - self.around, side="left")

    @cached_property
    def room(self) -> int:
        """How many items fit at most: the first, then always the next that may follow."""
        count, last = 0, -1
        for place, enough in enumerate(self.before.tolist()):
            if enough > last:
                count, last = count + 1, place
        return count


def heaviest(lines: list[Line], n: int, rng: np.random.Generator, *, even: bool) -> list[Indices]:
    """Returns which items of each line are taken: n in all, at the highest sum of scores.

    The items of a line in its order, k of them taken, are a path; the best sum of every k is found by going along the
    line (dynamic programming). No k items can be taken such that one more brings more than the last one did, since the
    rules are an interval matrix, which is totally unimodular. So lines share n exactly if each next item goes to the
    line where it brings the most.

    Args:
        n: at most the room of all lines.
        rng: settles equal sums.
        even: take of each line as many as of the others, as far as there is room; else where the sum is highest.

    Cost: O(M · k) steps and bits for M items of a line of which up to k are taken.
    """
    largest = max((float(np.abs(line.scores).max()) for line in lines), default=0.0)
    unit = TIES * (largest or 1.0)
    counts, limits = _shares([line.room for line in lines], n, even)
    tables = [
        _Table(line, limit, line.scores + unit * rng.random(len(line.scores)))
        for line, limit in zip(lines, limits, strict=True)
    ]
    queue = [(-table.gain(counts[i]), i) for i, table in enumerate(tables) if counts[i] < limits[i]]
    heapq.heapify(queue)
    for _ in range(n - sum(counts)):
        _, i = heapq.heappop(queue)
        counts[i] += 1
        if counts[i] < limits[i]:
            heapq.heappush(queue, (-tables[i].gain(counts[i]), i))
    return [table.taken(count) for table, count in zip(tables, counts, strict=True)]


def _shares(rooms: list[int], n: int, even: bool) -> tuple[list[int], list[int]]:
    """Returns how many items of each line are taken at least, and at most."""
    if not even:
        return [0] * len(rooms), [min(room, n) for room in rooms]
    level = next(level for level in range(n + 1) if sum(min(room, level) for room in rooms) >= n)
    return [min(room, max(0, level - 1)) for room in rooms], [min(room, level) for room in rooms]


class _Table:
    """The best sums of 0 to `most` items of a line, and what they are made of."""

    def __init__(self, line: Line, most: int, scores: Floats) -> None:
        self.line = line
        reached = np.zeros(len(scores) + 1)
        sums: list[float] = [0.0]
        records: list[NDArray[np.uint8]] = []
        for _ in range(most):
            ending = reached[line.before] + scores
            reached = np.concatenate([[-np.inf], np.maximum.accumulate(ending)])
            records.append(np.packbits(ending > reached[:-1]))
            sums.append(float(reached[-1]))
        self.sums, self.records = sums, records

    def gain(self, count: int) -> float:
        """Returns what one more than `count` items brings."""
        return self.sums[count + 1] - self.sums[count]

    def taken(self, count: int) -> Indices:
        """Returns the positions of the best `count` items, in order."""
        out, end = [], len(self.line.places)
        for k in range(count, 0, -1):
            bits = np.unpackbits(self.records[k - 1], count=end)
            last = int(np.flatnonzero(bits)[-1])
            out.append(last)
            end = int(self.line.before[last])
        return np.array(out[::-1], dtype=np.int64)
