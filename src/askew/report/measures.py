"""What learning curves say: means, gains paired by seed, labels saved, each with an interval over the seeds.

Every interval is Student's t over seeds. Two curves are compared seed by seed: a seed fixes the initial set and the
training, so the difference within a seed varies less than either curve. Nothing is extrapolated: curves are compared at
levels that both reach.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from askew.errors import InputError

Floats = NDArray[np.float64]

CONFIDENCE = 0.95
TOLERANCE = 1e-12
"""Two levels that differ by no more are the same."""

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
        return _sign(self.low, self.high, self.n_seeds)


@dataclass(frozen=True)
class Saving:
    """How many labels a strategy saves against random at a level that both reach; negative if it needs more.

    Attributes:
        n_labeled: the label count that sets the level.
        level: the metric that both reach.
        random_needs, needs: labels that random and the strategy need for the level.
        first: the first label count measured; a need that equals it may be smaller.
        low, high: the interval of `saved`; NaN with fewer than two seeds.
        n_seeds: how many seeds it rests on.
    """

    n_labeled: int
    level: float
    random_needs: float
    needs: float
    first: int
    low: float
    high: float
    n_seeds: int

    @property
    def saved(self) -> float:
        """The labels that random needs more than the strategy."""
        return self.random_needs - self.needs

    @property
    def sign(self) -> int:
        """1 if the whole interval lies above 0, -1 if below; 0 if it covers 0 or rests on fewer than `FEWEST_SEEDS`."""
        return _sign(self.low, self.high, self.n_seeds)


@dataclass(frozen=True)
class Verdict:
    """What Holm's procedure says of one of several comparisons.

    Attributes:
        confidence: of the interval that it is judged by; see `holm`.
        sign: 1 if it is shown to be above 0, -1 if below, 0 if nothing is shown.
    """

    confidence: float
    sign: int


def _sign(low: float, high: float, n_seeds: int) -> int:
    return 0 if n_seeds < FEWEST_SEEDS else int(low > 0) - int(high < 0)


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
    half = half_width(std, n, confidence)
    return mean, mean - half, mean + half, n


def half_width(spread: Any, n_seeds: Any, confidence: float = CONFIDENCE) -> Any:
    """Returns half the width of Student's interval of a mean over seeds; NaN for one seed.

    Args:
        spread: standard deviation over the seeds, a number or an array.
        n_seeds: how many, as many numbers.

    >>> [round(float(half_width(1.0, n)), 2) for n in (3, 10)]
    [2.48, 0.72]
    """
    return _t(confidence, n_seeds) * spread / np.sqrt(np.maximum(n_seeds, 1))


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


def p_value(gain: Estimate) -> float:
    """Returns the two-sided p-value of Student's t test that a gain with a 95% interval is 0.

    1 with fewer than `FEWEST_SEEDS` seeds, which show nothing; 0 if all seeds have the same gain, and it is not 0.

    >>> mean, low, high, n = interval(np.array([[1.0], [2.0], [3.0]]))   # t = 2 / (1 / √3) with 2 degrees of freedom
    >>> round(p_value(Estimate(mean[0], low[0], high[0], n[0])), 4)
    0.0742
    """
    if gain.n_seeds < FEWEST_SEEDS or not math.isfinite(gain.high):
        return 1.0
    error = (gain.high - gain.mean) / float(_t(CONFIDENCE, gain.n_seeds))
    if error == 0:
        return float(gain.mean == 0)
    return float(2 * stdtr(gain.n_seeds - 1, -abs(gain.mean) / error))


def holm(gains: Sequence[Estimate]) -> list[Verdict]:
    """Returns what several gains show together, with 5% for one or more false verdicts among them (Holm 1979).

    In the order of their p-values, the k-th of m, counted from 0, is shown if p ≤ 0.05 / (m − k) and all before it are.
    Its interval has the confidence 1 − 0.05 / (m − k), and from the first that is not shown on, all have that one's: so
    an interval leaves out 0 exactly where something is shown.

    >>> few = [Estimate(1.0, 0.5, 1.5, 10), Estimate(1.0, 0.01, 1.99, 10), Estimate(-1.0, -1.6, -0.4, 10)]
    >>> [(round(verdict.confidence, 4), verdict.sign) for verdict in holm(few)]
    [(0.9833, 1), (0.95, 1), (0.975, -1)]
    """
    p = [p_value(gain) for gain in gains]
    found: dict[int, Verdict] = {}
    shown, level = True, 0.0
    for k, place in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        if shown:
            level = (1 - CONFIDENCE) / (len(p) - k)
            shown = p[place] <= level
        sign = 0 if not shown else 1 if gains[place].mean > 0 else -1
        found[place] = Verdict(CONFIDENCE if level == 1 - CONFIDENCE else 1 - level, sign)
    return [found[i] for i in range(len(p))]


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


def labels_needed(counts: NDArray[np.int64], rising: Floats, level: float) -> float:
    """Returns the least label count at which a rising curve, straight between its counts, is at the level.

    The first count if the curve starts above the level.

    >>> round(labels_needed(np.array([100, 200, 400]), np.array([0.5, 0.6, 0.7]), 0.65), 9)
    300.0

    Raises:
        InputError: the curve ends below the level: nothing is extrapolated.
    """
    after = int(np.searchsorted(rising, level - TOLERANCE))
    if after == len(rising):
        raise InputError(f"level: {level} lies above the curve's end, {rising[-1]}")
    if after == 0:
        return float(counts[0])
    share = (level - rising[after - 1]) / (rising[after] - rising[after - 1])
    return float(counts[after - 1] + min(share, 1.0) * (counts[after] - counts[after - 1]))


def label_savings(strategy: Curves, random: Curves, confidence: float = CONFIDENCE) -> list[Saving]:
    """Returns, for each label count that both share, how many labels the strategy saves.

    With s and r the rising curves nearest to the two means over seeds (`isotonic`), the level of count n is
    min(s(n), r(n)): what both reach with n labels. Each curve needs for it what `labels_needed` says, random too, and
    the difference is what is saved. The rule is the same for both sides, so two strategies that ask alike save 0 on
    average. The interval is Student's t over the jackknife's values of the difference (Tukey 1958): the whole
    computation again without each seed. No interval ends beyond the range of the label counts.

    >>> counts, seeds = np.array([100, 200, 300]), np.array([0, 1])
    >>> random = Curves(counts, np.array([[0.5, 0.6, 0.7], [0.5, 0.6, 0.7]]), seeds)
    >>> strategy = Curves(counts, np.array([[0.5, 0.65, 0.8], [0.5, 0.65, 0.8]]), seeds)
    >>> [(one.random_needs, round(one.needs, 1)) for one in label_savings(strategy, random)]
    [(100.0, 100.0), (200.0, 166.7), (300.0, 233.3)]

    See `complete` for what happens while runs are unfinished.
    """
    both = finished(strategy, random)
    if both is None:
        return []
    strategy, random = both
    counts, n_seeds = strategy.n_labeled, len(strategy.seeds)
    whole = _needs(counts, strategy.values, random.values)
    low, high = np.full((2, len(counts)), math.nan)
    if n_seeds > 1:
        others = [np.arange(n_seeds) != i for i in range(n_seeds)]
        without = np.array([_saved(_needs(counts, strategy.values[o], random.values[o])) for o in others])
        values = n_seeds * _saved(whole) - (n_seeds - 1) * without
        _, std, n = _mean_std(values)
        half = _t(confidence, n) * std / math.sqrt(n_seeds)
        widest = float(counts[-1] - counts[0])
        low, high = np.clip(_saved(whole) + np.stack([-half, half]), -widest, widest)
    first = int(counts[0])
    return [
        Saving(int(n), float(level), float(theirs), float(mine), first, float(low[k]), float(high[k]), n_seeds)
        for k, (n, (level, theirs, mine)) in enumerate(zip(counts, whole, strict=True))
    ]


def _needs(counts: NDArray[np.int64], strategy: Floats, random: Floats) -> Floats:
    """Returns for each count the level, what random needs for it and what the strategy needs for it."""
    s, r = isotonic(strategy.mean(axis=0)), isotonic(random.mean(axis=0))
    levels = np.minimum(s, r).tolist()
    return np.array([(level, labels_needed(counts, r, level), labels_needed(counts, s, level)) for level in levels])


def _saved(needs: Floats) -> Floats:
    return np.asarray(needs[:, 1] - needs[:, 2])
