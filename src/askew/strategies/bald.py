"""BALD: ask where stochastic passes of the model each are sure, but of different classes."""

from __future__ import annotations

import numpy as np

from askew.arrays import Array, Floats, is_numpy, namespace
from askew.blocked import over_blocks
from askew.pool import Pool
from askew.predictions import Predictions
from askew.strategies.registry import strategy


@strategy(
    "bald",
    kind="scorer",
    needs=("draws",),
    paper="Houlsby et al. 2011, arXiv 1112.5745; Gal et al. 2017, arXiv 1703.02910",
)
def bald(pred: Predictions, pool: Pool) -> Array:
    """Scores the mutual information between the class and the model, H(mean_t p_t) − mean_t H(p_t), in nats.

    Computed as mean_t Σ_c p_tc ln(p_tc / p̄_c), which is the same number (p̄ the mean over draws) without the
    difference of two entropies: draws that agree score 0, not rounding error.

    Returns:
        (N,) floats in [0, ln C], of the dtype of `draws`. Cost: each draw is read once from memory; no T × N × C
        temporary.
    """
    draws: Array = pred.draws
    if is_numpy(draws):
        return _mutual_information(draws)
    xp = namespace(draws)
    tiny = xp.finfo(draws.dtype).smallest_normal
    mean = xp.mean(draws, axis=0) + tiny
    total = xp.zeros(draws.shape[1], dtype=draws.dtype, device=draws.device)
    for draw in range(draws.shape[0]):
        total += xp.sum(draws[draw, :, :] * xp.log((draws[draw, :, :] + tiny) / mean), axis=1)
    return xp.clip(total / draws.shape[0], 0, None)


def _mutual_information(draws: Floats) -> Floats:
    n_draws, n_items, n_classes = draws.shape
    tiny = np.finfo(draws.dtype).smallest_normal
    out = np.empty(n_items, dtype=draws.dtype)

    def work(rows: slice) -> None:
        block = draws[:, rows]
        scratch = np.empty_like(block[0])
        mean = _mean(block, scratch)
        mean += tiny
        total = np.zeros(len(mean))
        for draw in block:
            np.add(draw, tiny, out=scratch)
            scratch /= mean
            np.log(scratch, out=scratch)
            total += np.einsum("ij,ij->i", draw, scratch)
        total /= n_draws
        out[rows] = np.maximum(total, 0)

    over_blocks(work, n_items, n_classes * draws.itemsize, block_bytes=1 << 20)
    return out


def _mean(block: Floats, scratch: Floats) -> Floats:
    """Returns the (N, C) mean over draws: the first one plus the mean difference, exact where all draws are equal."""
    mean = np.zeros_like(scratch)
    for draw in block[1:]:
        np.subtract(draw, block[0], out=scratch)
        mean += scratch
    mean /= len(block)
    mean += block[0]
    return mean
