"""Closing the gap with HiGHS: an integer program over the items that the dual bound leaves open.

An item whose reduced score lies farther from the threshold than objective - bound is chosen, or left, in every
selection better than the one at hand. What remains, hundreds to thousands of items at a moderate weight, goes to HiGHS.
"""

from __future__ import annotations

import time

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array, hstack, vstack

from askew.arrays import Indices
from askew.pick.bound import Certificate, Problem
from askew.pick.distances import Ball, Box, Distance, Float64s, Transport

TOLERANCE = 1e-6
"""HiGHS's own: of feasibility, of integrality, and of the absolute gap at which it stops."""


APART = 1e6, 1e9
"""HiGHS is asked for demands up to the first times the counts at hand, weights up to the second times the scores."""


def search(
    problem: Problem, distance: Distance, objective: float, certificate: Certificate, seconds: float
) -> tuple[Indices, float]:
    """Returns the selection that HiGHS finds (none: an empty array) and its lower bound, less its tolerances.

    HiGHS is not asked where numbers lie farther apart than it can tell (`APART`): it could prove nothing, and writes
    its trouble to the terminal.
    """
    far_demand = problem.demand.max() > APART[0] * problem.n * problem.row_sums[1]
    far_weight = distance.reach > APART[1] * np.abs(problem.scores).max() > 0
    if far_demand or far_weight:
        return np.empty(0, dtype=np.int64), -np.inf
    until = time.monotonic() + seconds
    away = certificate.reduced - certificate.threshold
    room = (objective - certificate.bound) * (1 + 1e-9) + certificate.rounding
    fixed = np.flatnonzero(away < -room)
    free = np.flatnonzero(np.abs(away) <= room)
    free = free[np.argsort(problem.keys[free])]
    given = problem.probs[fixed].sum(axis=0, dtype=np.float64)
    features = problem.probs[free].astype(np.float64)
    constant = -float(problem.scores[fixed].sum())
    rest = problem.n - len(fixed)
    scores = problem.scores[free]
    chosen, bound = np.empty(0, dtype=np.int64), -np.inf
    cuts: list[Float64s] = []
    while True:
        left = until - time.monotonic()
        if left <= 0:
            break
        costs, rows, low, high, n_extra = _model(distance, scores, features, problem.demand - given, given, rest, cuts)
        n_free = len(free)
        lower, upper = np.zeros(n_free + n_extra), np.concatenate([np.ones(n_free), np.full(n_extra, np.inf)])
        result = milp(
            costs,
            constraints=LinearConstraint(rows, low, high),
            integrality=np.concatenate([np.ones(n_free), np.zeros(n_extra)]),
            bounds=Bounds(lower, upper),
            options={"time_limit": left, "mip_rel_gap": 0.0},
        )
        if result.mip_dual_bound is not None:
            rest_bound = float(result.mip_dual_bound)
            slack = _slack(problem, distance, abs(constant) + abs(rest_bound))
            bound = max(bound, min(objective, constant + rest_bound) - slack)
        if result.x is None:
            break
        picked = np.flatnonzero(result.x[:n_free] > 0.5)
        if len(picked) == rest:
            chosen = np.concatenate([fixed, free[picked]])
        if not isinstance(distance, Ball) or result.status != 0:
            break
        residual = problem.demand - given - features[picked].sum(axis=0)
        length = float(distance.norm(residual))
        if length == 0 or length * distance.weight <= result.x[-1] + TOLERANCE:
            break
        cuts.append(residual / length)
    return chosen, bound


def _slack(problem: Problem, distance: Distance, size: float) -> float:
    """Returns by how much a bound of that size may be off, by HiGHS's tolerances and by rounding."""
    return TOLERANCE * (1 + distance.weight * len(problem.demand)) + 1e-9 * size


def _model(
    distance: Distance,
    scores: Float64s,
    features: Float64s,
    demand: Float64s,
    given: Float64s,
    n: int,
    cuts: list[Float64s],
) -> tuple[Float64s, csr_array, Float64s, Float64s, int]:
    """Returns costs, constraint rows, their lower and upper limits, and the number of variables after the items."""
    n_free, n_classes = features.shape
    one = csr_array(np.ones((1, n_free)))
    if isinstance(distance, Box):
        features, target = distance.features(features), distance.features(demand)
        identity = csr_array(np.eye(n_classes))
        rows = vstack(
            [hstack([csr_array(features.T), identity, -identity]), hstack([one, csr_array((1, 2 * n_classes))])]
        )
        costs = np.concatenate([-scores, np.full(2 * n_classes, distance.weight)])
        equal = np.append(target, n)
        return costs, csr_array(rows), equal, equal, 2 * n_classes
    if isinstance(distance, Transport):
        n_extra = n_classes * (n_classes + 2)
        items = vstack([csr_array((n_classes, n_free)), -csr_array(features.T)])
        rows = vstack([hstack([items, distance.rows]), hstack([one, csr_array((1, n_extra))])])
        moves = np.concatenate([distance.metric.ravel(), np.full(2 * n_classes, distance.top)])
        equal = np.concatenate([demand + given, given, [n]])
        return np.concatenate([-scores, distance.weight * moves]), csr_array(rows), equal, equal, n_extra
    normals = np.array(cuts).reshape(len(cuts), n_classes)
    rows = vstack(
        [
            hstack([csr_array(distance.weight * normals @ features.T), csr_array(np.ones((len(cuts), 1)))]),
            hstack([one, csr_array((1, 1))]),
        ]
    )
    low = np.append(distance.weight * normals @ demand, n)
    high = np.append(np.full(len(cuts), np.inf), n)
    return np.append(-scores, 1.0), csr_array(rows), low, high, 1
