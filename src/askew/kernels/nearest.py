"""How far every item is from its nearest centre, where centres are added one by one: bounds, exact where it matters.

Whatever looks for items far from, or near to, what is labelled and picked stands on it: k-center, coverage of the pool.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from askew.arrays import Array, Floats, Indices, Mask, is_numpy, largest, namespace, to_numpy
from askew.blocked import over_blocks
from askew.errors import InputError
from askew.kernels.threads import one_blas_thread
from askew.kernels.twin import twin

TILE = 512
"""Rows of features that the first pass over the pool takes at a time."""

STEP = 256
"""Centres that every item is held against at first; twice as many each time while it can still win."""

MANY = 4
"""With MANY * STEP labelled items or more, they are grouped, and an item first looks for a near one in its group."""

HELPED = 0.5
"""The other items look in their groups too if at least this part of the first ones found a nearer item there."""

LLOYD_ROUNDS, LLOYD_ITEMS = 2, 16
"""Groups are made by so many rounds of Lloyd's method, from so many labelled items a group."""

BATCH = 32
"""How many of the likely next picks are held against everything in focus together."""

MOST = 2.0**900
"""Features beyond this, or all below its inverse, are refused: their distances could leave float64."""

SPAN = 1e150
"""Where features are scaled, numbers beyond this ratio are refused: squares of the small ones would be lost."""

EPS = float(np.finfo(np.float64).eps)


class _Cells(NamedTuple):
    """Groups of labelled items: the mean of each (M, D), and of each some members and their features."""

    pivots: Array
    members: list[tuple[Indices, Array]]


class NearestCentre:
    """Bounds of every item's distance to its nearest centre, tightened on demand; it is a `strategies.gains.Gains`.

    For a row a and a centre b the product gives t = |a|² + |b|² − 2ab with |t − |a−b|²| ≤ κ(|a|² + |b|²) + η, where κ
    is the relative rounding of the dtype and η what products too small for it can lose. So t − κ(…) − η and
    t + κ(…) + η enclose the squared distance. Of each item are kept the smallest lower bound (`_low2`), its centre
    (`_near`) and upper bound (`_high2`), and the second smallest lower bound (`_second2`): where that is above the
    upper bound, the nearest centre is certain and one float64 difference gives the distance.

    Where squares would leave the range of the features' dtype, rows are taken in float64, times a power of two.
    Differences below 1e-150 of the largest then count as none, and numbers that small are refused.

    Args:
        features: (N, D) finite floats, of any library.
        labeled: (L,) pool indices, the first centres. Without one, `start` holds the items nearest the mean, as far as
            float64 tells, and the first centre must be one of them.
        unlabeled: pool indices of the items whose distance is asked for.

    Attributes:
        may_grow, start, upper, low, high: as in `Gains`; the gain is the distance.

    Raises:
        InputError: features so large, or all so small, or so far apart in size, that distances leave float64.
    """

    may_grow = False

    def __init__(self, features: Array, labeled: Indices, unlabeled: Indices) -> None:
        n_items = int(features.shape[0])
        self._x, self._xp, self._unlabeled = features, namespace(features), unlabeled
        self._host = is_numpy(features)
        self._seen = np.zeros(n_items, dtype=np.int64)
        self._near = np.zeros(n_items, dtype=np.int64)
        self._exact2, self._exact_seen = np.full(n_items, np.inf), np.zeros(n_items, dtype=np.int64)
        self._low2, self._high2, self._second2 = (np.full(n_items, np.inf) for _ in range(3))
        mean, norms2 = self._in_range()
        self._centres = np.empty(n_items, dtype=np.int64)
        self._centres[: len(labeled)] = _in_good_order(labeled, norms2)
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
            self.start = self._nearest_to(mean, norms2)

    def _in_range(self) -> tuple[NDArray[np.float64], Floats]:
        """Chooses dtype and scale so that squares fit: the pool's own and 1 if they do.

        Returns the mean (D,), and the squared norms (N,) of the rows less it.
        """
        xp, own = self._xp, self._x.dtype
        self._dtype, self._scale = own, 1.0
        mean, norms2 = self._centred()
        info = xp.finfo(own)
        if not math.sqrt(float(info.smallest_normal)) <= norms2.max() <= float(info.max) ** 0.75:
            self._dtype, self._scale = xp.float64, self._power_of_two()
            mean, norms2 = self._centred()
        kappa = _kappa(self._x, self._dtype)
        lost = 8 * (len(mean) + 16) * float(xp.finfo(self._dtype).smallest_normal)
        self._low_part2, self._slack2 = (1 - kappa) * norms2 - lost / 2, kappa * norms2 + lost / 2
        return mean, norms2

    def _centred(self) -> tuple[NDArray[np.float64], Floats]:
        n_items, n_dims = self._x.shape
        mean, norms2 = np.zeros(n_dims), np.empty(n_items)
        with np.errstate(over="ignore", invalid="ignore"):
            for rows in _tiles(n_items, TILE):
                mean += to_numpy(self._xp.sum(self._scaled(self._x[rows]), axis=0, dtype=self._xp.float64))
            mean /= n_items
            self._offset = self._xp.asarray(mean, dtype=self._dtype, **_device(self._x))
            for rows in _tiles(n_items, TILE):
                norms2[rows] = to_numpy(_norms2(self._xp, self._scaled(self._x[rows]) - self._offset))
        return mean, norms2

    def _power_of_two(self) -> float:
        """Returns 2^−k with 2^k the first power of two above every number: multiplying by it rounds nothing."""
        sizes = [_extremes(self._xp, self._x[rows]) for rows in _tiles(self._x.shape[0], TILE)]
        smallest, largest = min(low for low, _ in sizes), max(high for _, high in sizes)
        if largest > MOST or 0 < largest < 1 / MOST:
            raise InputError(
                f"features: the largest is {largest:.3g}, and distances leave the range of float64: multiply all of "
                "them by one number that brings it near 1"
            )
        if smallest < largest / SPAN:
            raise InputError(
                f"features: the largest is {largest:.3g}, the smallest that is not 0 is {smallest:.3g}; beside the "
                "one, float64 cannot measure distances between the others: leave such items out, or take logarithms"
            )
        return 2.0 ** -math.frexp(largest)[1]

    def _nearest_to(self, mean: NDArray[np.float64], norms2: Floats) -> Indices:
        """Returns the items nearest the mean, among them all that the rounding of the mean could have put behind."""
        n_items = len(norms2)
        rest, far2 = np.zeros(len(mean)), np.empty(n_items)
        for rows in _tiles(n_items, TILE):
            rest += (to_numpy(self._scaled(self._x[rows])) - mean).sum(axis=0)
        rest /= n_items  # what the mean's own rounding left out
        for rows in _tiles(n_items, TILE):
            far2[rows] = np.square(to_numpy(self._scaled(self._x[rows])) - mean - rest).sum(axis=1)
        n_terms = min(TILE, n_items) + n_items / TILE + 8
        moved, least = n_terms * EPS * math.sqrt(float(norms2.mean())), float(far2.min())
        rounding = 2 * moved * math.sqrt(least) + moved**2 + (len(mean) + 8) * EPS * least
        return np.flatnonzero(far2 <= least + 2 * rounding)

    def copy(self) -> NearestCentre:
        """Returns the same distances to the same centres, which go their own way; features are shared.

        Rows of centres are shared as long as they are full: then the next centre is written into a longer array.
        """
        other = twin(self)
        if self._n_centres < len(self._centre_rows):
            other._centre_rows = self._xp.asarray(self._centre_rows, copy=True)
        return other

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
            self._meet_in_tiles(items[seen == first], first, min(max(2 * first, STEP), self._n_centres))

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
        self.low = self._root(self._focus_low2) if known else np.zeros(len(items))
        self.high = self._root(self._focus_high2) if known else np.zeros(len(items))

    def _leave_focus(self) -> None:
        items = self._items
        self._low2[items], self._high2[items] = self._focus_low2, self._focus_high2
        self._second2[items], self._near[items] = self._focus_second2, self._focus_near
        self.upper[items] = self._root(self._focus_high2)
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
        self.low[positions] = self.high[positions] = self._root(exact2)

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
        margin = 2 * (self._slack2[self._items[closer]] + self._slack2[item])
        self._focus_near[closer] = item
        self._focus_low2[closer] = low2
        self._focus_high2[closer] = np.minimum(self._focus_high2[closer], low2 + margin)
        alive = closer[self.high[closer] > -np.inf]
        self.low[alive] = self._root(self._focus_low2[alive])
        self.high[alive] = self._root(self._focus_high2[alive])

    def _measure_from(self, position: int) -> None:
        """Computes lower bounds of the squared distances in focus from an item and from `BATCH` likely next picks."""
        wanted = np.array([p for p in {position, *largest(self.high, BATCH).tolist()} if p not in self._lower2])
        products = to_numpy(self._xp.matmul(self._xp.take(self._rows, self._index(wanted), axis=0), self._rows.T))
        part2 = self._low_part2[self._items]
        lower2 = part2[wanted][:, None] + part2[None, :] - 2.0 * products
        self._lower2.update(zip(wanted.tolist(), lower2, strict=True))

    def _first_pass(self) -> None:
        self._meet_in_tiles(self._unlabeled, 0, min(STEP, self._n_centres))

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
            self._lower_upper_bounds(some, self._low_part2[some] - 2 * top, centres[best])

    def _meet_in_tiles(self, items: Indices, first: int, last: int) -> None:
        """Does what `_meet` does, for any number of items, on all cores."""

        def work(rows: slice) -> None:
            self._meet(items[rows], first, last)

        row_bytes = 8 * int(self._x.shape[1])
        with one_blas_thread():
            over_blocks(work, len(items), row_bytes, block_bytes=TILE * row_bytes, cores=None if self._host else 1)

    def _meet(self, items: Indices, first: int, last: int) -> None:
        """Holds items that have seen `first` centres against those up to `last`."""
        xp, centres = self._xp, self._centres[first:last]
        scores = self._scores(items, centres, self._centre_rows[first:last])
        best = xp.argmax(scores, axis=1)
        is_best = best[:, None] == xp.arange(last - first, **_device(self._x))[None, :]
        top = to_numpy(xp.max(scores, axis=1)).astype(np.float64)
        runner_up = to_numpy(xp.max(xp.where(is_best, -xp.inf, scores), axis=1)).astype(np.float64)
        part2 = self._low_part2[items]
        self._merge(items, part2 - 2 * top, centres[to_numpy(best)], part2 - 2 * runner_up)
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
        half = self._xp.asarray(self._low_part2[centres] / 2, dtype=self._dtype, **_device(self._x))
        scores = self._xp.matmul(self._take(items), rows.T)
        scores -= half[None, :]
        return scores

    def _lower_upper_bounds(self, items: Indices, low2: Floats, near: Indices) -> None:
        high2 = low2 + 2 * (self._slack2[items] + self._slack2[near])
        self._high2[items] = np.minimum(self._high2[items], high2)
        self.upper[items] = self._root(self._high2[items])

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
            part2 = self._low_part2[items][:, None] + self._low_part2[centres][None, :]
            near = part2 - 2.0 * products < out[:, None]
            rows, columns = np.nonzero(near & (np.arange(block.start, block.stop) >= first[:, None]))
            for pairs in _tiles(len(rows), 4 * TILE):
                pair_rows = rows[pairs]
                np.minimum.at(out, pair_rows, self._pair_distances2(items[pair_rows], centres[columns[pairs]]))
        return out

    def _pair_distances2(self, items: Indices, centres: Indices) -> Floats:
        out = np.empty(len(items))
        for pairs in _tiles(len(items), TILE):
            a, b = (to_numpy(self._xp.take(self._x, self._index(i[pairs]), axis=0)) for i in (items, centres))
            apart = a.astype(np.float64) - b
            if self._scale != 1:
                apart *= self._scale
            out[pairs] = np.square(apart).sum(axis=1)
        return out

    def _root(self, squares: Floats) -> Floats:
        """Returns the distances that these squares stand for, in the features' own unit."""
        distances = np.sqrt(np.maximum(squares, 0))
        return distances if self._scale == 1 else np.asarray(distances / self._scale)

    def _take(self, items: Indices) -> Array:
        """Returns the scaled features of items less their mean over the pool."""
        return self._scaled(self._xp.take(self._x, self._index(items), axis=0)) - self._offset

    def _scaled(self, rows: Array) -> Array:
        if rows.dtype != self._dtype:
            rows = self._xp.astype(rows, self._dtype)
        return rows if self._scale == 1 else rows * self._scale

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


def _extremes(xp: Any, rows: Array) -> tuple[float, float]:
    """Returns the sizes of the smallest number that is not 0, or infinity, and of the largest."""
    sizes = xp.abs(rows)
    return float(xp.min(xp.where(sizes > 0, sizes, xp.full_like(sizes, math.inf)))), float(xp.max(sizes))


def _norms2(xp: Any, rows: Array) -> Array:
    return xp.sum(rows * rows, axis=1)


def _tiles(n_rows: int, size: int) -> list[slice]:
    return [slice(start, min(start + size, n_rows)) for start in range(0, n_rows, size)]


def _device(array: Array) -> dict[str, Any]:
    return {} if is_numpy(array) else {"device": array.device}


def _kappa(features: Array, dtype: Any) -> float:
    """Returns κ, the relative rounding error of |a|² + |b|² − 2ab, for any order of summation (Higham 2002, eq. 3.5).

    A GPU may round the factors of a product first (TF32): whether it does is tried, not assumed.
    """
    xp, n_dims = namespace(features), int(features.shape[1])
    unit = float(xp.finfo(dtype).eps) / 2
    factor = unit
    if not is_numpy(features):
        for bits in (0, 11, 8):
            probe = xp.zeros((TILE, n_dims), dtype=dtype, **_device(features))
            probe[:, 0] = 1 + (16 * unit if bits == 0 else 2.0 ** (2 - bits))
            ones = xp.ones((n_dims, STEP), dtype=dtype, **_device(features))
            if bool(xp.all(xp.matmul(probe, ones) == probe[0, 0])):
                factor = unit if bits == 0 else 2.0**-bits
                break
        else:
            factor = 2.0**-7
    return (n_dims + 16) * unit + (4 * factor if factor > unit else 0)
