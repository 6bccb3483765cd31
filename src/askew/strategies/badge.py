"""BADGE: ask about items whose gradients are large and point in different directions."""

from __future__ import annotations

import math

import numpy as np

from askew.arrays import Array, Floats, Indices, to_numpy
from askew.blocked import over_blocks
from askew.kernels.spread import spread
from askew.kernels.threads import one_blas_thread
from askew.pool import Pool
from askew.predictions import Predictions
from askew.strategies.registry import strategy

TILE = 2048
"""Items that are held against some others at a time."""


@strategy("badge", kind="selector", needs=("features", "probs"), paper="Ash et al. 2020 (ICLR), arXiv 1906.03671")
def badge(pred: Predictions, pool: Pool, n: int, *, rng: np.random.Generator) -> Indices:
    """Picks by k-means++ among the gradients that the items would have if the model's guess were their label.

    g(x) = (p − onehot(argmax p)) ⊗ features is the gradient of the loss in the weights of the last layer, C·D numbers.
    The first pick has the longest one (equal ones are settled by the seed); each other is drawn with the probability
    D² / Σ D², D its distance to the nearest of those before. The gradients are never made: with a = p − onehot,
    |g(x) − g(y)|² = |a_x|²|f_x|² + |a_y|²|f_y|² − 2 (a_x · a_y)(f_x · f_y).

    Gradients that are nearer than the rounding of the arrays' dtype can tell count as equal.

    Returns:
        (n,) pool indices in the order they were drawn. Cost: O(U·(C + D)) a pick for U unlabeled items, and many picks
        share one product. Memory: one copy of features and probabilities of the unlabeled items, and 64 numbers each.
    """
    gradients = Gradients(pred.features, pred.probs, pool.unlabeled)
    longest = np.flatnonzero(gradients.norms2 == gradients.norms2.max())
    first = int(rng.choice(longest))
    with one_blas_thread():
        near2 = gradients.distances2(np.array([first]))[:, 0]
        near2[first] = 0
        rest = spread(gradients.distances2, near2, n - 1, rng, allowed=np.arange(len(near2)) != first)
    return pool.unlabeled[np.concatenate([[first], rest]).astype(np.int64)]


class Gradients:
    """Gradient embeddings a ⊗ f of some items as their two factors; features are scaled to at most 1.

    Attributes:
        norms2: (K,) squared lengths |a|²|f|².
    """

    def __init__(self, features: Array, probs: Array, items: Indices) -> None:
        x, p = to_numpy(features)[items], to_numpy(probs)[items]
        dtype = np.result_type(x, p)
        self._f = x.astype(dtype) * dtype.type(2.0 ** min(-math.frexp(float(np.abs(x).max()))[1], 1000))
        self._a = p.astype(dtype)
        self._a[np.arange(len(items)), p.argmax(axis=1)] -= 1
        self.norms2: Floats = np.einsum("ij,ij->i", self._a, self._a) * np.einsum("ij,ij->i", self._f, self._f)
        self._rounding = 4 * (x.shape[1] + p.shape[1]) ** 0.5 * float(np.finfo(dtype).eps)

    def distances2(self, positions: Indices) -> Floats:
        """Returns (K, B) squared distances of all to some."""
        out = np.empty((len(self.norms2), len(positions)), dtype=self.norms2.dtype)
        a, f, norms2 = self._a[positions], self._f[positions], self.norms2[positions]

        def work(part: slice) -> None:
            block = self._a[part] @ a.T
            block *= self._f[part] @ f.T
            block *= -2
            sums = self.norms2[part, None] + norms2
            block += sums
            block[block <= self._rounding * sums] = 0
            out[part] = block

        row_bytes = self._f.shape[1] * self._f.itemsize
        over_blocks(work, len(out), row_bytes, block_bytes=TILE * row_bytes)
        return out
