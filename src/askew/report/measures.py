"""What learning curves say: means and gains paired by seed, each with an interval over the seeds.

Every interval is Student's t over seeds. Two curves are compared seed by seed: a seed fixes the initial set and the
training, so the difference within a seed varies less than either curve. Nothing is extrapolated: curves are compared at
levels that both reach.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from askew.errors import InputError
from askew.intervals import CONFIDENCE, half_width

Floats = NDArray[np.float64]

FEWEST_SEEDS = 3
"""A difference is called one from so many seeds on: the spread of two is anything, by chance next to nothing too."""


@dataclass(frozen=True, eq=False)
class Curves:
    """The learning curves of one strategy: one row a seed, one column a label count.

    Attributes:
        n_labeled: (K,) label counts, ascending.
        values: (S, K) the metric, higher is better; NaN where a run has not come that far.
        seeds: (S,) which seed a row is.
    """

    n_labeled: NDArray[np.int64]
    values: Floats
    seeds: NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.values.shape != (len(self.seeds), len(self.n_labeled)):
            raise InputError(
                f"values: expected one row for each of {len(self.seeds)} seeds and one column for each of "
                f"{len(self.n_labeled)} label counts, got {self.values.shape}"
            )
        if len(self.n_labeled) == 0 or (np.diff(self.n_labeled) <= 0).any():
            raise InputError(f"n_labeled: expected ascending label counts, got {self.n_labeled.tolist()}")


@dataclass(frozen=True, eq=False)
class Interval:
    """Means over seeds with their two-sided interval; the ends are NaN where fewer than two seeds were measured.

    Attributes:
        n_labeled: (K,) label counts.
        mean, low, high: (K,) floats.
        n_seeds: (K,) how many seeds each rests on.
    """

    n_labeled: NDArray[np.int64]
    mean: Floats
    low: Floats
    high: Floats
    n_seeds: NDArray[np.int64]

    def at(self, column: int) -> Estimate:
        """Returns one column as an `Estimate`."""
        return Estimate(
            float(self.mean[column]), float(self.low[column]), float(self.high[column]), int(self.n_seeds[column])
        )


@dataclass(frozen=True)
class Estimate:
    """One mean over seeds with its interval; the ends are NaN with fewer than two seeds.

    `over` holds the first and the last label count of a mean over label counts.
    """

    mean: float
    low: float
    high: float
    n_seeds: int
    over: tuple[int, int] | None = None

    @property
    def sign(self) -> int:
        """1 if the whole interval lies above 0, -1 if below; 0 if it covers 0 or rests on fewer than `FEWEST_SEEDS`."""
        return sign_of(self.low, self.high, self.n_seeds)


def sign_of(low: float, high: float, n_seeds: int) -> int:
    """Returns 1 if an interval lies above 0, -1 if below; 0 if it covers 0 or rests on fewer than `FEWEST_SEEDS`."""
    return 0 if n_seeds < FEWEST_SEEDS else int(low > 0) - int(high < 0)


def mean_std_at(curves: Curves) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Returns the (K,) means and standard deviations (divisor S − 1) over the seeds that got there, and how many.

    The deviation is NaN where there is one seed, the mean too where there is none.

    >>> curves = Curves(np.array([10, 20]), np.array([[0.5, 0.8], [0.7, np.nan]]), np.array([0, 1]))
    >>> mean, std, n_seeds = mean_std_at(curves)
    >>> mean.round(3), std.round(3), n_seeds
    (array([0.6, 0.8]), array([0.141,   nan]), array([2, 1]))
    """
    return mean_std(curves.values)


def mean_std(values: Floats) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Returns the same as `mean_std_at` of (S, K) values."""
    there = np.isfinite(values)
    n = there.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(there, values, 0).sum(axis=0) / n
        squares = (np.where(there, values - mean, 0) ** 2).sum(axis=0)
        std = np.sqrt(squares / np.where(n > 1, n - 1, np.nan))
    return mean, std, n.astype(np.int64)


def interval(values: Floats, confidence: float = CONFIDENCE) -> tuple[Floats, Floats, Floats, NDArray[np.int64]]:
    """Returns mean, low, high and number of seeds of each column of (S, K) values: mean ± t · std / √S.

    >>> mean, low, high, n = interval(np.array([[1.0], [2.0], [3.0]]))   # t = 4.303 with 2 degrees of freedom
    >>> mean, low.round(3), high.round(3), n
    (array([2.]), array([-0.484]), array([4.484]), array([3]))
    """
    mean, std, n = mean_std(values)
    half = half_width(std, n, confidence)
    return mean, mean - half, mean + half, n


def paired(a: Curves, b: Curves) -> tuple[Curves, Curves]:
    """Returns both curves on the seeds and label counts that they share.

    Raises:
        InputError: they share no seed or no label count.
    """
    seeds, rows_a, rows_b = np.intersect1d(a.seeds, b.seeds, return_indices=True)
    counts, columns_a, columns_b = np.intersect1d(a.n_labeled, b.n_labeled, return_indices=True)
    if len(seeds) == 0:
        raise InputError(f"no seed in common: {a.seeds.tolist()} and {b.seeds.tolist()}")
    if len(counts) == 0:
        raise InputError(f"no label count in common: {a.n_labeled.tolist()} and {b.n_labeled.tolist()}")
    return (
        Curves(counts, a.values[np.ix_(rows_a, columns_a)], seeds),
        Curves(counts, b.values[np.ix_(rows_b, columns_b)], seeds),
    )


def paired_gain(a: Curves, b: Curves, confidence: float = CONFIDENCE) -> Interval:
    """Returns how far `a` is above `b` at each label count, paired by seed (Tables 4.1–4.3 of the thesis).

    See `complete` for what happens while runs are unfinished.

    >>> counts, seeds = np.array([100]), np.array([0, 1, 2])
    >>> a = Curves(counts, np.array([[0.82], [0.85], [0.84]]), seeds)
    >>> b = Curves(counts, np.array([[0.80], [0.84], [0.82]]), seeds)
    >>> gain = paired_gain(a, b).at(0)
    >>> round(gain.mean, 4), round(gain.low, 4), round(gain.high, 4), gain.sign
    (0.0167, 0.0023, 0.031, 1)
    """
    both = finished(a, b)
    if both is None:
        raise InputError("no label count that seeds of both have reached")
    a, b = both
    return Interval(a.n_labeled, *interval(a.values - b.values, confidence))


def area(curves: Curves) -> Floats:
    """Returns the (S,) areas under the curves over their range of label counts, divided by it: the mean metric.

    The trapezoid rule; NaN for a run that misses a point. One label count is its own mean.

    >>> area(Curves(np.array([10, 20, 40]), np.array([[0.5, 0.7, 0.9]]), np.array([0]))).round(4)
    array([0.7333])
    """
    steps = np.diff(curves.n_labeled)
    if len(steps) == 0:
        return np.array(curves.values[:, 0])
    middles = (curves.values[:, 1:] + curves.values[:, :-1]) / 2
    return np.asarray((middles * steps).sum(axis=1) / steps.sum())


def complete(values: Floats) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Returns the (S,) seeds and (K,) label counts of (S, K) values to compare on while some runs are unfinished.

    The seeds that reached every count, if there are two or more; otherwise every seed that began, on the counts that
    all of these reached.

    >>> complete(np.array([[0.5, 0.6], [0.5, 0.7], [0.4, np.nan]]))
    (array([ True,  True, False]), array([ True,  True]))
    """
    there = np.isfinite(values)
    rows: NDArray[np.bool_] = np.asarray(there.all(axis=1))
    if rows.sum() < 2:
        rows = np.asarray(there.any(axis=1))
    columns: NDArray[np.bool_] = np.asarray(there[rows].all(axis=0) & rows.any())
    return rows, columns


def area_gain(a: Curves, b: Curves, confidence: float = CONFIDENCE) -> Estimate:
    """Returns how far `a` is above `b` on the mean over the label counts they share, paired by seed.

    See `area` for the mean and `complete` for what happens while runs are unfinished; NaN if nothing can be compared.
    """
    both = finished(a, b)
    if both is None:
        return Estimate(math.nan, math.nan, math.nan, 0)
    a, b = both
    difference = Curves(a.n_labeled, a.values - b.values, a.seeds)
    mean, low, high, n = interval(area(difference)[:, None], confidence)
    over = int(a.n_labeled[0]), int(a.n_labeled[-1])
    return Estimate(float(mean[0]), float(low[0]), float(high[0]), int(n[0]), over)


def finished(a: Curves, b: Curves) -> tuple[Curves, Curves] | None:
    """Returns both curves on the seeds and label counts that they can be compared on, or None if there is none.

    See `complete`.
    """
    a, b = paired(a, b)
    rows, columns = complete(a.values - b.values)
    if not columns.any():
        return None
    at = np.ix_(rows, columns)
    return (
        Curves(a.n_labeled[columns], a.values[at], a.seeds[rows]),
        Curves(b.n_labeled[columns], b.values[at], b.seeds[rows]),
    )


def relative_to_full(curves: Curves, full: Curves) -> Curves:
    """Returns the curves divided by what training on everything reaches with the same seed, or else on average.

    >>> full = Curves(np.array([1000]), np.array([[0.9]]), np.array([0]))
    >>> relative_to_full(Curves(np.array([10, 20]), np.array([[0.45, 0.81]]), np.array([0])), full).values
    array([[0.5, 0.9]])
    """
    reached = full.values[:, -1]
    of_seed = dict(zip(full.seeds.tolist(), reached.tolist(), strict=True))
    mean = float(np.nanmean(reached))
    divisor = np.array([of_seed[s] if math.isfinite(of_seed.get(s, math.nan)) else mean for s in curves.seeds.tolist()])
    return Curves(curves.n_labeled, curves.values / divisor[:, None], curves.seeds)
