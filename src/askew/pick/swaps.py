"""Best-swap descent: from the rows under the dual threshold to a selection that no tried exchange of two items improves."""

from __future__ import annotations

import numpy as np

from askew.arrays import Floats, Indices
from askew.pick.distances import Ball, Box, Distance, Float64s, Transport

NEAR = 128
DROPS = 8
MAX_MOVES = 400
MAX_PLANS = 40
PAIR_FLOATS = 1 << 18


def improve(
    distance: Distance, scores: Float64s, probs: Floats, demand: Float64s, chosen: Indices, reduced: Float64s
) -> Indices:
    """Returns a selection at least as good as `chosen`, by exchanges among the NEAR rows on either side of the threshold.

    Cost: O(NEAR * C) a move and O(NEAR^2 * C) for the last look at all pairs.
    """
    inside = np.zeros(len(scores), dtype=np.bool_)
    inside[chosen] = True
    outside = np.flatnonzero(~inside)
    drops = chosen[_smallest(-reduced[chosen], NEAR)]
    adds = outside[_smallest(reduced[outside], NEAR)]
    near = np.concatenate([drops, adds])
    features = distance.features(probs[near].astype(np.float64))
    residual = distance.features(demand - probs[chosen].sum(axis=0, dtype=np.float64))
    taken = np.arange(len(near)) < len(drops)
    if isinstance(distance, Transport):
        taken = _descend_by_cuts(distance, scores[near], features, demand, demand - residual, taken)
    elif isinstance(distance, Box | Ball):
        taken = _descend(distance, scores[near], features, residual, taken)
    inside[near] = taken
    return np.flatnonzero(inside)


def _smallest(values: Float64s, count: int) -> Indices:
    if len(values) <= count:
        return np.arange(len(values))
    return np.argpartition(values, count)[:count]


def _descend(
    distance: Box | Ball, scores: Float64s, features: Float64s, residual: Float64s, taken: np.ndarray
) -> np.ndarray:
    """Applies the best exchange until none among the near rows improves the objective by more than rounding."""
    taken = taken.copy()
    now = distance.weight * float(distance.norm(residual))
    least = 1e-12 * (1 + now + float(np.abs(scores).max()))
    for _ in range(MAX_MOVES):
        drops, adds = np.flatnonzero(taken), np.flatnonzero(~taken)
        promise = scores[drops] + distance.weight * distance.norm(residual + features[drops])
        drops = drops[np.argsort(promise, kind="stable")]
        for first in (drops[:DROPS], drops[DROPS:]):
            gain, drop, add = _best_pair(distance, scores, features, residual, first, adds)
            if gain - now < -least:
                break
        if gain - now >= -least:
            break
        taken[drop], taken[add] = False, True
        residual = residual + features[drop] - features[add]
        now = distance.weight * float(distance.norm(residual))
    return taken


def _best_pair(
    distance: Box | Ball, scores: Float64s, features: Float64s, residual: Float64s, drops: Indices, adds: Indices
) -> tuple[float, int, int]:
    """Returns the least of s_drop - s_add + weight * norm(after the exchange), and the pair."""
    best = (np.inf, -1, -1)
    if not len(drops) or not len(adds):
        return best
    step = max(1, PAIR_FLOATS // (len(adds) * features.shape[1]))
    for start in range(0, len(drops), step):
        some = drops[start : start + step]
        after = (residual + features[some])[:, None, :] - features[adds]
        cost = scores[some][:, None] - scores[adds] + distance.weight * distance.norm(after)
        at = int(cost.argmin())
        if cost.flat[at] < best[0]:
            best = (float(cost.flat[at]), int(some[at // len(adds)]), int(adds[at % len(adds)]))
    return best


def _descend_by_cuts(
    distance: Transport, scores: Float64s, features: Float64s, demand: Float64s, counts: Float64s, taken: np.ndarray
) -> np.ndarray:
    """The same descent where a distance is a linear program: linear functions below it choose the exchange to look at.

    An exchange that all of them together call an improvement is measured; so the end is a selection which, unless the
    limit of MAX_PLANS programs is reached, no exchange of near rows improves.
    """
    taken = taken.copy()
    now, slope = distance.plan(demand, counts)
    slopes, constants = slope[None, :], np.array([now + slope @ counts])
    for _ in range(MAX_PLANS):
        drops, adds = np.flatnonzero(taken), np.flatnonzero(~taken)
        if not len(adds) or not len(drops):
            break
        heights = features @ slopes.T
        level = constants - slopes @ counts
        after = (level + heights[drops])[:, None, :] - heights[adds]
        change = scores[drops][:, None] - scores[adds] + distance.weight * (after.max(axis=2) - now)
        at = int(change.argmin())
        if change.flat[at] >= -1e-9 * (1 + distance.weight * now):
            break
        drop, add = int(drops[at // len(adds)]), int(adds[at % len(adds)])
        moved = counts - features[drop] + features[add]
        cost, slope = distance.plan(demand, moved)
        slopes, constants = np.vstack([slopes, slope]), np.append(constants, cost + slope @ moved)
        if scores[drop] - scores[add] + distance.weight * (cost - now) < -1e-9 * (1 + distance.weight * now):
            taken[drop], taken[add] = False, True
            counts, now = moved, cost
    return taken
