"""Least confidence: ask about the items whose best class the model believes least."""

from __future__ import annotations

from askew.arrays import Array, Floats, is_numpy, namespace
from askew.blocked import map_rows, row_max
from askew.pool import Pool
from askew.predictions import Predictions
from askew.strategies.registry import strategy


@strategy("least_confidence", kind="scorer", needs=("probs",), paper="Lewis and Gale 1994, arXiv cmp-lg/9407020")
def least_confidence(pred: Predictions, pool: Pool) -> Array:
    """Scores 1 − max_c p_c: how likely the model's own best guess is wrong.

    Returns:
        (N,) floats in [0, 1 − 1/C], of the dtype of `probs`. Cost: one pass, no N × C temporary.
    """
    probs: Array = pred.probs
    return map_rows(_doubt, probs) if is_numpy(probs) else 1 - namespace(probs).max(probs, axis=1)


def _doubt(block: Floats) -> Floats:
    best = row_max(block)
    best *= -1
    best += 1
    return best
