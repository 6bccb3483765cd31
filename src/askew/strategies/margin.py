"""Margin: ask about the items whose two best classes are hardest to tell apart."""

from __future__ import annotations

import numpy as np

from askew.arrays import Array, is_numpy, namespace
from askew.pool import Pool, Predictions
from askew.strategies.registry import strategy


@strategy("margin", kind="scorer", needs=("probs",), paper="Scheffer, Decomain and Wrobel 2001; Roth and Small 2006")
def margin(pred: Predictions, pool: Pool) -> Array:
    """Scores p_(2) − p_(1), the second best probability less the best: 0 for a tie, −1 for a certain item.

    With a single class the second best is 0.

    Returns:
        (N,) floats in [−1, 0], of the dtype of `probs`.
    """
    probs = pred.probs
    if probs.shape[1] == 1:
        return -probs[:, 0]
    if is_numpy(probs):
        best_two = np.partition(probs, -2, axis=1)[:, -2:]
        return best_two[:, 0] - best_two[:, 1]
    ranked = namespace(probs).sort(probs, axis=1)
    return ranked[:, -2] - ranked[:, -1]
