"""k-center: ask about the item that is farthest from everything labelled or picked so far."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from askew.arrays import Array, Floats, Indices, Mask, is_numpy, largest, namespace, to_numpy
from askew.pool import Pool
from askew.predictions import Predictions
from askew.strategies.registry import Gains, strategy

TILE = 512
"""Rows of features that the first pass over the pool takes at a time."""

STEP = 256
"""Centres that every item is held against at first; twice as many each time while it can still win."""

MANY = 4
"""From so many times STEP labelled items on, an item first looks for a near one in groups of them."""

HELPED = 0.5
"""Which part of the items has to find a nearer one there for the others to look too."""

LLOYD_ROUNDS, LLOYD_ITEMS = 2, 16
"""The rounds of Lloyd's method that make the groups, and of how many labelled items a group."""

BATCH = 32
"""Items whose distances to everything in focus are computed together, the likely next picks."""


@strategy(
    "kcenter", kind="greedy", needs=("features",), paper="Sener and Savarese 2018, arXiv 1708.00489; Gonzalez 1985"
)
def kcenter(pred: Predictions, pool: Pool) -> Gains:
    """Gains the Euclidean distance in feature space to the nearest labelled or already picked item.

    With no label yet the first pick is the item nearest the mean of all features. Distances are unsquared, which only
    matters with a balance. The picks are those of float64 arithmetic on the features as given: matrix products in
    their own dtype only rule items out, within a proved bound of their rounding, and what is left is compared in
    float64 from differences, so neither a large mean nor duplicates cost accuracy. Features stay where they live (a
    GPU included).

    Cost: far below the N·(L + n)·D of computing every distance, with L labelled items: an item meets further centres
    only while it could still win, and those of its neighbourhood first. Memory O(N) beside the features, and the rows
    of the centres and of some thousand items.

    Raises:
        InputError: the features of a labelled item are not finite.
    """
    features = pred.require("features", pool.labeled, "kcenter")
    return KCenterGains(features, pool.labeled, pool.unlabeled)


class _Cells(NamedTuple):
    """Groups of labelled items: the mean of each (M, D), and of each some members and their features."""

    pivots: Array
    members: list[tuple[Indices, Array]]


class KCenterGains:
    """Bounds of every item's squared distance to its nearest centre, tightened on demand; see `Gains`.

    For a row a and a centre b the product gives t = |a|² + |b|² − 2ab with |t − |a−b|²| ≤ κ(|a|² + |b|²), so that
    t − κ(…) and t + κ(…) enclose the squared distance. Of each item are kept the smallest lower bound (`_low2`), its
    centre (`_near`) and upper bound (`_high2`), and the second smallest lower bound (`_second2`): where that is above
    the upper bound, the nearest centre is certain and one float64 difference gives the distance.
    """

    def __init__(self, features: Array, labeled: Indices, unlabeled: Indices) -> None:
        n_items, n_dims = features.shape
        self._x, self._xp = features, namespace(features)
        self._kappa = _kappa(features, n_dims)
        self._seen = np.zeros(n_items, dtype=np.int64)
        self._near = np.zeros(n_items, dtype=np.int64)
        self._exact2, self._exact_seen = np.full(n_items, np.inf), np.zeros(n_items, dtype=np.int64)
        self._low2, self._high2, self._second2 = (np.full(n_items, np.inf) for _ in range(3))
        self._unlabeled = unlabeled
        mean = self._mean()
        self._offset = self._xp.asarray(mean, dtype=features.dtype, **_device(features))
        self._norms2 = np.empty(n_items)
        for rows in _tiles(n_items, TILE):
            self._norms2[rows] = to_numpy(_norms2(self._xp, self._x[rows] - self._offset))
        self._centres = np.empty(n_items, dtype=np.int64)
        self._centres[: len(labeled)] = _in_good_order(labeled, self._norms2)
        self._n_centres = self._n_labeled = len(labeled)
        self._looked = np.zeros(n_items, dtype=np.bool_)
        self._neighbourhoods = len(labeled) >= MANY * STEP
        self._centre_rows = self._take(self._centres[: len(labeled)] if len(labeled) else unlabeled[:1])
        self.start: Indices = np.empty(0, dtype=np.int64)
        self.upper: Floats = np.full(n_items, np.inf)
        self._set_focus(np.empty(0, dtype=np.int64))
        if self._n_centres:
            self._first_pass()
        else:
            far = self._distances2_to(mean)
            self.start = np.flatnonzero(far == far.min())

    def fresh(self, items: Indices) -> Mask:
        """Tells which items have been held against every centre."""
        return np.asarray(self._seen[items] == self._n_centres)

    def refresh(self, items: Indices) -> None:
        """Lowers the bounds of items that are not fresh: first by centres that are likely near, then by all in turn.

        At each call an item meets twice as many centres as it has seen.
        """
        if self._neighbourhoods and len(strangers := items[~self._looked[items]]):
            self._look_nearby(strangers)
            items = np.setdiff1d(items, strangers, assume_unique=True)
        seen = self._seen[items]
        for first in np.unique(seen[seen < self._n_centres]).tolist():
            self._meet(items[seen == first], first, min(max(2 * first, STEP), self._n_centres))

    def focus(self, items: Indices) -> None:
        """Puts items in focus: brings them up to date and keeps their rows at hand."""
        self._leave_focus()
        while not (fresh := self.fresh(items)).all():
            self.refresh(items[~fresh])
        self._set_focus(items)

    def _set_focus(self, items: Indices) -> None:
        self._items, self._rows = items, self._take(items)
        self._lower2: dict[int, Floats] = {}
        self._focus_low2, self._focus_high2 = self._low2[items], self._high2[items]
        self._focus_second2, self._focus_near = self._second2[items], self._near[items]
        known = self._n_centres > 0
        self.low = np.sqrt(np.maximum(self._focus_low2, 0)) if known else np.zeros(len(items))
        self.high = np.sqrt(np.maximum(self._focus_high2, 0)) if known else np.zeros(len(items))

    def _leave_focus(self) -> None:
        items = self._items
        self._low2[items], self._high2[items] = self._focus_low2, self._focus_high2
        self._second2[items], self._near[items] = self._focus_second2, self._focus_near
        self.upper[items] = np.sqrt(np.maximum(self._focus_high2, 0))
        self._seen[items] = self._n_centres

    def settle(self, positions: Indices) -> None:
        """Replaces bounds by the distance in float64 at these positions of the focus."""
        positions = positions[self.low[positions] < self.high[positions]]
        if not len(positions):
            return
        items = self._items[positions]
        exact2 = self._pair_distances2(items, self._focus_near[positions])
        unsure = (self._focus_second2[positions] <= self._focus_high2[positions]) & (exact2 > 0)
        if unsure.any():
            exact2[unsure] = self._exact_minimum2(items[unsure], exact2[unsure])
        self._exact2[items], self._exact_seen[items] = exact2, self._n_centres
        self._focus_low2[positions] = self._focus_high2[positions] = exact2
        self._focus_second2[positions] = np.maximum(self._focus_second2[positions], exact2)
        self.low[positions] = self.high[positions] = np.sqrt(exact2)

    def pick(self, position: int) -> None:
        """Makes the item a centre: the items in focus meet it at once, the others when they are refreshed."""
        item = int(self._items[position])
        self._append_centre(item, self._rows[position])
        if self._n_centres == 1:
            self._first_pass()
            self._set_focus(self._items)
        else:
            self._meet_in_focus(position, item)
        self.low[position] = self.high[position] = -np.inf

    def _append_centre(self, item: int, row: Array) -> None:
        if self._n_centres == len(self._centre_rows):
            self._centre_rows = self._xp.concat([self._centre_rows, self._centre_rows[: 4 * STEP]], axis=0)
        self._centre_rows[self._n_centres] = row
        self._centres[self._n_centres] = item
        self._n_centres += 1

    def _meet_in_focus(self, position: int, item: int) -> None:
        if position not in self._lower2:
            self._measure_from(position)
        lower2 = self._lower2[position]
        hit = np.flatnonzero(lower2 < self._focus_second2)
        low2, old = lower2[hit], self._focus_low2[hit]
        self._focus_second2[hit] = np.maximum(low2, old)
        closer = hit[low2 < old]
        if not len(closer):
            return
        low2 = lower2[closer]
        margin = 2 * self._kappa * (self._norms2[self._items[closer]] + self._norms2[item])
        self._focus_near[closer] = item
        self._focus_low2[closer] = low2
        self._focus_high2[closer] = np.minimum(self._focus_high2[closer], low2 + margin)
        alive = closer[self.high[closer] > -np.inf]
        self.low[alive] = np.sqrt(np.maximum(self._focus_low2[alive], 0))
        self.high[alive] = np.sqrt(np.maximum(self._focus_high2[alive], 0))

    def _measure_from(self, position: int) -> None:
        """Computes lower bounds of the squared distances in focus from an item and from `BATCH` likely next picks."""
        wanted = np.array([p for p in {position, *largest(self.high, BATCH).tolist()} if p not in self._lower2])
        products = to_numpy(self._xp.matmul(self._xp.take(self._rows, self._index(wanted), axis=0), self._rows.T))
        norms2 = self._norms2[self._items]
        lower2 = (1 - self._kappa) * (norms2[wanted][:, None] + norms2[None, :]) - 2.0 * products
        self._lower2.update(zip(wanted.tolist(), lower2, strict=True))

    def _first_pass(self) -> None:
        for rows in _tiles(len(self._unlabeled), TILE):
            self._meet(self._unlabeled[rows], 0, min(STEP, self._n_centres))

    def _look_nearby(self, items: Indices) -> None:
        """Lowers the upper bounds of items by some labelled items of the cell nearest to each.

        Where features form groups the nearest centre is nearly always there, and most items need no other to know that
        they are not the farthest. Where that helps few, no further item looks.
        """
        self._looked[items] = True
        before = self._high2[items]
        cell_of = self._nearest_cell(items, self._cells.pivots)
        for cell, (centres, rows) in enumerate(self._cells.members):
            self._narrow(items[cell_of == cell], centres, rows)
        self._neighbourhoods = bool(np.count_nonzero(self._high2[items] < before) > HELPED * len(items))

    @cached_property
    def _cells(self) -> _Cells:
        """Groups of the labelled items, by some rounds of Lloyd's method; of each the first few, and their features."""
        labeled, rows = self._centres[: self._n_labeled], self._centre_rows[: self._n_labeled]
        n_cells = math.isqrt(len(labeled))
        some = np.random.default_rng(0).permutation(len(labeled))[: LLOYD_ITEMS * n_cells]
        sample = self._xp.take(rows, self._index(some), axis=0)
        pivots = sample[:n_cells]
        for _ in range(LLOYD_ROUNDS):
            cell_of = self._nearest_cell(labeled[some], pivots)
            share = np.zeros((n_cells, len(some)))
            share[cell_of, np.arange(len(some))] = 1 / np.bincount(cell_of, minlength=n_cells)[cell_of]
            pivots = self._xp.matmul(self._xp.asarray(share, dtype=rows.dtype, **_device(rows)), sample)
        cell_of = self._nearest_cell(labeled, pivots)
        used = np.unique(cell_of)
        members = []
        for cell in used:
            inside = np.flatnonzero(cell_of == cell)[: 2 * STEP]
            members.append((labeled[inside], self._xp.take(rows, self._index(inside), axis=0)))
        return _Cells(self._xp.take(pivots, self._index(used), axis=0), members)

    def _nearest_cell(self, items: Indices, pivots: Array) -> Indices:
        """Returns (K,) the number of the pivot nearest to each item, up to rounding."""
        half = _norms2(self._xp, pivots) / 2
        out = np.empty(len(items), dtype=np.int64)
        for tile in _tiles(len(items), TILE):
            products = self._xp.matmul(self._take(items[tile]), pivots.T)
            out[tile] = to_numpy(self._xp.argmin(half - products, axis=1))
        return out

    def _narrow(self, items: Indices, centres: Indices, rows: Array) -> None:
        """Lowers the upper bounds of items by these centres, which still count as not seen."""
        for tile in _tiles(len(items), TILE):
            some = items[tile]
            scores = self._scores(some, centres, rows)
            best = to_numpy(self._xp.argmax(scores, axis=1))
            top = to_numpy(self._xp.max(scores, axis=1)).astype(np.float64)
            self._lower_upper_bounds(some, (1 - self._kappa) * self._norms2[some] - 2 * top, centres[best])

    def _meet(self, items: Indices, first: int, last: int) -> None:
        """Holds items that have seen `first` centres against those up to `last`."""
        xp, centres = self._xp, self._centres[first:last]
        scores = self._scores(items, centres, self._centre_rows[first:last])
        best = xp.argmax(scores, axis=1)
        is_best = best[:, None] == xp.arange(last - first, **_device(self._x))[None, :]
        top = to_numpy(xp.max(scores, axis=1)).astype(np.float64)
        runner_up = to_numpy(xp.max(xp.where(is_best, -xp.inf, scores), axis=1)).astype(np.float64)
        norms2 = (1 - self._kappa) * self._norms2[items]
        self._merge(items, norms2 - 2 * top, centres[to_numpy(best)], norms2 - 2 * runner_up)
        self._seen[items] = last

    def _merge(self, items: Indices, low2: Floats, near: Indices, second2: Floats) -> None:
        old = self._low2[items]
        closer = low2 < old
        self._second2[items] = np.minimum(np.minimum(self._second2[items], second2), np.maximum(old, low2))
        self._low2[items] = np.minimum(old, low2)
        self._near[items] = np.where(closer, near, self._near[items])
        self._lower_upper_bounds(items, low2, near)

    def _scores(self, items: Indices, centres: Indices, rows: Array) -> Array:
        """Returns (K, M) numbers that rise as the lower bound of the squared distance between item and centre falls."""
        half = self._xp.asarray((1 - self._kappa) / 2 * self._norms2[centres], dtype=self._x.dtype, **_device(self._x))
        scores = self._xp.matmul(self._take(items), rows.T)
        scores -= half[None, :]
        return scores

    def _lower_upper_bounds(self, items: Indices, low2: Floats, near: Indices) -> None:
        high2 = low2 + 2 * self._kappa * (self._norms2[items] + self._norms2[near])
        self._high2[items] = np.minimum(self._high2[items], high2)
        self.upper[items] = np.sqrt(np.maximum(self._high2[items], 0))

    def _exact_minimum2(self, items: Indices, at_most: Floats) -> Floats:
        """Returns the squared distances to the nearest centre, from every centre that could be it.

        Centres that an item was held against in float64 before are not looked at again.
        """
        out: Floats = np.minimum(at_most, self._exact2[items])
        rows_of_items, first = self._take(items), self._exact_seen[items]
        for block in _tiles(self._n_centres, 4 * STEP):
            if block.stop <= first.min():
                continue
            centres = self._centres[block]
            products = to_numpy(self._xp.matmul(rows_of_items, self._centre_rows[block].T))
            norms2 = self._norms2[items][:, None] + self._norms2[centres][None, :]
            near = (1 - self._kappa) * norms2 - 2.0 * products < out[:, None]
            rows, columns = np.nonzero(near & (np.arange(block.start, block.stop) >= first[:, None]))
            for pairs in _tiles(len(rows), 4 * TILE):
                pair_rows = rows[pairs]
                np.minimum.at(out, pair_rows, self._pair_distances2(items[pair_rows], centres[columns[pairs]]))
        return out

    def _pair_distances2(self, items: Indices, centres: Indices) -> Floats:
        out = np.empty(len(items))
        for pairs in _tiles(len(items), TILE):
            a, b = (to_numpy(self._xp.take(self._x, self._index(i[pairs]), axis=0)) for i in (items, centres))
            out[pairs] = np.square(a.astype(np.float64) - b).sum(axis=1)
        return out

    def _distances2_to(self, point: NDArray[np.float64]) -> Floats:
        out = np.empty(self._x.shape[0])
        for rows in _tiles(len(out), TILE):
            out[rows] = np.square(to_numpy(self._x[rows]) - point).sum(axis=1)
        return out

    def _mean(self) -> NDArray[np.float64]:
        total = np.zeros(self._x.shape[1])
        for rows in _tiles(self._x.shape[0], TILE):
            total += to_numpy(self._xp.sum(self._x[rows], axis=0, dtype=self._xp.float64))
        return np.asarray(total / self._x.shape[0])

    def _take(self, items: Indices) -> Array:
        """Returns the features of items less their mean over the pool."""
        return self._xp.take(self._x, self._index(items), axis=0) - self._offset

    def _index(self, items: Indices) -> Array:
        return items if is_numpy(self._x) else self._xp.asarray(items, **_device(self._x))


def _in_good_order(labeled: Indices, norms2: Floats) -> Indices:
    """Returns the labelled items so that the first ones are near to many others: every second is nearest the mean.

    Where features have many dimensions the items near the mean are the nearest of most; where they form groups they
    are not, hence the others in between, at random. Only the speed depends on it.
    """
    central = labeled[np.argsort(norms2[labeled], kind="stable")]
    mixed = np.empty(2 * len(labeled), dtype=np.int64)
    mixed[::2], mixed[1::2] = central, np.random.default_rng(0).permutation(labeled)
    first = np.unique(mixed, return_index=True)[1]
    return mixed[np.sort(first)]


def _norms2(xp: Any, rows: Array) -> Array:
    return xp.sum(rows * rows, axis=1)


def _tiles(n_rows: int, size: int) -> list[slice]:
    return [slice(start, min(start + size, n_rows)) for start in range(0, n_rows, size)]


def _device(array: Array) -> dict[str, Any]:
    return {} if is_numpy(array) else {"device": array.device}


def _kappa(features: Array, n_dims: int) -> float:
    """Returns κ, the relative rounding error of |a|² + |b|² − 2ab, for any order of summation (Higham 2002, eq. 3.5).

    A GPU may round the factors of a product first (TF32): whether it does is tried, not assumed.
    """
    xp = namespace(features)
    unit = float(xp.finfo(features.dtype).eps) / 2
    factor = unit
    if not is_numpy(features):
        for bits in (0, 11, 8):
            probe = xp.zeros((TILE, n_dims), dtype=features.dtype, **_device(features))
            probe[:, 0] = 1 + (16 * unit if bits == 0 else 2.0 ** (2 - bits))
            ones = xp.ones((n_dims, STEP), dtype=features.dtype, **_device(features))
            if bool(xp.all(xp.matmul(probe, ones) == probe[0, 0])):
                factor = unit if bits == 0 else 2.0**-bits
                break
        else:
            factor = 2.0**-7
    return (n_dims + 16) * unit + (4 * factor if factor > unit else 0)
