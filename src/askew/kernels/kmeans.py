"""k-means in blocks on all cores: groups of items, for strategies that ask about one of each."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from askew.arrays import Array, Floats, Indices
from askew.blocked import over_blocks
from askew.kernels.rows import CentredRows
from askew.kernels.spread import spread
from askew.kernels.threads import one_blas_thread

ROUNDS = 50
"""Rounds of Lloyd's method at most."""

SETTLED = 1e-4
"""Rounds end when the centres' squared moves add up to less than this part of the items' variance."""

TILE = 512
"""Items that are held against all centres at a time."""


class Clusters:
    """Items in groups, by k-means++ and Lloyd's method, in float32.

    Features are taken less their mean and scaled to at most 1, so neither their size nor their place costs accuracy.
    A cluster that loses all its items starts again at the item farthest from its own centre.

    Args:
        features: (N, D) floats.
        items: (M,) pool indices.
        k: how many clusters, 1 ≤ k ≤ M. Where fewer than k items differ, some stay empty.
        rng: draws the first centres.

    Attributes:
        of: (M,) the cluster of each item.
        near2: (M,) its squared distance to the centre of that, in the scaled unit.
        centres: (k, D) float32, scaled.
        rows: (M, D) float32, scaled.
        scale: the power of two that the features were multiplied by.

    Cost: O(M·k·D) a round, at most `ROUNDS`; one float32 copy of the features.
    """

    def __init__(self, features: Array, items: Indices, k: int, rng: np.random.Generator) -> None:
        self.rows, self.scale = scaled(features, items)
        self._norms2 = np.einsum("ij,ij->i", self.rows, self.rows)
        self.of, self.near2 = np.zeros(len(items), dtype=np.int64), np.zeros(len(items), dtype=np.float32)
        with one_blas_thread():
            self.centres = self.rows[self._first(k, rng)]
            self._assign()
            enough = SETTLED * float(np.mean(self._norms2, dtype=np.float64)) if len(items) else 0.0
            for _ in range(ROUNDS):
                before, old = self.of.copy(), self.centres
                self.centres = self._means(k)
                self._assign()
                moved = float(np.square(self.centres - old).sum(dtype=np.float64))
                if moved <= enough or np.array_equal(before, self.of):
                    return

    def distances2(self, positions: Indices) -> Floats:
        """Returns (M, B) squared distances of all items to some of them; what rounding cannot tell from 0 is 0."""
        out = np.empty((len(self.rows), len(positions)), dtype=np.float32)
        others, norms2 = self.rows[positions], self._norms2[positions]

        def work(part: slice) -> None:
            block = self.rows[part] @ others.T
            block *= -2
            sums = self._norms2[part, None] + norms2
            block += sums
            block[block <= 4 * _unit(self.rows) * sums] = 0
            out[part] = block

        self._over(work)
        return out

    def _first(self, k: int, rng: np.random.Generator) -> Indices:
        first = int(rng.integers(len(self.rows)))
        near2 = self.distances2(np.array([first]))[:, 0]
        near2[first] = 0
        more = spread(self.distances2, near2, min(k - 1, int(np.count_nonzero(near2))), rng)
        return np.concatenate([[first], more, np.full(k - 1 - len(more), first)]).astype(np.int64)

    def _assign(self) -> None:
        half = np.einsum("ij,ij->i", self.centres, self.centres) / 2

        def work(part: slice) -> None:
            scores = self.rows[part] @ self.centres.T
            scores -= half
            best = scores.argmax(axis=1)
            self.of[part] = best
            top = scores[np.arange(len(best)), best]
            self.near2[part] = np.maximum(self._norms2[part] - 2 * top, 0)

        self._over(work)

    def _means(self, k: int) -> NDArray[np.float32]:
        from scipy.sparse import csr_matrix  # late, for a quick `import askew`

        order, counts = np.argsort(self.of, kind="stable"), np.bincount(self.of, minlength=k)
        starts = np.concatenate([[0], np.cumsum(counts)])
        member = csr_matrix((np.ones(len(order), dtype=np.float32), order, starts), shape=(k, len(order)))
        means = np.asarray(member @ self.rows) / np.maximum(counts, 1)[:, None].astype(np.float32)
        empty = np.flatnonzero(counts == 0)
        far = np.argsort(-self.near2, kind="stable")[: len(empty)]
        means[empty] = np.where(self.near2[far, None] > 0, self.rows[far], self.centres[empty])
        return np.asarray(means, dtype=np.float32)

    def _over(self, work: Callable[[slice], None]) -> None:
        row_bytes = 4 * self.rows.shape[1]
        over_blocks(work, len(self.rows), row_bytes, block_bytes=TILE * row_bytes)


def scaled(features: Array, items: Indices) -> tuple[NDArray[np.float32], float]:
    """Returns (M, D) float32 rows of these items less their mean, times a power of two that brings all to 1, and it."""
    rows = CentredRows(features, items)
    out = np.empty((len(items), rows.n_dims), dtype=np.float32)
    for start in range(0, len(items), TILE):
        out[start : start + TILE] = rows.take(items[start : start + TILE])
    return out, rows.scale


def _unit(rows: Floats) -> float:
    return float((rows.shape[1] + 8) ** 0.5 * np.finfo(rows.dtype).eps)
