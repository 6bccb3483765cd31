"""The climb to a point of the dual set whose bound (`askew.pick.bound`) is nearly the best.

`maximise` climbs g by Newton's method on a smoothed g: the sum of the n smallest r_i becomes
n * tau - mu * sum softplus((tau - r_i) / mu), the edge of the dual set a logarithmic barrier, and mu shrinks.

A round reads P once, at the current point, for the exact gradient. Its Newton steps then run on some thousand weighted
rows, drawn from those near the threshold and more surely from those of rare classes, with a linear term added that
makes their gradient agree with the exact one. A round that ends lower than its smoothing explains was misled by its
sample: it is repeated from the best point with twice the rows. Rows left out that crossed the threshold call for
another round with more of them. Nothing here need be trusted: a climb that goes wrong ends in a wider gap.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from askew.arrays import Floats, Indices, blocks
from askew.pick.bound import Certificate, Problem, certify, look, times, total
from askew.pick.distances import INWARD, Distance, Float64s

WORKING_ROWS, WORKING_ROWS_A_CLASS, WORKING_PART, WORKING_FLOATS = 1500, 20, 0.02, 4_000_000
"""How many rows take part in a round's steps, at least: in all, a class, and of the pool; the last within a size."""
SMALL = 1.5
"""A pool of at most so many times the wanted rows is taken whole."""
TOLERANCE, TOLERANCE_SMALL = 4e-5, 1e-6
"""The smoothing error to end with, as a part of the bound; the second for pools so small that every row takes part."""
FIRST, SHRINK = 0.05, 0.1
"""The first mu, as a part of how far r can spread, and its factor from round to round."""
EDGE = 0.1
"""The barrier's weight, as a part of mu."""
CENTERED = 0.05
"""A round's Newton decrement to end with, as a part of its smoothing error."""
REACH, MARGIN = 8, 4
"""Rows take part that are nearer to the threshold than REACH * mu, or than MARGIN times the last round's moves."""
GROWTH = 1.25
"""How many times more rows take part after a round that many others crossed the threshold in."""
FADED = 16
"""A row farther than FADED * mu under the threshold has a share in the selection of less than 1e-7."""
CURVED = 1e-2
"""Rows whose curvature is less than this part of the largest are left out of a Hessian."""
MAX_ROUNDS, MAX_STEPS = 40, 20
TINY = 1e-60
"""A weight whose square is too small for the barrier, and which changes no digit of a bound."""


@dataclass
class _Rows:
    """A smoothed dual over weighted rows: linear . x + n tau - mu sum weights softplus(margins / mu) + barrier."""

    features: Float64s
    scores: Float64s
    weights: Float64s
    linear: Float64s
    n: float
    distance: Distance
    radius: float
    """Rows of the pool farther than this from the threshold are not here, and count as they stood."""
    sampled: bool

    def margins(self, x: Float64s, tau: float) -> Float64s:
        return self.scores + self.features @ x[-self.features.shape[1] :] + tau


@dataclass(frozen=True)
class _Step:
    x: Float64s
    tau: float
    slope: float
    decrement: float


@dataclass(frozen=True)
class _Point:
    x: Float64s
    tau: float


@dataclass(frozen=True)
class _Round:
    """Where a round ended, how far off its start was (the decrement), and what nine margins in ten moved at most."""

    point: _Point
    margins: Float64s
    decrement: float
    moved: float
    limited: bool


def _share(margins: Float64s, mu: float) -> Float64s:
    return np.asarray(1 / (1 + np.exp(np.clip(margins / -mu, -700, 700))))


def _newton_step(rows: _Rows, x: Float64s, share: Float64s, mu: float) -> _Step | None:
    """Returns the Newton step in x and tau; none where no row has a curvature left."""
    from scipy.linalg.lapack import dposv  # late, for a quick `import askew`

    size, data = len(x), slice(len(x) - rows.features.shape[1], len(x))
    slope, bend = rows.distance.barrier(x)
    weighted = rows.weights * share
    gradient = np.append(rows.linear + EDGE * mu * slope, rows.n - weighted.sum())
    gradient[data] -= weighted @ rows.features
    curve = weighted * (1 - share) / mu
    active = np.flatnonzero(curve > CURVED * curve.max())
    root = np.sqrt(curve[active])
    scaled = (rows.features if len(active) == len(curve) else rows.features.take(active, axis=0)) * root[:, None]
    hessian = np.zeros((size + 1, size + 1))
    hessian[:size, :size] = EDGE * mu * bend
    hessian[data, data] += scaled.T @ scaled
    hessian[size, data] = hessian[data, size] = root @ scaled
    hessian[size, size] = root @ root
    hessian.flat[:: size + 2] *= 1 + 1e-9
    _, step, failed = dposv(hessian, gradient)
    if failed:
        return None
    decrement = slope_along = float(gradient @ step)
    bent = np.append(rows.distance.bent(x, step[:size]), 0.0)
    bent[size] = (gradient[size] - hessian[size, :size] @ bent[:size]) / hessian[size, size]
    if float(gradient @ bent) > 0:
        step, slope_along = bent, float(gradient @ bent)
    return _Step(step[:size], float(step[size]), slope_along, decrement)


def _step_length(rows: _Rows, x: Float64s, margins: Float64s, step: _Step, mu: float) -> float:
    """Returns a length at which the slope along the step has fallen to a third, or the longest that stays inside."""
    moved = rows.features @ step.x[-rows.features.shape[1] :] + step.tau
    straight = float(rows.linear @ step.x) + rows.n * step.tau
    longest = INWARD * rows.distance.longest_step(x, step.x)
    low, high, t = 0.0, np.inf, min(1.0, longest)
    for _ in range(25):
        slope = straight - float((rows.weights * _share(margins + t * moved, mu)) @ moved)
        slope += EDGE * mu * rows.distance.barrier_slope(x + t * step.x, step.x)
        if abs(slope) <= 0.3 * step.slope or (slope > 0 and t >= longest):
            break
        if slope > 0:
            low = t
            t = min(longest, 2 * t) if high == np.inf else 0.5 * (low + high)
        else:
            high = t
            t = low + 0.4 * (high - low)
    return t


def _climb(rows: _Rows, point: _Point, mu: float, radius: float, enough: float) -> _Round:
    """Newton's method on the working rows, until it converges or most of them have moved by half the radius."""
    x, tau = point.x, point.tau
    margins = start = rows.margins(x, tau)
    first, moved, limited = 0.0, 0.0, False
    for k in range(MAX_STEPS):
        step = _newton_step(rows, x, _share(margins, mu), mu)
        if step is None or not np.isfinite(step.decrement):
            break
        first = step.decrement if k == 0 else first
        if not step.decrement > enough:
            break
        t = _step_length(rows, x, margins, step, mu)
        x, tau = x + t * step.x, tau + t * step.tau
        margins = rows.margins(x, tau)
        moved = _most(np.abs(margins - start))
        if moved > 0.5 * radius or k == MAX_STEPS - 1:
            limited = True
            break
    return _Round(_Point(x, tau), margins, first, moved, limited)


def _most(values: Float64s) -> float:
    """Returns what nine values in ten do not exceed."""
    k = int(0.9 * len(values))
    return float(np.partition(values, k)[k])


def _next_mu(rows: _Rows, after: _Round, mu: float) -> float:
    """Returns mu lowered, but not so far that too few sampled rows are left near the threshold to tell a curvature."""
    if after.limited:
        return mu
    factor = SHRINK
    while rows.sampled and factor < 1:
        share = _share(after.margins, mu * factor)
        if 4 * float(share @ (1 - share)) > rows.features.shape[1]:
            break
        factor *= 1.5
    return mu * min(1.0, factor)


def _working_rows(
    problem: Problem,
    distance: Distance,
    margins: Float64s,
    mu: float,
    radius: float,
    wanted: int,
    rarity: Float64s,
    rng: np.random.Generator,
) -> tuple[_Rows, float]:
    """Draws the rows of a round among those within the radius of the threshold; also returns the smoothing error."""
    n_items, n_classes = problem.probs.shape
    some = np.flatnonzero(margins > -FADED * mu)
    share = _share(margins[some], mu)
    error = mu * EDGE * distance.n_constraints + float(np.abs(margins[some]) @ np.minimum(share, 1 - share))
    linear, n = distance.linear(problem.demand).copy(), float(problem.n)
    if n_items <= SMALL * wanted:
        features = distance.features(problem.probs.astype(np.float64))
        return _Rows(features, problem.scores, np.ones(n_items), linear, n, distance, np.inf, False), error
    far = np.abs(margins)
    if np.count_nonzero(far <= radius) <= wanted:
        radius = float(np.partition(far, wanted)[wanted])
    drawn = np.flatnonzero(far <= radius)
    weights = np.ones(len(drawn))
    sampled = len(drawn) > 2 * wanted
    if sampled:
        rare = rarity[drawn]
        chance = wanted * (0.5 / len(drawn) + 0.5 * rare / rare.sum())
        lucky = rng.random(len(drawn)) < chance
        drawn, weights = drawn[lucky], 1 / np.minimum(1, chance[lucky])
    features = distance.features(problem.probs.take(drawn, axis=0).astype(np.float64))
    if not sampled or radius < np.inf:
        counted = weights * _share(margins[drawn], mu)
        linear[len(linear) - n_classes :] += counted @ features
        linear[len(linear) - n_classes :] -= distance.features(_sum_of_rows(problem.probs, some, share))
        n += float(counted.sum()) - float(share.sum())
    return _Rows(features, problem.scores[drawn], weights, linear, n, distance, radius, sampled), error


def _rarity(problem: Problem) -> Float64s:
    """Returns (N,) shares that sum to 1: an equal part a class, split in proportion to its column."""
    sums = problem.class_sums
    inverse = np.divide(1 / len(sums), sums, out=np.zeros_like(sums), where=sums > 0)
    return times(problem.probs, inverse.astype(problem.probs.dtype)).astype(np.float64)


def _leak(before: Float64s, now: Float64s, radius: float) -> float:
    """Returns by how much rows that were left out have crossed the threshold: what the working rows overstate g by."""
    crossed = (np.abs(before) > radius) & (before * now < 0)
    return float(np.abs(now[crossed]).sum())


def _sum_of_rows(probs: Floats, some: Indices, share: Float64s) -> Float64s:
    """Returns share @ probs[some] (C,): rows are taken out where they are few, else all are read in their order."""
    if len(some) > 0.25 * len(probs):
        every = np.zeros(len(probs))
        every[some] = share
        return total(every, probs)
    out = np.zeros(probs.shape[1])
    for part in blocks(len(some), probs.shape[1] * probs.itemsize, 1 << 22):
        out += total(share[part], probs.take(some[part], axis=0))
    return out


@np.errstate(over="ignore", divide="ignore", invalid="ignore")
def maximise(problem: Problem, distance: Distance) -> Certificate:
    """Returns the best lower bound that some rounds of Newton's method find.

    Cost: two or three passes over P a round, five to ten rounds, and O(rows * C^2) for each of 20 to 50 Newton steps.
    """
    scores = problem.scores
    rng = np.random.default_rng(0)
    x = distance.start()
    widest, scale = float(np.ptp(scores)), distance.reach * problem.row_sums[1]
    mu, radius = FIRST * (min(scale, widest) if widest > 0 else scale), np.inf
    n_items, n_classes = problem.probs.shape
    part = min(WORKING_PART * n_items, WORKING_FLOATS / n_classes)
    wanted = max(WORKING_ROWS, WORKING_ROWS_A_CLASS * n_classes, int(part))
    tolerance = TOLERANCE_SMALL if n_items <= SMALL * wanted else TOLERANCE
    rarity = _rarity(problem)
    best = found = look(problem, distance, x)
    best_point = point = _Point(x, best.threshold)
    for _ in range(MAX_ROUNDS if distance.weight > TINY else 0):
        rows, error = _working_rows(problem, distance, point.tau - found.reduced, mu, radius, wanted, rarity, rng)
        stop = tolerance * max(1.0, abs(found.value))
        after = _climb(rows, point, mu, radius, CENTERED * error)
        trial = look(problem, distance, after.point.x)
        if trial.value < best.value - 2 * error - stop:
            point, found, wanted, radius = best_point, best, 2 * wanted, 2 * radius
            continue
        leak = _leak(point.tau - found.reduced, after.point.tau - trial.reduced, rows.radius)
        point, found = after.point, trial
        if found.value > best.value:
            best, best_point = found, point
        if error <= stop and (after.decrement <= stop or not (rows.sampled or after.limited or leak > stop)):
            break
        if leak > error:
            wanted = int(GROWTH * wanted)
        elif error > stop:
            mu = max(_next_mu(rows, after, mu), min(mu, 0.5 * mu * stop / error))
        radius = max(REACH * mu, MARGIN * after.moved)
    return certify(problem, distance, best)
