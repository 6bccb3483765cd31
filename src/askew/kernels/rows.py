"""Rows of features at length 1, or less their mean, made as they are needed: nothing holds a second pool in float64."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from askew.arrays import Array, Indices, to_numpy
from askew.blocked import over_blocks

TINY = 1e-300
"""A row with no number above this counts as a row of zeros."""

TILE = 512
"""Rows that are taken at a time."""


class UnitRows:
    """Features divided by their Euclidean norm, row by row; a row of zeros stays as it is.

    Args:
        features: (N, D) floats of any library; rows that are not finite are never to be asked for.

    Attributes:
        given: (N, D) the features, as NumPy.
        inverse: (N,) one over the norm of each row; 0 for a row of zeros.

    >>> rows = UnitRows(np.array([[3.0, 4.0], [0.0, 0.0]]))
    >>> rows.take(np.array([0, 1])), rows.inverse
    (array([[0.6, 0.8], [0. , 0. ]]), array([0.2, 0. ]))
    """

    def __init__(self, features: Array) -> None:
        self.given = to_numpy(features)
        self.inverse = np.zeros(len(self.given))
        over_blocks(self._measure, len(self.given), 8 * self.given.shape[1])

    def take(self, items: Indices, more: int = 0, *, times: float = 1.0) -> NDArray[np.float64]:
        """Returns (K, D + more) the unit rows of these pool items, times a number; `more` columns are left to fill."""
        n_dims = self.given.shape[1]
        out = np.empty((len(items), n_dims + more))
        np.multiply(self.given[items], times * self.inverse[items, None], out=out[:, :n_dims])
        return out

    def _measure(self, rows: slice) -> None:
        block = np.abs(self.given[rows].astype(np.float64))
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            largest = block.max(axis=1)
            norms = np.sqrt(np.square(block / largest[:, None]).sum(axis=1))
            self.inverse[rows] = np.where(largest > TINY, 1 / norms / largest, 0)


class CentredRows:
    """Features less the mean of some items, times the power of two that brings all their numbers to 1 at most.

    So neither the place nor the size of features costs the accuracy of products, and no square leaves float64.

    Args:
        features: (N, D) floats of any library; rows that are not finite are never to be asked for.
        items: (M,) the pool indices that mean and size are taken from.

    Attributes:
        features: (N, D) the features, as NumPy.
        n_dims: D.
        mean: (D,) the mean of the scaled rows.
        scale: the power of two.

    >>> rows = CentredRows(np.array([[3.0], [4.0], [-8.0]]), np.array([0, 1]))
    >>> rows.take(np.array([1])), rows.scale
    (array([[0.0625]]), 0.125)
    """

    def __init__(self, features: Array, items: Indices) -> None:
        self.features = to_numpy(features)
        self.n_dims = int(self.features.shape[1])
        tiles = [items[start : start + TILE] for start in range(0, len(items), TILE)]
        largest = max(float(np.abs(self.features[tile]).max()) for tile in tiles)
        self.scale = 2.0 ** min(-math.frexp(largest)[1], 1000)
        self.mean = np.sum([self.given(tile).sum(axis=0) for tile in tiles], axis=0) / len(items)

    def given(self, items: Indices) -> NDArray[np.float64]:
        """Returns (K, D) the scaled rows of these pool items, of which each number is exact."""
        return np.asarray(self.features[items].astype(np.float64) * self.scale)

    def take(self, items: Indices, more: int = 0) -> NDArray[np.float64]:
        """Returns (K, D + more) the rows less the mean; `more` columns are left to fill."""
        out = np.empty((len(items), self.n_dims + more))
        np.subtract(self.given(items), self.mean, out=out[:, : self.n_dims])
        return out
