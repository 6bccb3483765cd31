"""What the next labels are likely to bring: a curve fitted to the accuracies so far, with an interval.

The model of a learning curve, with n labels, error e = 1 − accuracy and u = ln(n / n₁), n₁ the first label count:

    ln e(n) = f(u) + noise                      f(u) = a + b·u + q·W(u)
    a ~ N(ln e₁, 2²)   b ~ N(−0.4, 0.4²)        W: a Wiener process integrated from 0
    noise ~ N(0, c²·(1/e − 1)/n_test)           cov W(u), W(v) = m²(3M − m)/6, m = min(u, v), M = max(u, v)

A straight line in these axes is a power law e ∝ n^b, and q lets its exponent drift, so the interval widens with the
ratio of the label counts. The noise is that of a test set (binomial, by the delta method) times c: the luck of a
training and of what was asked adds to it, and one test set for all cycles takes from it. c and q are not fitted but
averaged over a grid, each pair weighted by its marginal likelihood, a log-normal prior of c (median 0.8, standard
deviation 0.5 of the logarithm) and a half-normal one of q (0.6): what few labels cannot tell stays in the interval.
The forecast is a mixture of Gaussians in ln e; its quantiles are found by halving.

`docs/forecast.md` says where the prior comes from and how often the intervals held on learning curves that it was
not chosen on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from askew.arrays import is_number, is_whole
from askew.errors import InputError, one_line

Array: TypeAlias = NDArray[np.float64]
Counts: TypeAlias = NDArray[np.int64]

SLOPE, SLOPE_STD = -0.4, 0.4
"""The prior of the exponent."""

LEVEL_STD = 2.0
"""The prior's standard deviation of ln e at the first label count."""

NOISES = np.geomspace(0.05, 6.0, 13)
NOISE, NOISE_STD = 0.8, 0.5
"""The grid of c; median and standard deviation (of the logarithm) of its prior."""

TEST_ITEMS = 1000
"""Taken for the size of the test set where it is not known."""

BENDS = np.array([0.0, 0.1, 0.2, 0.4, 0.8, 1.6, 2.5])
BEND = 0.6
"""The grid of q; standard deviation of its half-normal prior."""

HALVINGS = 32
"""Steps in which a quantile is found."""

MOST = 10**12
"""Label counts up to it are taken for such."""


@dataclass(frozen=True)
class Forecast:
    """What is likely to be measured with more labels, and what they bring.

    Attributes:
        at: (M,) int64 numbers of labels.
        median: (M,) accuracies, as likely to be exceeded as not.
        low: (M,) lower ends of the intervals of what will be measured, with the luck of that training.
        high: (M,) upper ends.
        gain: (M,) medians of what the curve itself rises from the last label count on; 0.01 is one point.
        gain_low: (M,) lower ends of its intervals, without the luck of a single training; below 0 where it may fall.
        gain_high: (M,) upper ends.
        level: the share of what comes that the intervals are meant to hold.
    """

    at: NDArray[np.int64]
    median: Array
    low: Array
    high: Array
    gain: Array
    gain_low: Array
    gain_high: Array
    level: float

    def enough(self, gain: float) -> NDArray[np.bool_]:
        """Tells for each of `at` whether to stop: the interval of what the labels bring ends below the wanted gain.

        Raises:
            InputError: `gain` is not a number above 0 and below 1.
        """
        if not 0 < gain < 1:
            raise InputError(f"gain: expected a share above 0 and below 1 (0.01 is one point), got {gain!r}")
        return np.asarray(self.gain_high < gain)


@dataclass(frozen=True)
class Reach:
    """How many labels a wanted accuracy is likely to take; infinity where it is out of sight (`most` labels).

    Attributes:
        target: the accuracy.
        median: labels with which the median reaches it.
        low: labels with which the upper end of the interval reaches it: fewer are unlikely to do.
        high: labels with which the lower end reaches it: more are unlikely to be needed.
    """

    target: float
    median: float
    low: float
    high: float


def forecast(
    n_labeled: ArrayLike, accuracy: ArrayLike, at: ArrayLike, *, n_test: int | None = None, level: float = 0.8
) -> Forecast:
    """Returns what more labels are likely to bring, from the accuracies so far.

    Several seeds are forecast together: what is foretold is then the mean over these seeds. How far a run strays from
    its seed's and its cycle's means tells c, and the noise of the mean has a run's variance divided by S.

    Args:
        n_labeled: (K,) label counts, ascending, K at least 2; three or more say something of the bend.
        accuracy: (K,) what was measured with them, or (S, K) with a row a seed; shares from 0 to 1. Another
            share serves too, such as the mean accuracy of classes.
        at: (M,) label counts, or a single one, none below the last of `n_labeled`.
        n_test: items in the test set; None takes 1,000 for it; the noise is learned from there.
        level: the share of what comes that an interval is meant to hold.

    Raises:
        InputError: counts that do not ascend, fewer than two, accuracies that are no shares, or sizes that do not fit.

    Cost: some milliseconds; O(G·K³) for the G pairs of c and q.

    >>> found = forecast([100, 200, 400, 800], [0.60, 0.70, 0.78, 0.84], 1600)
    >>> found.low.round(2), found.median.round(2), found.high.round(2)
    (array([0.87]), array([0.88]), array([0.9]))
    """
    n, values = _curves(n_labeled, accuracy)
    counts = _counts("at", np.atleast_1d(np.asarray(at)))
    if counts.min() < n[-1]:
        raise InputError(f"at: {counts.min()} is below the {n[-1]} labels so far")
    tails = _tails(level)
    found = _posterior(n, values, np.concatenate([n[-1:], counts]), _test_items(n_test))
    (low, median, high), (gain_low, gain, gain_high) = found.accuracies(tails)[:, 1:], found.gains(tails)[:, 1:]
    return Forecast(counts, median, low, high, gain, gain_low, gain_high, float(level))


def labels_to_reach(
    n_labeled: ArrayLike,
    accuracy: ArrayLike,
    target: float,
    *,
    n_test: int | None = None,
    level: float = 0.8,
    most: int = 10_000_000,
) -> Reach:
    """Returns how many labels are likely to reach an accuracy; infinity where `most` do not.

    The counts are the first, to about two percent, at which the median and the two ends of `forecast`'s interval are at
    the target.

    Raises:
        InputError: as `forecast`; or `target` is no share, or `most` is below the last count.

    >>> labels_to_reach([100, 200, 400, 800], [0.60, 0.70, 0.78, 0.84], 0.95).median > 3000
    True
    """
    n, values = _curves(n_labeled, accuracy)
    if not is_number(target) or not 0 < target < 1:
        raise InputError(f"target: expected a share above 0 and below 1, got {target!r}")
    if not is_whole(most) or not n[-1] <= most <= MOST:
        raise InputError(f"most: expected a label count from {n[-1]} to {MOST}, got {most!r}")
    steps = 2 + int(50 * math.log(most / n[-1]))
    counts = np.unique(np.round(np.geomspace(n[-1], most, steps)).astype(np.int64))
    found = _posterior(n, values, counts, _test_items(n_test)).accuracies(_tails(level))
    low, median, high = (
        float(counts[np.argmax(row >= target)]) if (row >= target).any() else math.inf for row in found[::-1]
    )
    return Reach(float(target), median, low, high)


@dataclass(frozen=True)
class _Posterior:
    """What the curve says of P label counts, for each of G pairs of c and q.

    Attributes:
        weights: (G,) of the pairs, summing to 1.
        mean: (G, P) of f.
        variance: (G, P) of f.
        with_first: (G, P) covariance of f with f at the first of the counts.
        noise: (G, P) variance of what is measured about f.
    """

    weights: Array
    mean: Array
    variance: Array
    with_first: Array
    noise: Array

    def accuracies(self, tails: Array) -> Array:
        """Returns (T, P) quantiles of what will be measured."""
        errors = _quantiles(self.weights, self.mean, np.sqrt(self.variance + self.noise), 1 - tails)
        return np.asarray(np.clip(1 - np.exp(errors), 0.0, 1.0))

    def gains(self, tails: Array) -> Array:
        """Returns (T, P) quantiles of how far the curve falls below its error at the first of the counts.

        P(e₀ − e ≤ g) is the mean over f₀, by Gauss-Hermite quadrature, of P(f ≥ ln(e₀ − g) | f₀).
        """
        nodes, of_nodes = np.polynomial.hermite_e.hermegauss(9)
        start, spread = self.mean[:, :1], np.sqrt(self.variance[:, :1])
        first = start + spread * nodes
        slope = self.with_first / self.variance[:, :1]
        mean = self.mean[:, None] + slope[:, None] * (first - start)[:, :, None]
        std = np.sqrt(np.maximum(self.variance - slope * self.with_first, 1e-12))[:, None]
        weights = (self.weights[:, None] * of_nodes / of_nodes.sum())[:, :, None]
        error = np.minimum(np.exp(first), 1.0)[:, :, None]
        low, high = (np.full((len(tails), mean.shape[2]), end) for end in (-1.0, 1.0))
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            for row, gain in enumerate(middle):
                left = np.log(np.maximum(error - gain, 1e-12))
                below = (weights * ndtr((mean - left) / std)).sum((0, 1)) < tails[row]
                low[row], high[row] = np.where(below, gain, low[row]), np.where(below, high[row], gain)
        return np.asarray((low + high) / 2)


def _posterior(n: Counts, values: Array, at: Counts, n_test: int | None) -> _Posterior:
    """Returns the mixture over c and q, for the mean over seeds."""
    n_seeds = len(values)
    n_test = n_test or TEST_ITEMS
    least = 0.5 / n_test
    y = np.log(np.maximum(1 - values, least))
    every, y = y, y.mean(0)
    u, x = np.log(n / n[0]), np.log(at / n[0])
    noise, q = (one.ravel() for one in np.meshgrid(NOISES, BENDS, indexing="ij"))
    run = noise[:, None] ** 2 * _binomial(y, n_test)
    prior = (y[0] + SLOPE * u, y[0] + SLOPE * x)
    known, across, there = _covariance(u, u, q), _covariance(x, u, q), _covariance(x, x[:1], q)[:, :, 0]
    known += np.eye(len(n)) * (run / n_seeds)[:, None]
    factor = np.linalg.cholesky(known)
    residual = np.linalg.solve(factor, np.broadcast_to((y - prior[0])[:, None], (len(q), len(n), 1)))
    pull = np.linalg.solve(factor, across.transpose(0, 2, 1))
    mean = prior[1] + (pull * residual).sum(1)
    own = LEVEL_STD**2 + SLOPE_STD**2 * x**2 + q[:, None] ** 2 * x**3 / 3
    variance = np.maximum(own - (pull**2).sum(1), 1e-12)
    with_first = there - (pull * pull[:, :, :1]).sum(1)
    fit = -0.5 * (residual[:, :, 0] ** 2).sum(1) - np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(1)
    fit += -0.5 * (np.log(noise / NOISE) / NOISE_STD) ** 2 - 0.5 * (q / BEND) ** 2 + _of_seeds(every, run)
    later = noise[:, None] ** 2 * _binomial(mean, n_test) / n_seeds
    weights = np.exp(fit - fit.max())
    kept = weights > 1e-5
    weights = weights[kept] / weights[kept].sum()
    return _Posterior(weights, mean[kept], variance[kept], with_first[kept], later[kept])


def _binomial(y: Array, n_test: int) -> Array:
    """Returns the variance of ln e that a test set of so many items gives, never that of less than half an error."""
    return np.asarray(np.clip(np.exp(-y) - 1, 0.5 / n_test, 2.0 * n_test) / n_test)


def _covariance(u: Array, v: Array, q: Array) -> Array:
    """Returns (G, U, V) prior covariances of f."""
    least, most = np.minimum.outer(u, v), np.maximum.outer(u, v)
    line = LEVEL_STD**2 + SLOPE_STD**2 * np.outer(u, v)
    bent: Array = line + (q**2)[:, None, None] * (least**2 * (3 * most - least) / 6)
    return bent


def _of_seeds(y: Array, run: Array) -> Array:
    """Returns (G,) log-likelihoods of what is left of (S, K) values without their seed's and their cycle's means."""
    n_seeds, n_counts = y.shape
    left = y - y.mean(0) - y.mean(1, keepdims=True) + y.mean()
    free = (n_seeds - 1) * (n_counts - 1) / n_counts
    squares = (left**2).sum(0) * n_counts / max(1, n_counts - 1)
    found: Array = -0.5 * (free * np.log(run) + squares * (n_counts - 1) / n_counts / run).sum(1)
    return found


def _quantiles(weights: Array, mean: Array, std: Array, tails: Array) -> Array:
    """Returns (T, P) quantiles of mixtures of Gaussians, by halving."""
    low = np.broadcast_to((mean - 9 * std).min(0), (len(tails), mean.shape[1])).copy()
    high = np.broadcast_to((mean + 9 * std).max(0), low.shape).copy()
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        share = np.einsum("g,gtp->tp", weights, ndtr((middle - mean[:, None]) / std[:, None]))
        below = share < tails[:, None]
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.asarray((low + high) / 2)


def _curves(n_labeled: ArrayLike, accuracy: ArrayLike) -> tuple[Counts, Array]:
    n = _counts("n_labeled", np.asarray(n_labeled))
    if len(n) < 2 or (np.diff(n) <= 0).any():
        raise InputError(f"n_labeled: expected two or more ascending label counts, got {_shown(n)}")
    values = np.asarray(accuracy)
    if values.dtype.kind not in "fiu":
        raise InputError(f"accuracy: expected numbers, got {values.dtype}")
    if values.ndim not in (1, 2) or values.shape[-1] != len(n) or values.size == 0:
        raise InputError(f"accuracy: expected ({len(n)},) or (S, {len(n)}), as many as counts, got {values.shape}")
    values = np.atleast_2d(values).astype(np.float64)
    wrong = values[~((values >= 0) & (values <= 1))]
    if len(wrong):
        raise InputError(f"accuracy: {len(wrong)} of {values.size} are no shares from 0 to 1, such as {wrong[0]:g}")
    return n, values


def _counts(name: str, values: NDArray[Any]) -> Counts:
    if values.ndim != 1 or values.dtype.kind not in "fiu" or not len(values):
        raise InputError(f"{name}: expected (K,) label counts, got {values.dtype} of shape {values.shape}")
    whole = (values >= 1) & (values <= MOST) & (values == np.floor(values))
    if not whole.all():
        raise InputError(f"{name}: expected whole label counts from 1 to {MOST}, got {values[~whole][0]:g}")
    return values.astype(np.int64)


def _test_items(n_test: int | None) -> int | None:
    if n_test is not None and (not is_whole(n_test) or n_test < 1):
        raise InputError(f"n_test: expected the number of test items or None, got {n_test!r}")
    return n_test


def _tails(level: float) -> Array:
    if not is_number(level) or not 0 < level < 1:
        raise InputError(f"level: expected a share above 0 and below 1, got {level!r}")
    return np.array([(1 - level) / 2, 0.5, (1 + level) / 2])


def _shown(values: Counts) -> str:
    return one_line(", ".join(map(str, values.tolist())), 80)
