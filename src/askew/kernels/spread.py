"""The draws of k-means++: items far from each other, each with the probability that its squared distance has."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from askew.arrays import Floats, Indices, Mask

FEWEST, MOST = 4, 64
"""How many items are drawn, and held against all others, at a time."""


def spread(
    distances2: Callable[[Indices], Floats],
    near2: Floats,
    n: int,
    rng: np.random.Generator,
    *,
    allowed: Mask | None = None,
) -> Indices:
    """Draws n distinct items one after the other, item i with probability D_i² / Σ_j D_j².

    D_i is the distance of item i to the nearest of those drawn before (Arthur and Vassilvitskii 2007). Many are drawn
    at once from the D² of before; as D² only falls, taking the next one with probability D²(now) / D²(then) makes it a
    draw from today's D², exactly, and one product serves them all. Where every D² is 0, the rest is drawn uniformly
    from what is left.

    Args:
        distances2: takes (B,) positions and returns (N, B) squared distances ≥ 0 of all items to them.
        near2: (N,) D² before the first draw, ≥ 0 and finite.
        n: how many, at most as many as are allowed.
        rng: draws.
        allowed: (N,) what may be drawn where every D² is 0; if None, what has near2 > 0. The rest has near2 = 0.

    Returns:
        (n,) positions in the order they were drawn.

    Cost: about n / 64 to n calls of `distances2`, the fewer the less a draw changes the distances of others.
    """
    near2, allowed = near2.astype(np.float64), near2 > 0 if allowed is None else allowed.copy()
    chosen: list[int] = []
    batch = FEWEST
    while len(chosen) < n:
        total = np.cumsum(near2)
        if not total[-1] > 0:
            allowed[chosen] = False
            rest = rng.permutation(np.flatnonzero(allowed))[: n - len(chosen)]
            return np.concatenate([np.array(chosen, dtype=np.int64), rest])
        drawn = np.searchsorted(total, rng.random(batch) * total[-1], side="right")
        block, tests = distances2(drawn), rng.random(batch)
        kept = _accepted(near2[drawn], block[drawn], drawn, tests)[: n - len(chosen)]
        np.minimum(near2, block[:, kept].min(axis=1), out=near2)
        near2[drawn[kept]] = 0
        chosen += drawn[kept].tolist()
        batch = min(2 * batch, MOST) if 2 * len(kept) > batch else max(batch // 2, FEWEST)
    return np.array(chosen, dtype=np.int64)


def _accepted(then2: Floats, among2: Floats, drawn: Indices, tests: NDArray[np.float64]) -> list[int]:
    """Returns which of the drawn are taken, in turn; the first always is."""
    kept = [0]
    for i in range(1, len(drawn)):
        now2 = min(then2[i], among2[i, kept].min())
        if tests[i] * then2[i] < now2 and drawn[i] not in drawn[kept]:
            kept.append(i)
    return kept
