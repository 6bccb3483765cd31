"""Least confidence: ask about the items whose best class the model believes least."""

from __future__ import annotations

from askew.arrays import Array, namespace
from askew.pool import Pool, Predictions
from askew.strategies.registry import strategy


@strategy("least_confidence", kind="scorer", needs=("probs",), paper="Lewis and Gale 1994, arXiv cmp-lg/9407020")
def least_confidence(pred: Predictions, pool: Pool) -> Array:
    """Scores 1 − max_c p_c: how likely the model's own best guess is wrong.

    Returns:
        (N,) floats in [0, 1 − 1/C], of the dtype of `probs`.
    """
    probs = pred.probs
    return 1 - namespace(probs).max(probs, axis=1)
