"""What several gains show together: Holm's procedure on the p-values of Student's t test."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import stdtr

from askew.intervals import CONFIDENCE, quantile
from askew.report.measures import FEWEST_SEEDS, Estimate


@dataclass(frozen=True)
class Verdict:
    """What Holm's procedure says of one of several comparisons.

    Attributes:
        confidence: of the interval that it is judged by; see `holm`.
        sign: 1 if it is shown to be above 0, -1 if below, 0 if nothing is shown.
    """

    confidence: float
    sign: int


def p_value(gain: Estimate) -> float:
    """Returns the two-sided p-value of Student's t test that a gain with a 95% interval is 0.

    1 with fewer than `FEWEST_SEEDS` seeds, which show nothing; 0 if all seeds have the same gain, and it is not 0.

    >>> import numpy as np
    >>> from askew.report.measures import interval
    >>> mean, low, high, n = interval(np.array([[1.0], [2.0], [3.0]]))   # t = 2 / (1 / √3) with 2 degrees of freedom
    >>> round(p_value(Estimate(mean[0], low[0], high[0], n[0])), 4)
    0.0742
    """
    if gain.n_seeds < FEWEST_SEEDS or not math.isfinite(gain.high):
        return 1.0
    error = (gain.high - gain.mean) / float(quantile(CONFIDENCE, gain.n_seeds))
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
