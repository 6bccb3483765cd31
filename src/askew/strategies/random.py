"""Random: the strategy that every other one has to beat."""

from __future__ import annotations

import numpy as np

from askew.arrays import Floats
from askew.pool import Pool
from askew.predictions import Predictions
from askew.strategies.registry import strategy


@strategy("random", kind="scorer", needs=(), paper="the baseline of every comparison")
def random(pred: Predictions, pool: Pool, *, rng: np.random.Generator) -> Floats:
    """Scores every item with a uniform random number, so each set of n items is equally likely.

    Returns:
        (N,) float64 in [0, 1).
    """
    return rng.random(len(pool))
