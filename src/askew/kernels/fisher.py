"""The Fisher information of a last layer, item by item, and what it would add to that of a set: for BAIT."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from askew.arrays import Floats, Indices
from askew.blocked import over_blocks

TILE = 512
"""Items that are brought up to date at a time."""

Table = NDArray[np.float64]


class FisherTrace:
    """tr(M⁻¹ F) for M = λI + Σ_S V Vᵀ, and by how much one more item, or one less, would change it.

    V of an item is L ⊗ f, C·D × K, with its features f and L L ᵀ the information of its C outputs, so V Vᵀ is that of
    the weights of the last layer; F is the mean of V Vᵀ over all items. By Woodbury's identity an item changes the
    trace by −tr((I + Vᵀ M⁻¹ V)⁻¹ Vᵀ M⁻¹ F M⁻¹ V), and each addition changes M⁻¹ by K products of columns; the two K × K
    matrices Vᵀ M⁻¹ V and Vᵀ M⁻¹ F M⁻¹ V of every item follow from those at the cost of one product with the features.

    Args:
        features: (N, D) float64.
        factors: (N, C, K) float64, L of each item.
        penalty: λ > 0.

    Memory: two (C·D)² matrices, two (N, K, K). Cost: O(N·(C·D)²/C) to begin, O(N·D·C·K + K·(C·D)²) an addition.
    """

    def __init__(self, features: Table, factors: Table, penalty: float) -> None:
        self._f, self._l = features, factors
        (self._n_items, self._n_dims), (_, self._n_outputs, rank) = features.shape, factors.shape
        size = self._n_outputs * self._n_dims
        self._inverse, self._fisher = np.eye(size) / penalty, np.empty((size, size))
        norms2 = np.einsum("ij,ij->i", features, features) / penalty
        self._inner = np.matmul(factors.transpose(0, 2, 1), factors) * norms2[:, None, None]
        self._spread = np.zeros((self._n_items, rank, rank))
        self._begin(penalty)

    def gains(self, items: Indices) -> Table:
        """Returns (A,) by how much the trace falls with each of these items added."""
        return self._change(items, 1.0)

    def losses(self, items: Indices) -> Table:
        """Returns (A,) by how much the trace rises with each of these items, which are in the set, taken out."""
        return self._change(items, -1.0)

    def add(self, item: int, items: Indices) -> None:
        """Takes an item into the set; the change is followed for these items alone."""
        self._step(item, items, 1.0)

    def remove(self, item: int, items: Indices) -> None:
        """Takes an item out of the set; the change is followed for these items alone."""
        self._step(item, items, -1.0)

    def _change(self, items: Indices, sign: float) -> Table:
        out = np.empty(len(items))

        def work(part: slice) -> None:
            some = items[part]
            middle = np.eye(self._inner.shape[1]) + sign * self._inner[some]
            out[part] = np.trace(np.linalg.solve(middle, self._spread[some]), axis1=1, axis2=2)

        self._over(work, len(items))
        return out

    def _step(self, item: int, items: Indices, sign: float) -> None:
        """Follows M⁻¹ − sign · Q Qᵀ, with Q Qᵀ = M⁻¹ V (I + sign · Vᵀ M⁻¹ V)⁻¹ Vᵀ M⁻¹."""
        rank = self._inner.shape[1]
        v = (self._l[item][:, None, :] * self._f[item][None, :, None]).reshape(-1, rank)
        root = np.linalg.cholesky(np.eye(rank) + sign * self._inner[item])
        q = np.linalg.solve(root, (self._inverse @ v).T).T
        fq = self._fisher @ q
        r, w = self._inverse @ fq, q.T @ fq
        self._inverse -= sign * (q @ q.T)
        columns = np.hstack([self._by_feature(q), self._by_feature(r)])

        def work(part: slice) -> None:
            some = items[part]
            both = (self._f[some] @ columns).reshape(len(some), 2, self._n_outputs, rank)
            turned = self._l[some].transpose(0, 2, 1)
            a, b = turned @ both[:, 0], turned @ both[:, 1]
            across = a @ b.transpose(0, 2, 1)
            self._inner[some] -= sign * (a @ a.transpose(0, 2, 1))
            self._spread[some] += (a @ w) @ a.transpose(0, 2, 1) - sign * (across + across.transpose(0, 2, 1))

        self._over(work, len(items))

    def _by_feature(self, table: Table) -> Table:
        """Returns (D, C·K) from (C·D, K)."""
        rank = table.shape[1]
        blocks = table.reshape(self._n_outputs, self._n_dims, rank)
        return np.asarray(blocks.transpose(1, 0, 2).reshape(self._n_dims, -1))

    def _begin(self, penalty: float) -> None:
        """Fills F, block by block of outputs, and Vᵀ F V / λ² of every item."""
        for c in range(self._n_outputs):
            for d in range(c, self._n_outputs):
                weights = np.einsum("nk,nk->n", self._l[:, c], self._l[:, d])
                block = np.zeros((self._n_dims, self._n_dims))
                for start in range(0, self._n_items, TILE):
                    rows = self._f[start : start + TILE]
                    block += (rows * weights[start : start + TILE, None]).T @ rows
                block /= self._n_items
                self._block(c, d)[:] = block
                self._block(d, c)[:] = block.T
                self._add_spread(c, d, block / penalty**2)

    def _block(self, c: int, d: int) -> Table:
        size = self._n_dims
        return self._fisher[c * size : (c + 1) * size, d * size : (d + 1) * size]

    def _add_spread(self, c: int, d: int, block: Table) -> None:
        def work(part: slice) -> None:
            rows = self._f[part]
            value = np.einsum("nd,nd->n", rows @ block, rows)[:, None, None]
            pair = self._l[part, c, :, None] * self._l[part, d, None, :] * value
            self._spread[part] += pair if c == d else pair + pair.transpose(0, 2, 1)

        self._over(work, self._n_items)

    def _over(self, work: Callable[[slice], None], n_items: int) -> None:
        row_bytes = 8 * (self._n_dims + self._l[0].size)
        over_blocks(work, n_items, row_bytes, block_bytes=TILE * row_bytes)


def multinomial_factors(probs: Floats) -> Table:
    """Returns (N, C, C) L with columns √p_y (e_y − p): L Lᵀ = diag(p) − p pᵀ, the information of C logits.

    >>> factors = multinomial_factors(np.array([[0.5, 0.5]]))
    >>> factors[0] @ factors[0].T
    array([[ 0.25, -0.25],
           [-0.25,  0.25]])
    """
    p = probs.astype(np.float64)
    return np.asarray((np.eye(p.shape[1]) - p[:, :, None]) * np.sqrt(p)[:, None, :])


def binary_factors(probs: Floats) -> Table:
    """Returns (N, 1, 1) √(p(1 − p)) of the largest p: the information of one logit, the guessed class or not."""
    best = probs.max(axis=1).astype(np.float64)
    return np.asarray(np.sqrt(np.maximum(best * (1 - best), 0))[:, None, None])
