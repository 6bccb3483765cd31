"""Margin: ask about the items whose two best classes are hardest to tell apart."""

from __future__ import annotations

import numpy as np

from askew.arrays import Array, Floats, is_numpy, namespace
from askew.blocked import map_rows, row_max
from askew.pool import Pool
from askew.predictions import Predictions
from askew.strategies.registry import strategy


@strategy("margin", kind="scorer", needs=("probs",), paper="Scheffer, Decomain and Wrobel 2001; Roth and Small 2006")
def margin(pred: Predictions, pool: Pool) -> Array:
    """Scores p_(2) − p_(1), the second best probability less the best: 0 for a tie, −1 for a certain item.

    With a single class the second best is 0.

    Returns:
        (N,) floats in [−1, 0], of the dtype of `probs`. Cost: one pass, no N × C temporary.
    """
    probs: Array = pred.probs
    if probs.shape[1] == 1:
        return -probs[:, 0]
    if is_numpy(probs):
        return map_rows(_lead, probs)
    ranked = namespace(probs).sort(probs, axis=1)
    return ranked[:, -2] - ranked[:, -1]


def _lead(block: Floats) -> Floats:
    """Returns the second largest of each row less the largest: the largest is found, struck out, and the next is."""
    at = block.argmax(axis=1) + np.arange(0, block.size, block.shape[1])
    rest = block + 0  # which turns −0.0 into 0.0: its bits, read as an integer, are below those of −inf
    flat = rest.reshape(-1)
    best = flat[at]
    flat[at] = -np.inf
    second = row_max(rest)
    second -= best
    return second
