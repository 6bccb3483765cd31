"""A lower bound on the best class-balanced selection, from any point of the dual set: what a certified gap rests on.

For y in the dual set of the distance let r_i = -s_i - P_i . y. Then g(y) = value(y) + (sum of the n smallest r_i) is a
lower bound on Eq. 4.8 for every selection of n items: C numbers bound a choice among N. `certify` evaluates g in
float64 and subtracts the largest rounding error that the evaluation can have made. So the bound holds for every y,
whatever found it; `askew.pick.climb` finds a good one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from askew.arrays import Floats, Indices, blocks
from askew.pick.distances import EPS, Distance, Float64s


@dataclass(frozen=True)
class Problem:
    """Eq. 4.8, checked: scores (N,) float64, probs (N, C), demand (C,), n, and sums of P.

    `row_sums` are the least and the largest sum of a row, `class_sums` (C,) those of the columns. `keys` (N,) are a
    permutation: of equal items the one with the smallest key comes first.
    """

    scores: Float64s
    probs: Floats
    demand: Float64s
    n: int
    row_sums: tuple[float, float]
    class_sums: Float64s
    keys: Indices


@dataclass(frozen=True)
class Certificate:
    """A valid lower bound, the r (N,) it was computed from, the n-th smallest of them, and their largest error.

    `multipliers` (C,) are the y of r = -s - P y.
    """

    bound: float
    reduced: Float64s
    threshold: float
    rounding: float
    multipliers: Float64s


def lowest(values: Floats, keys: Indices, count: int) -> Indices:
    """Returns the positions of the `count` smallest values, of equal ones those of smallest key, in no order."""
    if count >= len(values):
        return np.arange(len(values))
    edge = np.partition(values, count)[count]
    sure, ties = np.flatnonzero(values < edge), np.flatnonzero(values == edge)
    more = count - len(sure)
    return np.concatenate([sure, ties[np.argpartition(keys[ties], more)[:more]]]) if more else sure


def times(rows: Floats, y: Floats) -> Floats:
    """Returns rows @ y. On long rows einsum is twice as fast as BLAS, and wakes none of its threads."""
    return np.asarray(rows @ y if rows.shape[1] < 32 else np.einsum("nc,c->n", rows, y))


def total(shares: Floats, rows: Floats) -> Float64s:
    """Returns shares @ rows (C,) float64, in blocks short enough to add up in the rows' own precision."""
    out = np.zeros(rows.shape[1])
    for part in blocks(len(rows), rows.shape[1] * rows.itemsize):
        some, block = shares[part].astype(rows.dtype), rows[part]
        out += some @ block if rows.shape[1] < 32 else np.einsum("n,nc->c", some, block)
    return out


def price(problem: Problem, y: Float64s) -> Float64s:
    """Returns r = -s - P y (N,) float64: one pass over P in its own precision, in blocks of rows."""
    probs, out = problem.probs, np.empty(len(problem.scores))
    y = y.astype(probs.dtype)
    for rows in blocks(len(probs), probs.shape[1] * probs.itemsize, 1 << 22):
        out[rows] = times(probs[rows], y)
    out += problem.scores
    return np.negative(out, out=out)


@dataclass(frozen=True)
class Look:
    """What one pass over P shows at a dual point x: r (N,), the n-th smallest r, and g(x) up to rounding."""

    x: Float64s
    reduced: Float64s
    threshold: float
    value: float


def look(problem: Problem, distance: Distance, x: Float64s) -> Look:
    """Returns g at x as far as the precision of P allows."""
    y, value, _ = distance.certified(x, problem.demand)
    reduced = price(problem, y) if y.any() else -problem.scores
    smallest = np.partition(reduced, problem.n - 1)[: problem.n]
    return Look(x, reduced, float(smallest[-1]), value + float(smallest.sum()))


def certify(problem: Problem, distance: Distance, seen: Look) -> Certificate:
    """Returns the bound that a dual point proves, lowered by all rounding errors of its own evaluation.

    The n smallest r were found in the precision of P; the rows that could be among them are computed again in float64.
    """
    y, value, error = distance.certified(seen.x, problem.demand)
    size = float(np.abs(y).max()) * problem.row_sums[1]
    n_terms = len(y) + 4
    slack = 2 * n_terms * (float(np.finfo(problem.probs.dtype).eps) * size + EPS * float(np.abs(problem.scores).max()))
    near = np.flatnonzero(seen.reduced <= seen.threshold + slack)
    exact = -(problem.scores[near] + problem.probs[near].astype(np.float64) @ y)
    smallest = np.partition(exact, problem.n - 1)[: problem.n]
    error += problem.n * n_terms * EPS * (float(np.abs(problem.scores[near]).max()) + size)
    bound = value + math.fsum(smallest)
    return Certificate(bound - 2 * error - 4 * EPS * abs(bound), seen.reduced, seen.threshold, slack, y)
