"""Entropy: ask about the items whose class distribution is most spread out."""

from __future__ import annotations

from typing import Any

from askew.arrays import Array, namespace
from askew.pool import Pool, Predictions
from askew.strategies.registry import strategy


def shannon(probs: Array) -> Array:
    """Returns the entropy over the last axis in nats, −Σ_c p_c ln p_c with 0·ln 0 = 0."""
    xp: Any = namespace(probs)
    tiny = xp.finfo(probs.dtype).smallest_normal
    return -xp.sum(probs * xp.log(xp.clip(probs, tiny, None)), axis=-1)


@strategy("entropy", kind="scorer", needs=("probs",), paper="Shannon 1948; Eq. 4.5 of Zolfaghari Bengar 2021")
def entropy(pred: Predictions, pool: Pool) -> Array:
    """Scores H(p) = −Σ_c p_c ln p_c: how undecided the model is over all classes, in nats.

    Returns:
        (N,) floats in [0, ln C], of the dtype of `probs`.
    """
    return shannon(pred.probs)
