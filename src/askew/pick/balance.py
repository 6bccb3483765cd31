"""Class-balanced selection: the best scores whose expected classes fill a demand, with a proof of how good it is.

Solves the balanced selection, Eq. 4.8 of the thesis (Zolfaghari Bengar 2021), for any score and not entropy alone,

    min over z in {0, 1}^N, sum z = n:   -scores . z + weight * dist(demand, P^T z)

by climbing a dual of C numbers (`askew.pick.climb`) and repairing what its threshold leaves unbalanced
(`askew.pick.swaps`). The dual's value is a lower bound on every selection, so each answer comes with its gap.

Distances: "l1" (the thesis), "l2" (its Euclidean norm, not squared), and "wasserstein": over ordered classes the L1
distance of the cumulative sums, all C of them, so that a difference of total mass counts at the last class; with a
`ground_metric`, the cost of transport from demand to selection, where a unit without a partner on the other side, of
unmet demand or of selection not asked for, costs the metric's largest entry. Equal masses make the two agree for
`ground_metric[a, b] = |a - b|`. Each is convex in z.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from askew.arrays import Array, Floats, Indices, as_floats, as_reals, blocks, first_few, is_number, is_whole, to_numpy
from askew.errors import InputError
from askew.kernels.threads import one_blas_thread
from askew.pick import swaps
from askew.pick.bound import Certificate, Problem, lowest, times, total
from askew.pick.climb import maximise
from askew.pick.distances import EPS, Distance, Float64s, named

LARGE, LARGEST = 1e30, 1e290
"""Multipliers of classes beyond the first are too large for products in float32, costs beyond the second for any."""


@dataclass(frozen=True)
class BalancedPick:
    """A selection: `chosen` (n,) int64, best score first; its objective (lower is better); what no selection can beat.

    `gap = (objective - bound) / max(1, |objective|)`: 0 means proved best, 1e-4 that no selection is better by more.
    """

    chosen: Indices
    objective: float
    bound: float
    gap: float


@dataclass(frozen=True)
class TunedWeight:
    """The weight that `tune_weight` found, and the sweep over weights that it was read from (Fig. 4.4).

    `weights`, rising, `losses` and `score_sums` are (W,) float64. `losses` is the distance of the expected counts from
    the demand, `score_sums` the sum of the chosen scores."""

    weight: float
    weights: Float64s
    losses: Float64s
    score_sums: Float64s

    def rows(self) -> list[dict[str, float | bool]]:
        """Returns a row a weight: the distance, the sum of scores paid for it, and whether it was chosen."""
        columns = zip(self.weights.tolist(), self.losses.tolist(), self.score_sums.tolist(), strict=True)
        return [
            {"weight": weight, "distance": loss, "score_sum": total, "chosen": weight == self.weight}
            for weight, loss, total in columns
        ]


def demand(counts: Array, n: int, target: Array | None = None) -> Float64s:
    """Returns how many items of each class the next n should bring, so that labels follow the target distribution.

    omega_c = max(target_c * (n + sum(counts)) - counts_c, 0) (the class demand, Eq. 4.4; there the target is uniform).
    The sum exceeds n where a class already has more than its share.

    Args:
        counts: (C,) labels of each class so far, the initial set included; >= 0.
        n: items to be chosen, >= 1.
        target: (C,) a distribution over classes; uniform if None.

    Returns:
        (C,) float64.

    Raises:
        InputError: negative or non-finite counts, n < 1, or a target that is no distribution.

    >>> demand([30, 10, 0], 20)
    array([ 0., 10., 20.])
    >>> demand([30, 10, 0], 20, target=[0.5, 0.25, 0.25])
    array([ 0.,  5., 15.])
    """
    have = _vector("counts", counts)
    if not (is_whole(n) and is_number(n) and n >= 1):
        raise InputError(f"n: expected a whole number >= 1, got {n!r}")
    share = np.full(len(have), 1 / len(have)) if target is None else _vector("target", target)
    if len(share) != len(have):
        raise InputError(f"target: expected one entry for each of {len(have)} classes, got {len(share)}")
    if not math.isclose(float(share.sum()), 1.0, abs_tol=1e-6):
        raise InputError(f"target: expected a distribution that sums to 1, got a sum of {share.sum():g}")
    return np.asarray(np.maximum(share * (n + have.sum()) - have, 0))


def l1_score(counts: Array) -> float:
    """Returns how unbalanced class counts are: L1 distance to uniform over its maximum 2 b (C - 1) / C (Eq. 4.10).

    0 is balanced, 1 is all in one class; one class alone, or no counts at all, is balanced.

    >>> l1_score([30, 10, 10, 10])
    0.3333333333333333
    >>> l1_score([60, 0, 0, 0])
    1.0
    """
    have = _vector("counts", counts)
    total, n_classes = float(have.sum()), len(have)
    if n_classes == 1 or total == 0:
        return 0.0
    return float(np.abs(have - total / n_classes).sum()) / (2 * total * (n_classes - 1) / n_classes)


def solve(
    scores: Array,
    probs: Array,
    demand: Array,
    n: int,
    *,
    weight: float,
    distance: str = "l1",
    ground_metric: Array | None = None,
    time_limit: float | None = None,
    rng: np.random.Generator | None = None,
) -> BalancedPick:
    """Chooses the n items of best score whose expected classes fill the demand, and proves how good they are (Eq. 4.8).

    Args:
        scores: (N,) higher = choose first; finite.
        probs: (N, C) float32 or float64, >= 0, class probabilities or expected counts (rows need not sum to 1); a
            memory-mapped file is read in blocks of rows.
        demand: (C,) items wanted of each class, >= 0, as `demand` computes it.
        n: 1 <= n <= N.
        weight: lambda, the price of imbalance, >= 0, in units of score an item; 0 takes the best scores.
        distance: "l1", "l2" or "wasserstein"; see the top of this module.
        ground_metric: (C, C) costs of transport for "wasserstein"; the classes are taken as ordered if None.
        time_limit: seconds that HiGHS may spend on closing the gap among the items that the bound leaves open. The
            bound is then HiGHS's own, lowered by its tolerances. None: no search; nor is there one where demands are a
            million times the counts at hand or weights 1e9 times the scores, which HiGHS cannot tell from rounding.
        rng: draws a permutation of the items by which equal ones are settled, so that no order of the pool leaks into
            the choice. None: by index.

    Returns:
        BalancedPick; items of equal score stand in order of that permutation, or of their index.

    Raises:
        InputError: shapes that do not fit, non-finite or negative values, n or weight out of range, unknown distance.

    Cost: some ten passes over P and O(rows * C^2) for each of some thirty Newton steps on a few thousand rows;
    memory some 100 bytes an item beside P.

    >>> pick = solve([0.9, 0.8, 0.7, 0.2], [[1.0, 0], [1, 0], [1, 0], [0, 1]], [1, 1], 2, weight=1.0)
    >>> pick.chosen, round(pick.objective, 6), round(pick.gap, 6)
    (array([0, 3]), -1.1, 0.0)
    """
    problem, cost = _checked(scores, probs, demand, n, weight, distance, ground_metric, rng)
    if time_limit is not None and not (is_number(time_limit) and time_limit > 0):
        raise InputError(f"time_limit: expected seconds > 0, got {time_limit!r}")
    return _solved(problem, cost, time_limit)


def _solved(problem: Problem, cost: Distance, time_limit: float | None = None) -> BalancedPick:
    """Does what `solve` does, from checked arguments."""
    if cost.reach == 0 or problem.row_sums[1] == 0 or problem.n == len(problem.scores):
        chosen = lowest(-problem.scores, problem.keys, problem.n)
        return _report(problem, cost, chosen, -np.inf, proved=True)
    import scipy.linalg.lapack  # noqa: F401  late, for a quick `import askew`, and before threads are limited

    with one_blas_thread():
        certificate = maximise(problem, cost)
        chosen = _under_threshold(problem, certificate)
        chosen = swaps.improve(cost, problem, chosen, certificate)
    pick = _report(problem, cost, chosen, certificate.bound)
    if time_limit is None or pick.gap <= 0:
        return pick
    from askew.pick import exact  # late, for a quick `import askew`

    found, bound = exact.search(problem, cost, pick.objective, certificate, time_limit)
    better = _report(problem, cost, found, -np.inf) if len(found) else pick
    best = min(pick, better, key=lambda each: each.objective)
    return _report(problem, cost, best.chosen, max(certificate.bound, bound))


def tune_weight(
    scores: Array,
    probs: Array,
    demand: Array,
    n: int,
    weights: Array | None = None,
    *,
    distance: str = "l1",
    ground_metric: Array | None = None,
    tolerance: float = 0.05,
    rng: np.random.Generator | None = None,
) -> TunedWeight:
    """Sweeps the balance weight and returns the smallest one after which the distance stops falling (Fig. 4.4).

    That is the smallest weight of the sweep whose distance is above the least one of the sweep by no more than
    `tolerance` of the fall from weight 0 to that least one. Weight 0 is added to the sweep as the start of the curve;
    it is the answer only if no weight brings the distance down.

    Args:
        scores, probs, demand, n, distance, ground_metric: as for `solve`.
        weights: (W,) > 0; if None, 16 in geometric progression from 1/50 to 10 times the range of the scores over the
            middle 98% of the items, divided by the largest sum of a row of P.
        tolerance: in [0, 1).
        rng: settles equal items, as for `solve`; by one permutation for the whole sweep.

    Raises:
        InputError: as `solve`, and for weights that are not positive or a tolerance out of range.

    Cost: one `solve` a weight.

    >>> tuned = tune_weight([0.9, 0.8, 0.7, 0.2], [[1.0, 0], [1, 0], [1, 0], [0, 1]], [1, 1], 2, weights=[0.1, 0.5, 2])
    >>> tuned.weight, tuned.losses
    (0.5, array([2., 2., 0., 0.]))
    """
    if not (is_number(tolerance) and 0 <= tolerance < 1):
        raise InputError(f"tolerance: expected 0 <= tolerance < 1, got {tolerance!r}")
    problem, measure = _checked(scores, probs, demand, n, 1.0, distance, ground_metric, rng)
    if weights is None:
        low, high = np.quantile(problem.scores, [0.01, 0.99])
        unit = (float(high - low) or float(np.ptp(problem.scores)) or 1.0) / (problem.row_sums[1] or 1.0)
        sweep = np.geomspace(0.02 * unit, 10 * unit, 16)
    else:
        sweep = np.unique(_vector("weights", weights))
        if sweep[0] <= 0:
            raise InputError(f"weights: expected weights > 0, got {sweep[0]:g}")
    sweep = np.concatenate([[0.0], sweep])
    losses, sums = np.empty(len(sweep)), np.empty(len(sweep))
    for k, weight in enumerate(sweep):
        pick = _solved(problem, named(distance, float(weight), len(problem.demand), ground_metric))
        losses[k] = measure.between(problem.demand, _counts(problem.probs, pick.chosen))
        sums[k] = problem.scores[pick.chosen].sum()
    return TunedWeight(knee(sweep, losses, problem.demand, tolerance), sweep, losses, sums)


def knee(weights: Float64s, losses: Float64s, demand: Float64s, tolerance: float) -> float:
    """Returns the smallest weight after which the losses, of which the first is that of weight 0, stop falling."""
    noise = 1e-9 * max(1.0, float(demand.sum()))
    good = losses <= losses.min() + tolerance * (losses[0] - losses.min()) + noise
    return float(weights[np.flatnonzero(good)[0]])


def predicted_quota(
    scores: Array, probs: Array, demand: Array, n: int, *, rng: np.random.Generator | None = None
) -> Indices:
    """Chooses by hard predictions: the omega_c best scores of each predicted class, a baseline for `solve`.

    This is the baseline "Entropy-L1-pseudo-label" of Fig. 4.7. A class's quota is its demand, scaled down if the
    demands sum to more than n, and rounded down. Places that rounding leaves, and those of classes with fewer predicted
    items than their quota, go to the best remaining scores of any class.

    Args:
        scores, probs, demand, n, rng: as for `solve`; the class predicted is the largest of a row, the first of equals.

    Returns:
        (n,) int64, best score first; items of equal score stand in order of the permutation that `rng` draws, or of
        their index.

    Raises:
        InputError: as `solve`.

    >>> predicted_quota([0.9, 0.8, 0.7, 0.2], [[0.6, 0.4], [0.9, 0.1], [0.8, 0.2], [0.1, 0.9]], [1, 1], 2)
    array([0, 3])
    """
    problem, _ = _checked(scores, probs, demand, n, 1.0, "l1", None, rng)
    predicted = np.concatenate([problem.probs[rows].argmax(axis=1) for rows in _row_blocks(problem.probs)])
    wanted = problem.demand * min(1.0, n / max(float(problem.demand.sum()), EPS))
    quota = np.floor(wanted * (1 + 4 * EPS) + 1e-9).astype(np.int64)
    order = _by_score(problem, np.arange(len(problem.scores)))
    by_class = order[np.argsort(predicted[order], kind="stable")]
    sizes = np.bincount(predicted, minlength=len(quota))
    rank = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    taken = np.zeros(len(order), dtype=np.bool_)
    taken[by_class[rank < quota[predicted[by_class]]]] = True
    rest = order[~taken[order]]
    taken[rest[: n - int(taken.sum())]] = True
    return order[taken[order]]


def _vector(name: str, value: Array) -> Float64s:
    """Returns a (C,) float64 of finite numbers >= 0; integers are welcome."""
    array = as_reals(name, value)
    if array.ndim != 1 or len(array) == 0:
        raise InputError(f"{name}: expected shape (C,), got {array.shape}")
    wrong = np.flatnonzero(~(np.isfinite(array) & (array >= 0)))
    if len(wrong):
        raise InputError(f"{name}: expected finite numbers >= 0, got {array[wrong[0]]:g} at {wrong[0]}")
    return array


def _row_blocks(probs: Floats) -> list[slice]:
    return list(blocks(len(probs), probs.shape[1] * probs.itemsize, 1 << 20))


def _sums(probs: Floats) -> tuple[tuple[float, float], Float64s]:
    """Returns the least and largest row sum of P and its (C,) column sums, after a look at every entry."""
    ones = np.ones(max(probs.shape), dtype=probs.dtype)
    lowest, highest, columns = np.inf, 0.0, np.zeros(probs.shape[1])
    for rows in _row_blocks(probs):
        block = probs[rows]
        sums = times(block, ones[: probs.shape[1]])
        if not np.isfinite(sums).all() or block.min() < 0:
            wrong = np.flatnonzero(~(np.isfinite(block) & (block >= 0)).all(axis=1))
            first = int(wrong[0]) + rows.start if len(wrong) else rows.start
            raise InputError(f"probs: expected finite numbers >= 0; the first row that has others is item {first}")
        lowest, highest = min(lowest, float(sums.min())), max(highest, float(sums.max()))
        columns += total(ones[: len(block)], block)
    loose = 2 * probs.shape[1] * float(np.finfo(probs.dtype).eps)
    return (lowest * (1 - loose), highest * (1 + loose)), columns


def _checked(
    scores: Array,
    probs: Array,
    demand: Array,
    n: int,
    weight: float,
    distance: str,
    ground_metric: Any,
    rng: np.random.Generator | None,
) -> tuple[Problem, Distance]:
    values = np.asarray(to_numpy(as_floats("scores", scores, "N")), dtype=np.float64)
    table = np.asarray(to_numpy(as_floats("probs", probs, "NC")))
    wanted = _vector("demand", demand)
    if len(table) != len(values):
        raise InputError(f"probs: expected one row for each of {len(values)} scores, got {len(table)}")
    if table.shape[1] != len(wanted):
        raise InputError(f"demand: expected one entry for each of {table.shape[1]} classes, got {len(wanted)}")
    wrong = np.flatnonzero(~np.isfinite(values))
    if len(wrong):
        raise InputError(
            f"scores: {len(wrong)} of {len(values)} are not finite; first at items {first_few(wrong)}: "
            "leave those items out, or give them finite scores"
        )
    if not is_whole(n) or not 1 <= n <= len(values):
        raise InputError(f"n: expected a whole number of items, 1 <= n <= {len(values)}, got {n!r}")
    if not (is_number(weight) and weight >= 0):
        raise InputError(f"weight: expected a finite number >= 0, got {weight!r}")
    cost = named(distance, float(weight), len(wanted), ground_metric)
    if cost.reach > LARGE:
        table = table.astype(np.float64, copy=False)
    keys = np.arange(len(values)) if rng is None else rng.permutation(len(values))
    with one_blas_thread():
        problem = Problem(values, table, wanted, int(n), *_sums(table), keys)
    most = float(wanted.sum()) + n * problem.row_sums[1]
    if not cost.reach * most < LARGEST:
        raise InputError(f"weight: {weight:g} times class counts of up to {most:g} leaves the range of float64")
    return problem, cost


def _by_score(problem: Problem, chosen: Indices) -> Indices:
    return chosen[np.lexsort((problem.keys[chosen], -problem.scores[chosen]))]


def _under_threshold(problem: Problem, certificate: Certificate) -> Indices:
    """Returns the n items of smallest r; where rounding could tell equal ones apart, r is computed again in float64."""
    above = certificate.reduced - certificate.threshold
    sure, close = np.flatnonzero(above < -certificate.rounding), np.flatnonzero(np.abs(above) <= certificate.rounding)
    exact = np.empty(len(close))
    for part in blocks(len(close), problem.probs.shape[1] * 8, 1 << 22):
        rows = problem.probs[close[part]].astype(np.float64)
        exact[part] = -problem.scores[close[part]] - np.einsum("nc,c->n", rows, certificate.multipliers)
    return np.concatenate([sure, close[lowest(exact, problem.keys[close], problem.n - len(sure))]])


def _counts(probs: Floats, chosen: Indices) -> Float64s:
    total = np.zeros(probs.shape[1])
    for rows in blocks(len(chosen), probs.shape[1] * 8, 1 << 22):
        total += probs[chosen[rows]].sum(axis=0, dtype=np.float64)
    return total


def _report(problem: Problem, cost: Distance, chosen: Indices, bound: float, *, proved: bool = False) -> BalancedPick:
    """Measures a selection in float64; `proved` says that no other can be better, whatever the distance."""
    chosen = np.sort(chosen)  # the same selection has the same objective, to the last bit
    counts = _counts(problem.probs, chosen)
    objective = -math.fsum(problem.scores[chosen])
    if cost.reach > 0:
        objective += cost.weight * cost.between(problem.demand, counts)
    bound = objective if proved else min(bound, objective)
    gap = (objective - bound) / max(1.0, abs(objective))
    return BalancedPick(_by_score(problem, chosen), objective, bound, gap)
