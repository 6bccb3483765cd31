"""A lower bound on the best class-balanced selection, and the threshold that nearly reaches it.

For y in the dual set of the distance let r_i = -s_i - P_i . y. Then g(y) = value(y) + (sum of the n smallest r_i) is a
lower bound on Eq. 4.8 for every selection of n items: C numbers bound a choice among N. `maximise` climbs g by Newton's
method on a smoothed g: the sum becomes n * tau - mu * sum softplus((tau - r_i) / mu), the edge of the dual set a
logarithmic barrier, and mu shrinks. A round reads P once, at the current point, for the exact gradient; its Newton steps
then run on some thousand weighted rows, drawn mostly from those near the threshold, with a linear term added that makes
their gradient agree with the exact one. The rounds end when the exact gradient is as good as zero. `certify` evaluates g in float64 and subtracts the
largest rounding error that the evaluation can have made.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from askew.arrays import Floats, blocks
from askew.pick.distances import EPS, Distance, Float64s

WORKING_ROWS = 3000
WORKING_ROWS_A_CLASS = 20
TOLERANCE = 2e-6
SHRINK = 0.2
EDGE = 0.1
MAX_ROUNDS = 40
MAX_STEPS = 30
CENTERED = 0.1


@dataclass(frozen=True)
class Problem:
    """Eq. 4.8, checked: scores (N,) float64, probs (N, C), demand (C,), n, and the smallest and largest row sum of P."""

    scores: Float64s
    probs: Floats
    demand: Float64s
    n: int
    row_sums: tuple[float, float]


@dataclass(frozen=True)
class Certificate:
    """A valid lower bound, the reduced scores r (N,) it was computed from, the n-th smallest of them, and their error."""

    bound: float
    reduced: Float64s
    threshold: float
    rounding: float


def price(problem: Problem, y: Float64s) -> Float64s:
    """Returns r = -s - P y (N,) float64, one pass over P in its own precision.

    A memory-mapped P is read in blocks of rows."""
    probs, out = problem.probs, np.empty(len(problem.scores))
    y = y.astype(probs.dtype)
    for rows in blocks(len(probs), probs.shape[1] * probs.itemsize, 1 << 25):
        np.matmul(probs[rows], y, out=out[rows], casting="unsafe")
    out += problem.scores
    return np.negative(out, out=out)


def certify(problem: Problem, distance: Distance, x: Float64s) -> Certificate:
    """Returns the bound that the dual point x proves, lowered by all rounding errors of its own evaluation.

    The n smallest r are found in the precision of P; the rows that could be among them are computed again in float64.
    """
    y, value, error = distance.certified(x, problem.demand)
    reduced = price(problem, y)
    threshold = float(np.partition(reduced, problem.n - 1)[problem.n - 1])
    size = float(np.abs(y).max()) * problem.row_sums[1]
    n_terms = len(y) + 4
    slack = 2 * n_terms * (float(np.finfo(problem.probs.dtype).eps) * size + EPS * float(np.abs(problem.scores).max()))
    near = np.flatnonzero(reduced <= threshold + slack)
    exact = -(problem.scores[near] + problem.probs[near].astype(np.float64) @ y)
    smallest = np.partition(exact, problem.n - 1)[: problem.n]
    error += problem.n * n_terms * EPS * (float(np.abs(problem.scores[near]).max()) + size)
    bound = value + math.fsum(smallest)
    return Certificate(bound - 2 * error - 4 * EPS * abs(bound), reduced, threshold, slack)


@dataclass
class _Rows:
    """A smoothed dual over equally weighted rows: linear . x + n * tau - mu * weight * sum softplus(margins / mu) + barrier."""

    features: Float64s
    scores: Float64s
    weight: float
    linear: Float64s
    n: float
    distance: Distance

    def margins(self, x: Float64s, tau: float) -> Float64s:
        return self.scores + self.features @ x[-self.features.shape[1] :] + tau


@dataclass(frozen=True)
class _Step:
    x: Float64s
    tau: float
    decrement: float


def _share(margins: Float64s, mu: float) -> Float64s:
    return np.asarray(1 / (1 + np.exp(np.clip(margins / -mu, -700, 700))))


def _newton_step(rows: _Rows, x: Float64s, share: Float64s, mu: float) -> _Step:
    size, data = len(x), slice(len(x) - rows.features.shape[1], len(x))
    slope, bend = rows.distance.barrier(x)
    weighted = rows.weight * share
    gradient = np.append(rows.linear + EDGE * mu * slope, rows.n - weighted.sum())
    gradient[data] -= weighted @ rows.features
    curve = weighted * (1 - share) / mu
    active = np.flatnonzero(curve > 1e-3 * curve.max())
    near, curve = rows.features[active], curve[active]
    scaled = near * curve[:, None]
    hessian = np.zeros((size + 1, size + 1))
    hessian[:size, :size] = EDGE * mu * bend
    hessian[data, data] += scaled.T @ near
    hessian[size, data] = hessian[data, size] = scaled.sum(axis=0)
    hessian[size, size] = curve.sum()
    hessian.flat[:: size + 2] *= 1 + 1e-9
    step = cho_solve(cho_factor(hessian, check_finite=False), gradient, check_finite=False)
    return _Step(step[:size], float(step[size]), float(gradient @ step))


def _step_length(rows: _Rows, x: Float64s, margins: Float64s, step: _Step, mu: float) -> float:
    """Returns a length at which the slope along the step has fallen to a third, or the longest that stays inside."""
    moved = rows.features @ step.x[-rows.features.shape[1] :] + step.tau
    straight = float(rows.linear @ step.x) + rows.n * step.tau
    longest = 0.95 * rows.distance.longest_step(x, step.x)
    low, high, t = 0.0, np.inf, min(1.0, longest)
    for _ in range(25):
        slope = straight - rows.weight * float(_share(margins + t * moved, mu) @ moved)
        slope += EDGE * mu * rows.distance.barrier_slope(x + t * step.x, step.x)
        if abs(slope) <= 0.3 * step.decrement or (slope > 0 and t >= longest):
            break
        if slope > 0:
            low = t
            t = min(longest, 2 * t) if high == np.inf else 0.5 * (low + high)
        else:
            high = t
            t = low + 0.4 * (high - low)
    return t


def _climb(rows: _Rows, x: Float64s, tau: float, mu: float) -> tuple[Float64s, float, float, float]:
    """Newton's method on the working rows.

    Returns x, tau, the first decrement (that of the whole pool) and how far nine margins in ten have moved at most.
    """
    margins = first_margins = rows.margins(x, tau)
    first = 0.0
    for k in range(MAX_STEPS):
        try:
            step = _newton_step(rows, x, _share(margins, mu), mu)
        except LinAlgError:
            break
        first = step.decrement if k == 0 else first
        if not step.decrement > CENTERED * mu * rows.weight:
            break
        t = _step_length(rows, x, margins, step, mu)
        x, tau = x + t * step.x, tau + t * step.tau
        margins = rows.margins(x, tau)
    moved = np.abs(margins - first_margins)
    return x, tau, first, float(np.partition(moved, int(0.9 * len(moved)))[int(0.9 * len(moved))])


def _working_rows(
    problem: Problem, distance: Distance, margins: Float64s, mu: float, radius: float, rng: np.random.Generator
) -> tuple[_Rows, float]:
    """Draws the rows of a round among those within the radius of the threshold; also returns the smoothing error."""
    n_items, n_classes = problem.probs.shape
    share, far = _share(margins, mu), np.abs(margins)
    error = mu * EDGE * distance.n_constraints + float(far @ np.minimum(share, 1 - share))
    wanted = max(WORKING_ROWS, WORKING_ROWS_A_CLASS * n_classes)
    linear = distance.linear(problem.demand).copy()
    if n_items <= 1.5 * wanted:
        features = distance.features(problem.probs.astype(np.float64))
        return _Rows(features, problem.scores, 1.0, linear, problem.n, distance), error
    radius = max(radius, float(np.partition(far, wanted)[wanted]))
    drawn = np.flatnonzero(far <= radius)
    weight = max(1.0, len(drawn) / wanted)
    if weight > 1.5:
        drawn = drawn[rng.integers(0, round(weight), len(drawn)) == 0]
        weight = float(round(weight))
    else:
        weight = 1.0
    features = distance.features(problem.probs[drawn].astype(np.float64))
    linear[len(linear) - n_classes :] += weight * (share[drawn] @ features)
    linear[len(linear) - n_classes :] -= distance.features(_sum_of_rows(problem.probs, share))
    n = problem.n + weight * float(share[drawn].sum()) - float(share.sum())
    return _Rows(features, problem.scores[drawn], weight, linear, n, distance), error


def _sum_of_rows(probs: Floats, share: Float64s) -> Float64s:
    some = np.flatnonzero(share > 1e-9)
    if len(some) < 0.25 * len(share):
        return np.asarray(share[some] @ probs[some])
    total = np.zeros(probs.shape[1])
    for rows in blocks(len(probs), probs.shape[1] * probs.itemsize, 1 << 22):
        total += share[rows].astype(probs.dtype) @ probs[rows]
    return total


def maximise(problem: Problem, distance: Distance) -> Certificate:
    """Returns the best lower bound that some rounds of Newton's method find.

    Cost: one pass over P a round, about eight of them, and O(rows * C^2) for each of some thirty Newton steps.
    """
    scores = problem.scores
    rng = np.random.default_rng(0)
    x = distance.start()
    widest, scale = float(np.ptp(scores)), distance.reach * problem.row_sums[1]
    mu, radius = 0.3 * (min(scale, widest) if widest > 0 else scale), np.inf
    found = best = certify(problem, distance, x)
    tau = best.threshold
    for _ in range(MAX_ROUNDS):
        rows, error = _working_rows(problem, distance, tau - found.reduced, mu, radius, rng)
        stop = TOLERANCE * max(1.0, abs(found.bound))
        x, tau, decrement, moved = _climb(rows, x, tau, mu)
        if error <= stop and decrement <= stop:
            break
        found = certify(problem, distance, x)
        best = max(best, found, key=lambda certificate: certificate.bound)
        if error > stop:
            mu *= SHRINK
        radius = max(12 * mu, 4 * moved)
    return best
