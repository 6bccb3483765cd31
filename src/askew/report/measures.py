"""What learning curves say: means, gains paired by seed, labels saved, each with an interval over the seeds.

Every interval is Student's t over seeds. Two curves are compared seed by seed: a seed fixes the initial set and the
training, so the difference within a seed varies less than either curve. Nothing is extrapolated: what lies beyond the
last measured label count is said to lie beyond it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from askew.errors import InputError

Floats = NDArray[np.float64]

CONFIDENCE = 0.95
MOST_GRID_POINTS = 20_001

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
        if self.n_seeds < FEWEST_SEEDS:
            return 0
        return int(self.low > 0) - int(self.high < 0)


@dataclass(frozen=True)
class LabelsNeeded:
    """How many labels a curve needs to reach a level; an end beyond the measured counts is that count and `censored`.

    Attributes:
        labels: the estimate.
        low, high: the interval; NaN with fewer than two seeds.
        n_seeds: how many seeds it rests on.
        labels_censored: "" if measured, ">" if the curve ends below the level, "<" if it starts above it.
        low_censored, high_censored: the same of the interval's ends.
    """

    labels: float
    low: float
    high: float
    n_seeds: int
    labels_censored: str = ""
    low_censored: str = ""
    high_censored: str = ""


def mean_std_at(curves: Curves) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Returns the (K,) means and standard deviations (divisor S − 1) over the seeds that got there, and how many.

    The deviation is NaN where there is one seed, the mean too where there is none.

    >>> curves = Curves(np.array([10, 20]), np.array([[0.5, 0.8], [0.7, np.nan]]), np.array([0, 1]))
    >>> mean, std, n_seeds = mean_std_at(curves)
    >>> mean.round(3), std.round(3), n_seeds
    (array([0.6, 0.8]), array([0.141,   nan]), array([2, 1]))
    """
    return _mean_std(curves.values)


def _mean_std(values: Floats) -> tuple[Floats, Floats, NDArray[np.int64]]:
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
    mean, std, n = _mean_std(values)
    half = _t(confidence, n) * std / np.sqrt(np.maximum(n, 1))
    return mean, mean - half, mean + half, n


def _t(confidence: float, n: Any) -> Any:
    degrees = np.where(np.asarray(n) > 1, np.asarray(n) - 1.0, np.nan)
    return stdtrit(degrees, 0.5 + confidence / 2)


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

    >>> counts, seeds = np.array([100]), np.array([0, 1, 2])
    >>> a = Curves(counts, np.array([[0.82], [0.85], [0.84]]), seeds)
    >>> b = Curves(counts, np.array([[0.80], [0.84], [0.82]]), seeds)
    >>> gain = paired_gain(a, b).at(0)
    >>> round(gain.mean, 4), round(gain.low, 4), round(gain.high, 4), gain.sign
    (0.0167, 0.0023, 0.031, 1)
    """
    a, b = paired(a, b)
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
    a, b = paired(a, b)
    rows, columns = complete(a.values - b.values)
    if not columns.any():
        return Estimate(math.nan, math.nan, math.nan, 0)
    difference = Curves(a.n_labeled[columns], (a.values - b.values)[np.ix_(rows, columns)], a.seeds[rows])
    mean, low, high, n = interval(area(difference)[:, None], confidence)
    over = int(difference.n_labeled[0]), int(difference.n_labeled[-1])
    return Estimate(float(mean[0]), float(low[0]), float(high[0]), int(n[0]), over)


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


def isotonic(values: Floats) -> Floats:
    """Returns the non-decreasing (K,) sequence nearest to `values` in squares, max_{s≤i} min_{t≥i} mean(s..t).

    A learning curve rises in truth and wobbles in measurement; this is the rising curve nearest to it. O(K²).

    >>> isotonic(np.array([0.5, 0.8, 0.6, 0.9]))
    array([0.5, 0.7, 0.7, 0.9])
    """
    sums = np.concatenate([[0.0], np.cumsum(values)])
    starts, ends = np.arange(len(values))[:, None], np.arange(len(values))[None, :]
    means = (sums[ends + 1] - sums[starts]) / np.maximum(ends - starts + 1, 1)
    from_right = np.minimum.accumulate(means[:, ::-1], axis=1)[:, ::-1]
    return np.array([from_right[: i + 1, i].max() for i in range(len(values))])


def labels_needed(curves: Curves, levels: Floats, confidence: float = CONFIDENCE) -> LabelsNeeded:
    """Returns how many labels the curves need to reach the (S,) levels, one a seed.

    The estimate is where the rising curve nearest to the mean (`isotonic`, straight between the measured counts) meets
    the mean level. The interval is the test turned round (Fieller 1954): every count m at which the seeds' differences
    level − curve(m), paired by seed, do not differ from 0 by Student's t. So it is wide where the curve is flat, and
    nothing beyond the last measured count is guessed: such an end is that count, marked ">".

    >>> random = Curves(np.array([100, 200, 300]), np.array([[0.5, 0.6, 0.7], [0.5, 0.6, 0.7]]), np.array([0, 1]))
    >>> labels_needed(random, np.array([0.65, 0.65]))
    LabelsNeeded(labels=250.0, low=250.0, high=250.0, n_seeds=2, ...)

    Only seeds with a level; see `complete` for what happens while runs are unfinished.
    """
    rows, columns = complete(np.where(np.isfinite(levels)[:, None], curves.values, np.nan))
    if not columns.any():
        return LabelsNeeded(math.nan, math.nan, math.nan, 0)
    counts, values, levels = curves.n_labeled[columns], curves.values[np.ix_(rows, columns)], levels[rows]
    labels, censored = _first_reach(counts, isotonic(values.mean(axis=0)), float(levels.mean()))
    if len(levels) < 2:
        return LabelsNeeded(labels, math.nan, math.nan, 1, censored)
    low, low_censored, high, high_censored = _accepted(counts, values, levels, confidence)
    if labels < low:
        low, low_censored = labels, censored
    if labels > high:
        high, high_censored = labels, censored
    return LabelsNeeded(labels, low, high, len(levels), censored, low_censored, high_censored)


def _first_reach(counts: NDArray[np.int64], rising: Floats, level: float) -> tuple[float, str]:
    """Returns the first count at which a rising curve is at the level, and whether it lies outside the counts."""
    tolerance = 1e-12
    if level > rising[-1] + tolerance:
        return float(counts[-1]), ">"
    if level <= rising[0] + tolerance:
        return float(counts[0]), "<" if level < rising[0] - tolerance else ""
    after = int(np.argmax(rising >= level - tolerance))
    share = (level - rising[after - 1]) / (rising[after] - rising[after - 1])
    return float(counts[after - 1] + min(share, 1.0) * (counts[after] - counts[after - 1])), ""


def _accepted(
    counts: NDArray[np.int64], values: Floats, levels: Floats, confidence: float
) -> tuple[float, str, float, str]:
    """Returns the least and the greatest count that the paired t test does not refuse, and whether each is an end."""
    span = int(counts[-1] - counts[0])
    grid = np.linspace(counts[0], counts[-1], min(span + 1, MOST_GRID_POINTS))
    difference = levels[:, None] - np.stack([np.interp(grid, counts, row) for row in values])
    _, low, high, _ = interval(difference, confidence)
    accepted = np.flatnonzero((low <= 1e-12) & (high >= -1e-12))
    if len(accepted) == 0:
        crossings = np.flatnonzero(np.diff(np.sign(difference.mean(axis=0))))
        if len(crossings):
            return float(grid[crossings[0]]), "", float(grid[crossings[-1] + 1]), ""
        end, mark = (counts[-1], ">") if low[-1] > 0 else (counts[0], "<")
        return float(end), mark, float(end), mark
    first, last = int(accepted[0]), int(accepted[-1])
    below = "<" if first == 0 and high[0] > 1e-12 and low[0] < -1e-12 else ""
    above = ">" if last == len(grid) - 1 and high[-1] > 1e-12 else ""
    return float(grid[first]), below, float(grid[last]), above


def label_savings(strategy: Curves, random: Curves, confidence: float = CONFIDENCE) -> list[LabelsNeeded]:
    """Returns, for each label count that both share, the labels that random needs for what the strategy reaches there.

    Savings are the difference to the strategy's own count. See `labels_needed` for estimate and interval.

    >>> counts, seeds = np.array([100, 200, 300]), np.array([0, 1])
    >>> random = Curves(counts, np.array([[0.5, 0.6, 0.7], [0.5, 0.6, 0.7]]), seeds)
    >>> strategy = Curves(counts, np.array([[0.5, 0.65, 0.8], [0.5, 0.65, 0.8]]), seeds)
    >>> [(needed.labels_censored, needed.labels) for needed in label_savings(strategy, random)]
    [('', 100.0), ('', 250.0), ('>', 300.0)]
    """
    strategy, random = paired(strategy, random)
    return [labels_needed(random, strategy.values[:, k], confidence) for k in range(len(strategy.n_labeled))]
