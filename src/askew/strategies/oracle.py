"""Oracle: ask what the model gets wrong. It needs the answers, so it bounds what a strategy can do, and no more."""

from __future__ import annotations

import numpy as np

from askew.arrays import Array, namespace, to_numpy
from askew.pool import Pool
from askew.predictions import Predictions
from askew.strategies.registry import strategy


@strategy("oracle", kind="scorer", needs=("probs", "truth"), paper="Zolfaghari Bengar 2021, section 3.4.3")
def oracle(pred: Predictions, pool: Pool) -> Array:
    """Scores 1 for an item whose predicted class is not its true one and 0 for the rest; ties go at random.

    Returns:
        (N,) float64, 0 or 1.
    """
    predicted = to_numpy(namespace(pred.probs).argmax(pred.probs, axis=1))
    return (predicted != pred.truth).astype(np.float64)
