"""What the labelled test items say of a model: accuracy with its interval, class by class, and how sure it may be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from askew.arrays import Floats, Indices
from askew.kernels.calibration import BINS, calibration_error

LEVEL = 0.95
"""The share of repetitions whose interval holds the true accuracy."""


def wilson(right: int, n: int, level: float = LEVEL) -> tuple[float, float]:
    """Returns the ends of Wilson's interval of a share, of which `right` of `n` random draws are known.

    With z the normal quantile and p = right / n: (p + z²/2n ± z √(p(1 − p)/n + z²/4n²)) / (1 + z²/n). It never leaves
    [0, 1] and is honest for few draws. Wilson 1927, doi 10.1080/01621459.1927.10502953.

    >>> [round(end, 4) for end in wilson(8, 10)]
    [0.4902, 0.9433]
    """
    if n == 0:
        return 0.0, 1.0
    z = float(ndtri((1 + level) / 2))
    p, square = right / n, z * z / n
    half = z * math.sqrt(p * (1 - p) / n + square / (4 * n))
    low, high = ((p + square / 2 + side * half) / (1 + square) for side in (-1, 1))
    return max(0.0, low), min(1.0, high)


def measures(probs: Floats, truth: Indices, classes: Sequence[str]) -> dict[str, Any]:
    """Returns what a model's probabilities of the test items say, as plain values for JSON.

    Args:
        probs: (N, C) of the test items.
        truth: (N,) what people said they are.
        classes: C names.

    Returns:
        n_test; accuracy with low and high, Wilson's interval of 95%; mean_class_accuracy; per_class, a record of each
        class that occurs; calibration_error and the bins that it is made of. Without an item n_test alone.

    >>> found = measures(np.array([[0.9, 0.1], [0.6, 0.4]]), np.array([0, 1]), ["gull", "tern"])
    >>> found["accuracy"], found["calibration_error"]
    (0.5, 0.35)
    """
    if len(truth) == 0:
        return {"n_test": 0}
    guess, confidence = probs.argmax(axis=1), probs.max(axis=1).astype(np.float64)
    right = guess == truth
    per_class = [
        _share(int(right[truth == c].sum()), int((truth == c).sum())) | {"class": name}
        for c, name in enumerate(classes)
        if (truth == c).any()
    ]
    return {
        "n_test": len(truth),
        **_share(int(right.sum()), len(truth)),
        "mean_class_accuracy": float(np.mean([one["accuracy"] for one in per_class])),
        "per_class": per_class,
        "calibration_error": round(calibration_error(confidence, right), 6),
        "bins": _bins(confidence, right),
    }


def _share(right: int, n: int) -> dict[str, Any]:
    low, high = wilson(right, n)
    return {"n": n, "right": right, "accuracy": right / n, "low": low, "high": high}


def _bins(confidence: Floats, right: NDArray[np.bool_]) -> list[dict[str, Any]]:
    """Returns, of each bin of confidence that holds an item, how sure the model was and how often it was right."""
    places = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    return [
        {"confidence": float(confidence[places == b].mean()), **_share(int(right[places == b].sum()), int(n))}
        for b, n in enumerate(np.bincount(places, minlength=BINS))
        if n
    ]
