"""Student's interval of a mean: what every claim about seeds, or about data sets, rests on."""

from __future__ import annotations

from typing import Any

import numpy as np

CONFIDENCE = 0.95


def half_width(spread: Any, n: Any, confidence: float = CONFIDENCE) -> Any:
    """Returns half the width of Student's interval of a mean, t · s / √n; NaN for a single value.

    Args:
        spread: s, the standard deviation of the values (divisor n − 1), a number or an array.
        n: how many values there are, such as seeds; as many numbers.
        confidence: of the two-sided interval.

    >>> [round(float(half_width(1.0, n)), 2) for n in (3, 10)]
    [2.48, 0.72]
    """
    return quantile(confidence, n) * spread / np.sqrt(np.maximum(n, 1))


def quantile(confidence: float, n: Any) -> Any:
    """Returns Student's t that a two-sided interval over n values reaches to; NaN for a single value."""
    from scipy.special import stdtrit  # not needed where nothing is claimed, and it takes a while to import

    degrees = np.where(np.asarray(n) > 1, np.asarray(n) - 1.0, np.nan)
    return stdtrit(degrees, 0.5 + confidence / 2)
