"""Labels saved: how many a strategy needs for what random reaches, and how many random itself needs for it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from askew.errors import InputError
from askew.intervals import CONFIDENCE, half_width
from askew.report.measures import Curves, Floats, finished, mean_std, sign_of

TOLERANCE = 1e-12
"""Two levels that differ by no more are the same."""


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
        return sign_of(self.low, self.high, self.n_seeds)


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
        _, std, n = mean_std(values)
        half = half_width(std, n, confidence)
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
