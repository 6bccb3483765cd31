"""The n items with the highest scores; equal scores go at random, by seed."""

from __future__ import annotations

import numpy as np

from askew.arrays import Floats, Indices, is_whole
from askew.errors import InputError


def top(scores: Floats, n: int, rng: np.random.Generator) -> Indices:
    """Returns the positions of the n highest scores, best first; equal scores are ordered at random.

    Which of the equal scores on the border are taken is a uniform draw, so an order of the pool that means something
    (by class, by date) does not leak into the answer.

    Args:
        scores: (M,) without NaN.
        n: how many, 1 ≤ n ≤ M.
        rng: breaks the ties.

    Returns:
        (n,) int64 positions in `scores`. Cost: O(M + n log n).

    Raises:
        InputError: n outside [1, M].

    >>> top(np.array([0.1, 0.9, 0.5]), 2, np.random.default_rng(0))
    array([1, 2])
    """
    if not is_whole(n) or not 1 <= n <= len(scores):
        raise InputError(f"n: expected a whole number of items, 1 <= n <= {len(scores)}, got {n!r}")
    threshold = np.partition(scores, len(scores) - n)[len(scores) - n]
    above = np.flatnonzero(scores > threshold)
    ties = np.flatnonzero(scores == threshold)
    chosen = np.concatenate([above, rng.choice(ties, n - len(above), replace=False)])
    order = np.lexsort((rng.random(n), -scores[chosen]))
    return chosen[order]
