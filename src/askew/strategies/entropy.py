"""Entropy: ask about the items whose class distribution is most spread out."""

from __future__ import annotations

import numpy as np

from askew.arrays import Array, Floats, is_numpy, namespace
from askew.blocked import map_rows
from askew.pool import Pool
from askew.predictions import Predictions
from askew.strategies.registry import strategy


@strategy("entropy", kind="scorer", needs=("probs",), paper="Shannon 1948; Eq. 4.5 of Zolfaghari Bengar 2021")
def entropy(pred: Predictions, pool: Pool) -> Array:
    """Scores H(p) = −Σ_c p_c ln p_c: how undecided the model is over all classes, in nats; 0·ln 0 = 0.

    Returns:
        (N,) floats in [0, ln C], of the dtype of `probs`. Cost: one pass, no N × C temporary with NumPy.
    """
    return shannon(pred.probs)


def shannon(probs: Array) -> Array:
    """Returns the entropy of the rows of (N, C) probabilities in nats.

    The smallest normal number is added under the logarithm: it makes 0·ln 0 a 0, and changes no p above 10^−30 of a
    float32 (10^−291 of a float64), whose share of the sum is below 10^−28.
    """
    if is_numpy(probs):
        return map_rows(_shannon_block, probs)
    xp = namespace(probs)
    total = xp.sum(probs * xp.log(probs + xp.finfo(probs.dtype).smallest_normal), axis=1)
    return xp.clip(-total, 0, None)


def _shannon_block(block: Floats) -> Floats:
    logs = block + np.finfo(block.dtype).smallest_normal
    np.log(logs, out=logs)
    total = np.einsum("ij,ij->i", block, logs)
    return np.asarray(np.maximum(-total, 0))
