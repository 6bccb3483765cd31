"""Best-swap descent: from the rows under the dual threshold to a selection that no exchange of near rows improves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from askew.arrays import Indices, Mask
from askew.pick.bound import Certificate, Problem, lowest
from askew.pick.distances import Ball, Box, Distance, Float64s, Transport

NEAR = (128, 512)
"""How many rows on either side of the threshold take part; the second where the first leave more than WIDE_GAP."""
WIDE_GAP, FINE_GAP = 1e-3, 2e-5
"""Relative gaps: above the first the descent starts again with more rows, at the second it looks no further."""
DROPS = 8
"""How many of the selected rows, those of most promise, are tried before all the others."""
MAX_MOVES, MAX_PLANS = 400, 40
"""Limits on exchanges, and on the programs solved where a distance is one."""
PAIR_FLOATS = 1 << 18
"""How many numbers the exchanges compared at once take."""
KICKS, KICK_FLOATS = 12, 10_000
"""How often the descent starts again from a random exchange, and up to how many numbers of near rows that is quick."""


def improve(distance: Distance, problem: Problem, chosen: Indices, certificate: Certificate) -> Indices:
    """Returns a selection at least as good as `chosen`, by exchanges among the rows nearest to the threshold.

    Cost: O(NEAR * C) a move and O(NEAR^2 * C) for the last look at all pairs; where that is small and a gap remains,
    KICKS times again from an exchange of three items drawn from a fixed seed. A gap of FINE_GAP is left alone.
    """
    probs, demand = problem.probs, problem.demand
    for n_near in NEAR:
        inside = np.zeros(len(problem.scores), dtype=np.bool_)
        inside[chosen] = True
        outside = np.flatnonzero(~inside)
        drops = chosen[_first(-certificate.reduced[chosen], problem.keys[chosen], n_near)]
        adds = outside[_first(certificate.reduced[outside], problem.keys[outside], n_near)]
        near = np.concatenate([drops, adds])
        scores, features = problem.scores[near], distance.features(probs[near].astype(np.float64))
        residual = distance.features(demand - probs[chosen].sum(axis=0, dtype=np.float64))
        taken = np.arange(len(near)) < len(drops)
        if isinstance(distance, Transport):
            inside[near] = _descend_by_cuts(distance, scores, features, demand, demand - residual, taken)
            return np.flatnonzero(inside)
        assert isinstance(distance, Box | Ball)
        rest = -float(problem.scores[chosen].sum()) + float(scores[taken].sum())
        floor, size = certificate.bound - rest, max(1.0, abs(certificate.bound))
        swap = _Swap(distance, scores, features, residual + features[taken].sum(axis=0), floor + FINE_GAP * size)
        taken = swap.descend(taken)
        if features.size <= KICK_FLOATS:
            taken = swap.kicked(taken)
        inside[near] = taken
        chosen = np.flatnonzero(inside)
        if swap.cost(taken) - floor <= WIDE_GAP * size:
            break
        if len(near) == len(problem.scores):
            break
    return chosen


def _first(values: Float64s, keys: Indices, count: int) -> Indices:
    """Returns the positions of the smallest values, smallest first, equal ones by key."""
    few = lowest(values, keys, count)
    return few[np.lexsort((keys[few], values[few]))]


@dataclass(frozen=True)
class _Swap:
    """Exchanges among some rows; `residual` (C,) is what the demand leaves for them to fill.

    A selection that costs no more than `enough` is not looked at in full: only its DROPS most promising rows are tried.
    """

    distance: Box | Ball
    scores: Float64s
    features: Float64s
    residual: Float64s
    enough: float

    def cost(self, taken: Mask) -> float:
        left = self.residual - self.features[taken].sum(axis=0)
        return self.distance.weight * float(self.distance.norm(left)) - float(self.scores[taken].sum())

    def descend(self, taken: Mask) -> Mask:
        """Applies the best exchange until none improves the objective by more than rounding."""
        taken = taken.copy()
        left = self.residual - self.features[taken].sum(axis=0)
        weight, norm = self.distance.weight, self.distance.norm
        now = weight * float(norm(left))
        least = 1e-12 * (1 + now + float(np.abs(self.scores).max()))
        for _ in range(MAX_MOVES):
            drops, adds = np.flatnonzero(taken), np.flatnonzero(~taken)
            promise = self.scores[drops] + weight * norm(left + self.features[drops])
            drops = drops[np.argsort(promise, kind="stable")]
            after, drop, add = self._best_pair(left, drops[:DROPS], adds)
            if after - now >= -least and self.cost(taken) > self.enough:
                after, drop, add = self._best_pair(left, drops[DROPS:], adds)
            if after - now >= -least:
                break
            taken[drop], taken[add] = False, True
            left = left + self.features[drop] - self.features[add]
            now = weight * float(norm(left))
        return taken

    def _best_pair(self, left: Float64s, drops: Indices, adds: Indices) -> tuple[float, int, int]:
        """Returns the least of s_drop - s_add + weight * norm(after the exchange), and the pair."""
        best = (np.inf, -1, -1)
        if not len(drops) or not len(adds):
            return best
        step = max(1, PAIR_FLOATS // (len(adds) * self.features.shape[1]))
        for start in range(0, len(drops), step):
            some = drops[start : start + step]
            after = (left + self.features[some])[:, None, :] - self.features[adds]
            cost = self.distance.weight * self.distance.norm(after)
            cost += self.scores[some][:, None] - self.scores[adds]
            at = int(cost.argmin())
            if cost.flat[at] < best[0]:
                best = (float(cost.flat[at]), int(some[at // len(adds)]), int(adds[at % len(adds)]))
        return best

    def kicked(self, taken: Mask) -> Mask:
        """Descends again from the best selection with a few items exchanged at random, while it costs more."""
        best, rng = self.cost(taken), np.random.default_rng(0)
        for _ in range(KICKS):
            if best <= self.enough:
                break
            drops, adds = np.flatnonzero(taken), np.flatnonzero(~taken)
            size = min(3, len(drops), len(adds))
            trial = taken.copy()
            trial[rng.choice(drops[:16], size, replace=False)] = False
            trial[rng.choice(adds[:32], size, replace=False)] = True
            trial = self.descend(trial)
            cost = self.cost(trial)
            if cost < best - 1e-12 * (1 + abs(best)):
                taken, best = trial, cost
        return taken


def _descend_by_cuts(
    distance: Transport, scores: Float64s, features: Float64s, demand: Float64s, counts: Float64s, taken: Mask
) -> Mask:
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
