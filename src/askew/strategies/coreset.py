"""Core-set: ask about the items around which the smallest balls hold the pool, and prove how small they can be."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from askew.arrays import Array, Indices, is_number, is_whole
from askew.errors import InputError
from askew.kernels.farthest import FarthestFirst
from askew.kernels.rows import CentredRows
from askew.pool import Pool
from askew.predictions import Predictions
from askew.strategies.proof import Proved
from askew.strategies.registry import strategy

if TYPE_CHECKING:
    from scipy.sparse import csr_array

TILE = 256
"""Rows of distances that are computed at a time, fewer where rows are long: there is a look at the clock after each."""

TILE_TERMS = 1 << 27
"""Distances times dimensions of a tile, at most."""

ROUNDED = 1 + 1e-9
"""Distances of one pair by two ways of computing them differ by less."""

PER_ENTRY_S = 1e-6
"""Seconds beyond its time limit that a program is thought to need for an entry of its matrix, until one took more."""

SHARE = 1 / 3
"""The part of the time left that one radius gets in HiGHS: one that is hard to settle leaves time for easier ones."""

SLACK = 1 - 1e-12
"""By how much rounding may spoil the triangle inequality."""

Reals = NDArray[np.float64]


@strategy("coreset", kind="selector", needs=("features",), paper="Sener and Savarese 2018 (ICLR), arXiv 1708.00489")
def coreset(
    pred: Predictions,
    pool: Pool,
    n: int,
    *,
    outliers: float = 1e-4,
    time_limit_s: float = 60.0,
    most_pairs: int = 4_000_000,
    rng: np.random.Generator,
) -> Proved:
    """Picks the n items for which the radius δ is smallest: all but `outliers` items lie within δ of a pick or a label.

    This is robust k-center. Farthest-first picks (2-OPT: a radius at most twice the smallest, without outliers) give an
    upper bound. Half the radius after n + Ξ of them, Ξ the outliers, is a lower bound. Between the two the smallest δ
    is a distance that occurs, and it is found by bisection: greedy covers lower the upper bound, then linear programs
    raise the lower one, in at most half of the time, then HiGHS answers the integer program: are there y ∈ {0, 1}^U and
    o ≥ 0 with Σ_j y_j ≤ n, Σ_i o_i ≤ Ξ and o_i + Σ_{j: |x_i − x_j| ≤ δ} y_j ≥ 1 for each item i that no label is within
    δ of? Items are few thousands at most; `kcenter` serves larger pools.

    `outliers` is a number of items if it is whole, or a share of the pool below 1 (the paper's is 1e-4). At
    `time_limit_s` it stops with the best picks so far: a limit shorter than the farthest-first picks take is passed by
    these, and one that is reached in HiGHS by what HiGHS needs to notice, which is foreseen from the programs before.
    Where more than `most_pairs` pairs of items lie within the upper bound, the farthest-first picks are the answer.
    What was proved is said either way: the radius, the bound below which no picks can bring it (to the tolerances of
    HiGHS), and the gap between them. The same seed gives the same picks where no program was cut short by the time
    limit. Distances are Euclidean, in float64.

    Returns:
        The picks, farthest first, and what was proved. Cost: `kcenter`, then the distances of all pairs once, O(U²·D),
        then HiGHS. Memory: two float64 copies of the features, and about 100 bytes a pair within the upper bound.

    Raises:
        InputError: the features of a labelled item are not finite, or a parameter out of its range.
    """
    started = time.monotonic()
    spare = _spare(outliers, len(pool))
    if not (is_number(time_limit_s) and time_limit_s > 0):
        raise InputError(f"time_limit_s: {time_limit_s!r}: expected seconds above 0")
    if not (is_whole(most_pairs) and most_pairs >= 0):
        raise InputError(f"most_pairs: {most_pairs!r}: expected a whole number from 0")
    features = pred.require("features", pool.labeled, "coreset")
    items = rng.permutation(pool.unlabeled)
    space = Space(features, pool.labeled, items)
    search = Search(space, n, spare, started + time_limit_s)
    stopped = search.run(int(most_pairs))
    radius, bound = search.upper / space.scale, search.lower / space.scale
    if not np.isfinite(radius):
        raise InputError("features: distances leave the range of float64: multiply all features by one small number")
    chosen = items[space.farthest_first(search.picks)]
    return Proved(chosen, "radius", radius, bound, time.monotonic() - started, stopped)


def _spare(outliers: float, n_items: int) -> int:
    if is_whole(outliers) and outliers >= 0:
        return int(outliers)
    if is_number(outliers) and 0 <= outliers < 1:
        return int(outliers * n_items + 1e-9)
    raise InputError(f"outliers: {outliers!r}: expected a whole number of items from 0, or a share of them below 1")


class Space:
    """Some items of the pool and what is labelled, by their features times a power of two.

    Attributes:
        scale: the power of two; it brings all features to 1 at most.
    """

    def __init__(self, features: Array, labeled: Indices, items: Indices) -> None:
        rows = CentredRows(features, np.concatenate([items, labeled]))
        self.scale, self._size = rows.scale, len(items)
        self._x = rows.given(np.concatenate([items, labeled]))

    def __len__(self) -> int:
        return self._size

    def centres(self) -> FarthestFirst:
        """Returns the choice of centres among all items, with what is labelled as the first ones."""
        return FarthestFirst(self._x, np.arange(self._size, len(self._x)), np.arange(self._size))

    def farthest_first(self, picks: Indices) -> Indices:
        """Returns picks in such an order that each is the one farthest from those before it and what is labelled."""
        some = np.concatenate([np.sort(picks), np.arange(self._size, len(self._x))])
        search = FarthestFirst(self._x[some], np.arange(len(picks), len(some)), np.arange(len(picks)))
        search.add(len(picks))
        return np.asarray(some[search.picked])

    def pairs(self, radius: float, most: int, until: float) -> tuple[Indices, Indices, Reals] | str:
        """Returns positions i < j and distances of all pairs within the radius, or why not."""
        x, found, n_found = self._x[: self._size], [], 0
        tile = max(1, min(TILE, TILE_TERMS // max(1, x.size)))
        for start in range(0, len(x), tile):
            if time.monotonic() > until:
                return "the time limit"
            apart = _between(x[start : start + tile], x[start:])
            i, j = np.nonzero(np.triu(apart <= radius, k=1))
            found.append((i + start, j + start, apart[i, j]))
            n_found += len(i)
            if n_found > most:
                return f"more than {most} pairs of items (most_pairs)"
        i, j, apart = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return i, j, apart


class Search:
    """Bisection for the smallest radius: the best picks so far, and what is proved to be too small.

    Attributes:
        picks: positions of n items.
        upper, lower: their radius, and a radius that no picks can be below.
    """

    def __init__(self, space: Space, n: int, spare: int, until: float) -> None:
        self._size, self._n, self._spare, self._until = len(space), n, spare, until
        self._space, self._per_entry = space, PER_ENTRY_S
        search = space.centres()
        self._to_label = search.near()
        search.add(n)
        self.picks, self.upper = np.array(search.picked), self._radius(search.near())
        search.add(spare)
        self.lower = min(self.upper, float(search.near().max()) / 2 * SLACK)
        self._values = np.array([self.upper])

    def run(self, most_pairs: int) -> str:
        """Searches; returns why a gap is left, nothing if there is none."""
        if self.lower == self.upper:
            return ""
        pairs = self._space.pairs(self.upper * ROUNDED, most_pairs, self._until)
        if isinstance(pairs, str):
            return pairs
        self._apart = _symmetric(self._size, *pairs)
        self.upper = self._radius(self._near(self.picks))
        self.lower = min(self.lower, self.upper)
        values = np.unique(np.concatenate([[0.0, self.upper], self._apart.data, self._to_label]))
        self._values = values[(values >= self.lower) & (values <= self.upper)]
        self.lower = float(self._values[0])
        self._bisect(self._cover, unknown_is_low=True)
        everything, self._until = self._until, (time.monotonic() + self._until) / 2
        self._bisect(self._relaxed, unknown_is_low=False)
        self._until = everything
        self._bisect(self._exact, unknown_is_low=True)
        self._bisect(self._exact, unknown_is_low=False)
        return "" if self.lower == self.upper else "the time limit"

    def _bisect(self, probe: Callable[[float], bool | None], *, unknown_is_low: bool) -> None:
        """Asks of the middle of what is open whether picks have such a radius, until nothing or no time is left."""
        values = self._values
        low, high = (int(np.searchsorted(values, one)) for one in (self.lower, self.upper))
        while low < high and time.monotonic() < self._until:
            middle = (low + high) // 2
            answer = probe(float(values[middle]))
            if answer:
                high = int(np.searchsorted(values, self.upper))
            elif answer is None and not unknown_is_low:
                high = middle
            else:
                low = middle + 1
                self.lower = self.lower if answer is None else float(values[low])

    def _cover(self, radius: float) -> bool | None:
        """Tries to hold all items by picking n times the one that holds the most of what is left."""
        matrix = self._matrix(radius)
        columns, left = matrix.tocsc(), np.ones(matrix.shape[0], dtype=np.bool_)
        gains = np.asarray(matrix.sum(axis=0)).astype(np.int64)
        picked: list[int] = []
        while len(picked) < self._n and left.sum() > self._spare:
            if time.monotonic() > self._until:
                return None
            item = int(gains.argmax())
            rows = columns.indices[columns.indptr[item] : columns.indptr[item + 1]]
            new = rows[left[rows]]
            left[new] = False
            gains -= np.bincount(matrix[new].indices, minlength=len(gains))
            picked.append(item)
        return self._take(np.array(picked, dtype=np.int64)) if left.sum() <= self._spare else None

    def _relaxed(self, radius: float) -> bool | None:
        """Tells whether not even parts of items, n in sum, hold all items."""
        result = self._solved(radius, whole=False)
        return False if result is not None and result.status == 2 else None

    def _exact(self, radius: float) -> bool | None:
        result = self._solved(radius, whole=True)
        if result is not None and result.status == 2:
            return False
        if result is None or result.x is None:
            return None
        found = self._take(np.flatnonzero(result.x[: self._size] > 0.5)[: self._n])
        return True if found and self.upper <= radius else None

    def _solved(self, radius: float, *, whole: bool) -> Any:
        """Asks HiGHS for y and o; they may be fractions if not `whole`, and o is whole wherever y is.

        Returns None where HiGHS would not end in the time that is left, by what programs took beyond their limit.
        """
        from scipy.optimize import Bounds, LinearConstraint, milp  # late, for a quick `import askew`
        from scipy.sparse import csr_array, eye, hstack, vstack

        n_entries = int(np.count_nonzero(self._apart.data <= radius)) + self._size
        started = time.monotonic()
        beyond = self._per_entry * n_entries
        if started + beyond > self._until:
            return None
        matrix = self._matrix(radius)
        n_rows, n_items = matrix.shape
        spare = csr_array(eye(n_rows)) if self._spare else csr_array((n_rows, 0))
        n_spare = int(spare.shape[1])
        sums = np.zeros((2, n_items + n_spare))
        sums[0, :n_items], sums[1, n_items:] = 1, 1
        rows = csr_array(vstack([hstack([matrix, spare]), csr_array(sums)]))
        low = np.concatenate([np.ones(n_rows), [0, 0]])
        high = np.concatenate([np.full(n_rows, np.inf), [self._n, self._spare]])
        limit = max(SHARE * (self._until - started - beyond), 0.01)
        result = milp(
            np.zeros(n_items + n_spare),
            constraints=LinearConstraint(rows, low, high),
            integrality=np.concatenate([np.full(n_items, float(whole)), np.zeros(n_spare)]),
            bounds=Bounds(0, 1),
            options={"time_limit": limit},
        )
        self._per_entry = max(self._per_entry, (time.monotonic() - started - limit) / n_entries)
        return result

    def _matrix(self, radius: float) -> csr_array:
        """Returns ones where an item (column) is within the radius of one (row) that no label is within it of."""
        from scipy.sparse import csr_array  # late, for a quick `import askew`

        near = self._apart.data <= radius
        ends = np.concatenate([[0], np.cumsum(near)])[self._apart.indptr]
        ones = np.ones(int(ends[-1]))
        matrix = csr_array((ones, self._apart.indices[near], ends), shape=self._apart.shape)
        return csr_array(matrix[np.flatnonzero(self._to_label > radius)])

    def _near(self, picks: Indices) -> Reals:
        """Returns (U,) the distances to the nearest label or pick; infinity where all are beyond the first radius."""
        near = self._to_label.copy()
        rows = self._apart[picks]
        np.minimum.at(near, rows.indices, rows.data)
        return np.asarray(near)

    def _take(self, picks: Indices) -> bool:
        """Fills the picks up to n and keeps them if they are better; tells whether they are."""
        chosen, near = list(picks), self._near(picks)
        may = np.ones(self._size, dtype=np.bool_)
        may[picks] = False
        while len(chosen) < self._n:
            item = int(np.where(may, near, -np.inf).argmax())
            chosen.append(item)
            may[item] = False
            near = np.minimum(near, self._near(np.array([item])))
        radius = self._radius(near)
        if radius >= self.upper:
            return False
        self.picks, self.upper = np.array(chosen, dtype=np.int64), radius
        return True

    def _radius(self, near: Reals) -> float:
        """Returns the distance within which all but the spare items are."""
        return 0.0 if self._spare >= len(near) else float(np.partition(near, -1 - self._spare)[-1 - self._spare])


def _symmetric(size: int, i: Indices, j: Indices, apart: Reals) -> csr_array:
    """Returns distances of pairs i < j both ways, and of items from themselves, as a sparse (size, size) table."""
    from scipy.sparse import csr_array  # late, for a quick `import askew`

    own = np.arange(size)
    rows, columns = np.concatenate([i, j, own]), np.concatenate([j, i, own])
    return csr_array((np.concatenate([apart, apart, np.zeros(size)]), (rows, columns)), shape=(size, size))


def _between(a: Reals, b: Reals) -> Reals:
    """Returns (A, B) Euclidean distances between the rows of two (A, D), (B, D) arrays."""
    from scipy.spatial.distance import cdist  # late, for a quick `import askew`

    return np.asarray(cdist(a, b))
