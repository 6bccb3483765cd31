"""How much of the pool an item would cover that is not covered yet, under any kernel; never N² numbers at once.

ProbCover, MaxHerding and UHerding stand on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from askew.arrays import Floats, Indices, Mask
from askew.blocked import over_blocks
from askew.kernels.similarity import Kernel, Side
from askew.kernels.threads import one_blas_thread
from askew.kernels.twin import twin

ROWS, COLUMNS = 512, 256
"""A block of pairs: in float64 it is a megabyte and stays in a core's cache. ROWS is a multiple of COLUMNS."""

BATCH = 2048
"""How many items are brought up to date at a time."""

GROUPS = 8
"""The pairs of the first pass are added up in so many sums."""

GRID = 2.0**-40
"""Gains that agree within this part of the pool's whole weight count as equal: sums of N terms know no better."""


NEVER = -1
"""How many picks a gain knows that was never computed."""


class _Rise(NamedTuple):
    """Items whose coverage rose, by position among the unlabeled, and what it was before and is since."""

    where: Indices
    before: NDArray[np.float64]
    since: NDArray[np.float64]


class Coverage:
    """Gains Σ_j w_j max(0, k(x, j) − m_j), with m_j the largest k(j, ·) to what is labelled or picked.

    It is a `strategies.gains.Gains`. A pick raises m_j of few items j, the fewer the more are picked; by what k(x, j)
    exceeds the old m_j and no more than the new one, the gain of x falls. So a gain that was computed some picks ago is
    brought up to date by looking only at the items whose coverage rose since, and it is left alone for as long as other
    items gain more: it can only have fallen. The gains of items in focus are sums in float64, rounded to `GRID`, so
    that what is equal by the definition is equal. Of the other items, where the kernel has bounds in float32, only an
    upper bound of the gain is followed until they come into focus: sums of k moved by what rounding may do to it.

    Args:
        kernel: k.
        labeled: (L,) pool indices; they cover from the start.
        unlabeled: (U,) pool indices, the candidates and what is to be covered.
        weights: (U,) w ≥ 0 of the unlabeled items; 1 if None.
        prefer: (N,) which items are picked first among those of equal gain; the seed decides if None.

    Attributes:
        may_grow, start, upper, low, high, prefer: as in `Gains`.

    Cost: k of all pairs once, and of each item with the items whose coverage rose while it was among the best. Memory
    O(N + rises), and `BATCH` rows and some blocks of pairs a core.
    """

    may_grow = False

    def __init__(
        self,
        kernel: Kernel,
        labeled: Indices,
        unlabeled: Indices,
        *,
        weights: Floats | None = None,
        prefer: Floats | None = None,
    ) -> None:
        n_items = len(labeled) + len(unlabeled)
        self.prefer, self._kernel, self._items = prefer, kernel, unlabeled
        self._weights = np.ones(len(unlabeled)) if weights is None else np.asarray(weights, dtype=np.float64)
        total = float(self._weights.sum())
        self._grid = GRID * 2.0 ** np.ceil(np.log2(total)) if total > 0 else 1.0
        self._rises: list[_Rise] = []
        self._known = np.full(n_items, NEVER, dtype=np.int64)
        self._bound, self._bound_known = np.full(n_items, np.inf), np.full(n_items, NEVER, dtype=np.int64)
        self.start: Indices = np.empty(0, dtype=np.int64)
        self._gain: NDArray[np.float64] = np.full(n_items, -np.inf)
        self.upper: Floats = np.full(n_items, np.inf)
        self.upper[labeled] = -np.inf
        with one_blas_thread():
            self._covered = self._covered_by(labeled)
            self._first_pass()
        self.focus(self.start)

    def copy(self) -> Coverage:
        """Returns the same gains after the same picks, which go their own way; the kernel is shared."""
        return twin(self)

    def fresh(self, items: Indices) -> Mask:
        """Tells of which items the gain, or its bound, knows all picks."""
        return np.asarray(np.maximum(self._known, self._bound_known)[items] == len(self._rises))

    def refresh(self, items: Indices) -> None:
        """Brings gains up to date, by what rose since they were; or their bounds, where they were never computed."""
        self._follow(items[self._known[items] > NEVER])
        items = items[self._known[items] == NEVER]
        for some, rise in self._behind(items, self._bound_known):
            self._bound[some] -= self._fall(self._kernel.left(some, "lower"), rise) * (1 - self._rounding)
            self._bound_known[some] = len(self._rises)
            self.upper[some] = np.minimum(self.upper[some], self._bound[some] + self._grid)

    def _follow(self, items: Indices) -> None:
        """Brings gains that were computed some picks ago up to date."""
        for some, rise in self._behind(items, self._known):
            self._lower(self._kernel.left(some), rise)

    def _behind(self, items: Indices, known: Indices) -> Iterator[tuple[Indices, _Rise]]:
        """Yields items that do not know every pick, `BATCH` at a time, with what rose since they did."""
        stamp = known[items]
        for since in np.unique(stamp[stamp < len(self._rises)]).tolist():
            alike, rise = items[stamp == since], self._risen(since)
            for tile in _tiles(len(alike), BATCH):
                yield alike[tile], rise

    def focus(self, items: Indices) -> None:
        """Puts items in focus and brings them up to date."""
        strangers = items[self._known[items] == NEVER]
        everything = _Rise(np.arange(len(self._items)), self._covered, np.ones(len(self._items)))
        for tile in _tiles(len(strangers), BATCH):
            self._set(strangers[tile], self._fall(self._kernel.left(strangers[tile]), everything))
        self._follow(items)
        self._focus, self._rows = items, self._kernel.left(items[:BATCH])
        self.low = self.high = self.upper[items]

    def settle(self, positions: Indices) -> None:
        """Does nothing: gains in focus are exact."""

    def pick(self, position: int) -> None:
        """Takes the item into the covering set."""
        item = int(self._focus[position])
        near = self._kernel.may_exceed(item, self._items, self._covered)
        kernel = self._kernel.between(self._kernel.left(np.array([item])), self._kernel.right(self._items[near]))[0]
        more = kernel > self._covered[near]
        rise = _Rise(near[more], self._covered[near[more]], kernel[more])
        self._covered[rise.where] = rise.since
        self._rises.append(rise)
        self._gain[item] = -np.inf
        self._lower(self._rows, rise)
        self._follow(self._focus[BATCH:])
        self.upper[item] = -np.inf
        self.low = self.high = self.upper[self._focus]

    def _lower(self, left: Side, rise: _Rise) -> None:
        self._set(left.items, self._gain[left.items] - self._fall(left, rise))

    def _set(self, items: Indices, gains: NDArray[np.float64]) -> None:
        """Notes gains that know every pick; that of a picked item is −inf."""
        self._gain[items] = np.where(np.isneginf(gains), -np.inf, np.maximum(gains, 0))
        self.upper[items] = np.minimum(self.upper[items], np.rint(self._gain[items] / self._grid) * self._grid)
        self._known[items] = len(self._rises)

    def _risen(self, since: int) -> _Rise:
        """Returns all that rose since so many picks, each item once."""
        rises = self._rises[since:]
        if len(rises) == 1:
            return rises[0]
        where, first = np.unique(np.concatenate([r.where for r in rises]), return_index=True)
        return _Rise(where, np.concatenate([r.before for r in rises])[first], self._covered[where])

    def _fall(self, left: Side, rise: _Rise) -> NDArray[np.float64]:
        """Returns (K,) by how much gains fell: Σ_j w_j · clip(k − before, 0, since − before) over what rose.

        In float32 no more than that, where the left side gives lower bounds, but for the rounding of the sums.
        """
        weights, n_items, dtype = self._weights[rise.where], len(left.items), left.rows.dtype
        down = 1 - 2 * float(np.finfo(dtype).eps) if dtype == np.float32 else 1.0
        parts: dict[int, NDArray[np.float64]] = {}

        def work(tile: slice) -> None:
            right = self._kernel.right(self._items[rise.where[tile]], dtype)
            before, own = (rise.before[tile] / down).astype(dtype), (weights[tile] * down).astype(dtype)
            most, part = ((rise.since[tile] - rise.before[tile]) * down).astype(dtype), np.empty(n_items)
            for rows in _tiles(n_items, ROWS):
                kernel = self._kernel.between(_part(left, rows), right)
                kernel -= before
                np.maximum(kernel, 0, out=kernel)
                np.minimum(kernel, most, out=kernel)
                part[rows] = kernel @ own
            parts[tile.start] = part

        bytes_each = 64 * n_items
        over_blocks(work, len(rise.where), bytes_each, block_bytes=COLUMNS * bytes_each)
        return np.asarray(np.sum([parts[start] for start in sorted(parts)], axis=0) + np.zeros(n_items))

    def _covered_by(self, centres: Indices) -> NDArray[np.float64]:
        """Returns (U,) the largest k of every unlabeled item to one of the centres; 0 without a centre."""
        most = np.zeros(len(self._items))
        if not len(centres):
            return most

        def work(part: slice) -> None:
            right = self._kernel.right(self._items[part])
            for rows in _tiles(len(centres), ROWS):
                kernel = self._kernel.between(self._kernel.left(centres[rows]), right)
                most[part] = np.maximum(most[part], kernel.max(axis=0))

        row_bytes = 8 * self._kernel.n_dims
        over_blocks(work, len(self._items), row_bytes, block_bytes=ROWS * row_bytes)
        return most

    def _first_pass(self) -> None:
        """Notes the gains before the first pick, or their bounds where those are had at half the price."""
        self._rounding, up = 0.0, 1.0
        if self._kernel.bounded:
            eps = float(np.finfo(np.float32).eps)
            self._rounding, up = (ROWS + 16) * eps, 1 + 2 * eps
        dtype = np.float32 if self._kernel.bounded else np.float64
        covered, weights = (self._covered / up).astype(dtype), (self._weights * up).astype(dtype)
        sums = self._first_gains(covered, weights)
        if not self._kernel.bounded:
            self._set(self._items, sums)
            return
        self._bound[self._items] = sums * (1 + self._rounding)
        self._bound_known[self._items] = 0
        self.upper[self._items] = self._bound[self._items] + self._grid

    def _first_gains(self, covered: NDArray[Any], weights: NDArray[Any]) -> NDArray[np.float64]:
        """Returns (U,) the gains before the first pick, from each pair of unlabeled items once, for both of them.

        In float32 no less than that, but for the rounding of the sums.

        The rows of blocks are dealt to `GROUPS`, which are added up in their order, so that the number of cores decides
        nothing.
        """
        n_items, n_blocks = len(self._items), -(-len(self._items) // ROWS)
        sums = np.zeros((GROUPS, n_items))

        def work(part: slice) -> None:
            group = part.start // 16
            for row in range(n_blocks):
                if group in (row % (2 * GROUPS), 2 * GROUPS - 1 - row % (2 * GROUPS)):
                    self._add_pairs(sums[group], row * ROWS, covered, weights)

        row_bytes = 1 + n_items * n_items * self._kernel.n_dims // (16 * GROUPS)
        over_blocks(work, 16 * GROUPS, row_bytes, block_bytes=1)
        return np.asarray(sums.sum(axis=0))

    def _add_pairs(self, sums: NDArray[np.float64], start: int, covered: NDArray[Any], weights: NDArray[Any]) -> None:
        """Adds to the gains what the pairs bring of the items from `start`, a block of them, with those behind."""
        own = slice(start, min(start + ROWS, len(self._items)))
        left = self._kernel.left(self._items[own], "upper" if self._kernel.bounded else "exact")
        any_covered, room = bool(covered.any()), np.empty((len(left.items), COLUMNS), dtype=covered.dtype)
        for first in range(start, len(self._items), COLUMNS):
            across = slice(first, min(first + COLUMNS, len(self._items)))
            kernel = self._kernel.between(left, self._kernel.right(self._items[across], covered.dtype))
            over = kernel
            if any_covered:
                over = np.subtract(kernel, covered[across], out=room[:, : kernel.shape[1]])
                np.maximum(over, 0, out=over)
            sums[own] += over @ weights[across]
            if first >= own.stop:
                if any_covered:
                    np.subtract(kernel, covered[own, None], out=over)
                    np.maximum(over, 0, out=over)
                sums[across] += weights[own] @ over


def _part(side: Side, rows: slice) -> Side:
    return Side(side.items[rows], side.rows[rows])


def _tiles(n_rows: int, size: int) -> list[slice]:
    return [slice(start, min(start + size, n_rows)) for start in range(0, n_rows, size)]
