"""Balls of one radius around items: what a picked item covers in ProbCover."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from askew.arrays import Floats, Indices
from askew.kernels.rows import CentredRows
from askew.kernels.similarity import Bound, Side, products

TILE = 512
"""Rows, and pairs, that are measured at a time."""

EPS = float(np.finfo(np.float64).eps)


class Ball:
    """k(x, y) = 1 where |x − y| ≤ radius, else 0, of features as given, in float64: a `kernels.similarity.Kernel`.

    Pairs so near to the radius that rounding could decide are measured by their differences.
    """

    bounded = False

    def __init__(self, rows: CentredRows, radius: float) -> None:
        self._rows, self._radius, self.n_dims = rows, radius * rows.scale, rows.n_dims
        self._norms2, self._lengths = np.empty(len(rows.features)), np.empty(len(rows.features))
        for start in range(0, len(rows.features), TILE):
            tile = np.arange(start, min(start + TILE, len(rows.features)))
            self._norms2[tile] = np.square(rows.take(tile)).sum(axis=1)
            self._lengths[tile] = np.sqrt(np.square(rows.given(tile)).sum(axis=1))

    def left(self, items: Indices, bound: Bound = "exact") -> Side:  # noqa: ARG002
        """Returns the rows (−2x, |x|², 1), x less the mean of the pool."""
        rows = self._rows.take(items, 2)
        rows[:, -2], rows[:, -1] = np.einsum("ij,ij->i", rows[:, :-2], rows[:, :-2]), 1
        rows[:, :-2] *= -2
        return Side(items, rows)

    def right(self, items: Indices, dtype: Any = np.float64) -> Side:  # noqa: ARG002
        """Returns the rows (y, 1, |y|²)."""
        rows = self._rows.take(items, 2)
        rows[:, -2], rows[:, -1] = 1, np.einsum("ij,ij->i", rows[:, :-2], rows[:, :-2])
        return Side(items, rows)

    def between(self, left: Side, right: Side) -> NDArray[np.float64]:
        """Returns (A, B) ones and zeros."""
        apart2 = left.rows @ right.rows.T
        largest = float(left.rows[:, -2].max(initial=0) + right.rows[:, -1].max(initial=0))
        apart2 -= self._radius**2
        slack = (self.n_dims + 16) * EPS * (largest + self._radius**2)
        out: NDArray[np.float64] = (apart2 <= 0).astype(np.float64)
        rows, columns = np.nonzero(np.abs(apart2) <= slack)
        for first in range(0, len(rows), TILE):
            a, b = rows[first : first + TILE], columns[first : first + TILE]
            difference = self._rows.given(left.items[a]) - self._rows.given(right.items[b])
            out[a, b] = np.sqrt(np.square(difference).sum(axis=1)) <= self._radius
        return out

    def may_exceed(self, item: int, others: Indices, least: Floats) -> Indices:
        """Reads the features once, in their own dtype, and allows for its rounding."""
        rows = self._rows
        centre = rows.take(np.array([item]))[0]
        dots, relative, lost = products(rows.features, centre)
        slack = relative * self._lengths * np.linalg.norm(centre) + lost * rows.scale
        with np.errstate(over="ignore", invalid="ignore"):
            inner = dots * rows.scale - rows.mean @ centre
            apart2 = self._norms2 + centre @ centre - 2 * (inner + slack)
            near = ~(apart2 > self._radius**2 * (1 + 1e-9))
        return np.flatnonzero(near[others] & (least < 1))
