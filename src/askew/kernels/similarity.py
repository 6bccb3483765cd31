"""How near items are, as numbers from 0 to 1 in float64, between any two sets of a pool: for `kernels.coverage`."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from askew.arrays import Array, Floats, Indices, is_number
from askew.blocked import over_blocks
from askew.errors import InputError
from askew.kernels.rows import UnitRows
from askew.kernels.threads import one_blas_thread

TILE = 512
"""Rows of the pool that are taken at a time."""

SAME = 1e-6
"""Rows at length 1 that are nearer than this count as one: float32 tells no smaller distances."""


LOOSE = 0.02
"""Bounds in float32 are of use where rounding changes k by less than this part of it."""

Bound = Literal["exact", "upper", "lower"]


class Side(NamedTuple):
    """One side of a product: pool indices, and the rows that stand for them there."""

    items: Indices
    rows: NDArray[Any]


class Kernel(Protocol):
    """A similarity k(x, y) = k(y, x) in [0, 1], 1 for x = y.

    Attributes:
        n_dims: D.
        bounded: whether it has bounds in float32, at half the price.
    """

    n_dims: int
    bounded: bool

    def left(self, items: Indices, bound: Bound = "exact") -> Side:
        """Makes ready one side of `between`, for k in float64, or in float32 for what is not below it or not above."""

    def right(self, items: Indices, dtype: Any = np.float64) -> Side:
        """Makes ready the other side, of the dtype of the rows on the left."""

    def between(self, left: Side, right: Side) -> NDArray[Any]:
        """Returns (A, B) k of each pair, or its bounds, in an array that the caller may overwrite."""

    def may_exceed(self, item: int, others: Indices, least: Floats) -> Indices:
        """Returns positions in `others` that hold, beside some more, all where k(item, other) > least, by one pass."""


class Gaussian:
    """k(x, y) = exp(−|x − y|² / width²) of features at length 1; a row of zeros stays a row of zeros.

    The exponent 2xy/w² − |x|²/w² − |y|²/w² is one product of rows with two more numbers each.
    """

    def __init__(self, features: Array, width: float) -> None:
        self._unit, self._rate = UnitRows(features), 1 / width**2
        self.n_dims = int(self._unit.given.shape[1])
        self._slack = (4 * self._rate * (self.n_dims + 32) + 16) * float(np.finfo(np.float32).eps)
        self.bounded = self._slack < LOOSE

    def left(self, items: Indices, bound: Bound = "exact") -> Side:
        """Returns the rows (2x, −|x|², −1) / width²; for bounds the exponent is moved by what rounding may do to it."""
        rows = self._unit.take(items, 2, times=2 * self._rate)
        rows[:, -2], rows[:, -1] = -self._rate * np.sign(self._unit.inverse[items]), -self._rate
        if bound == "exact":
            return Side(items, rows)
        rows[:, -2] += self._slack if bound == "upper" else -self._slack
        return Side(items, rows.astype(np.float32))

    def right(self, items: Indices, dtype: Any = np.float64) -> Side:
        """Returns the rows (y, 1, |y|²)."""
        rows = self._unit.take(items, 2)
        rows[:, -2], rows[:, -1] = 1, np.sign(self._unit.inverse[items])
        return Side(items, rows.astype(dtype, copy=False))

    def between(self, left: Side, right: Side) -> NDArray[Any]:
        """Returns (A, B) kernel values."""
        out: NDArray[Any] = left.rows @ right.rows.T
        np.minimum(out, 0, out=out)
        np.exp(out, out=out)
        return out

    def centrality(self) -> NDArray[np.float64]:
        """Returns (N,) the cosine of each item with the mean direction of the pool, times that mean's length.

        Rounded to 2^−32, so that the order of the items decides nothing.
        """
        n_items = len(self._unit.given)
        tiles = [np.arange(first, min(first + TILE, n_items)) for first in range(0, n_items, TILE)]
        mean = np.sum([self._unit.take(tile).sum(axis=0) for tile in tiles], axis=0) / n_items
        return np.asarray(np.rint(np.concatenate([self._unit.take(tile) @ mean for tile in tiles]) * 2**32) / 2**32)

    def may_exceed(self, item: int, others: Indices, least: Floats) -> Indices:
        """Reads the features once, in their own dtype, and allows for its rounding."""
        inverse = self._unit.inverse
        dots, relative, lost = products(self._unit.given, self._unit.take(np.array([item]))[0])
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            near = 2 * ((dots[others] + lost) * inverse[others] + relative)
            near -= np.sign(inverse[others]) + np.sign(inverse[item])
            return np.flatnonzero(~(near * self._rate < np.log(least)))


def checked_width(width: object) -> float:
    """Returns the width of a Gaussian.

    Raises:
        InputError: it is no number above 0.
    """
    if not (is_number(width) and 1e-100 < width < 1e100):  # type: ignore[operator]
        raise InputError(f"width: {width!r}: expected a number above 0; features at length 1 are at most 2 apart")
    return float(width)  # type: ignore[arg-type]


def least_distance(features: Array, items: Indices) -> float | None:
    """Returns the smallest distance between two of these items at length 1 that is above `SAME`, or None.

    Cost: O(K²·D), in tiles.
    """
    unit, least2 = UnitRows(features), np.full(len(items), np.inf)

    def work(part: slice) -> None:
        left = unit.take(items[part], 2)
        left[:, -2], left[:, -1] = np.sign(unit.inverse[items[part]]), 1
        left[:, :-2] *= -2
        for first in range(0, part.stop, TILE):
            others = items[first : min(first + TILE, part.stop)]
            right = unit.take(others, 2)
            right[:, -2], right[:, -1] = 1, np.sign(unit.inverse[others])
            apart2 = left @ right.T
            apart2[apart2 <= SAME**2] = np.inf
            least2[part] = np.minimum(least2[part], apart2.min(axis=1))

    row_bytes = 8 * (unit.given.shape[1] + 2)
    with one_blas_thread():
        over_blocks(work, len(items), row_bytes, block_bytes=TILE * row_bytes)
    least = float(least2.min(initial=np.inf))
    return least**0.5 if np.isfinite(least) else None


def products(rows: Floats, column: NDArray[np.float64]) -> tuple[NDArray[np.float64], float, float]:
    """Returns (N,) products of rows with a column, in the rows' own dtype, and what rounding may have done to each.

    That is at most the second value times the lengths of both, plus the third for numbers too small for the dtype, if
    the column has no number above 1.
    """
    out, info = np.empty(len(rows)), np.finfo(rows.dtype)
    column = column.astype(rows.dtype)

    def work(part: slice) -> None:
        with np.errstate(over="ignore", invalid="ignore"):
            out[part] = rows[part] @ column

    over_blocks(work, len(rows), rows.shape[1] * rows.itemsize)
    n_dims = rows.shape[1]
    return out, 2 * (n_dims + 16) * float(info.eps), 4 * n_dims * float(info.smallest_normal)
