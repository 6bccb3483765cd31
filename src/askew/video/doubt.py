"""Doubt in single detections, learned from annotated frames: costs for the graph cut that the thesis does not have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from askew.boxes import Boxes, Detections, as_frames, check_probabilities
from askew.errors import InputError
from askew.video.truth import true_errors

SUREST = 1e-4
"""Scores nearer to 0 or 1 count as this near."""

RIDGE = 1.0
"""The penalty on squared weights of standardised features; it keeps them finite where a line separates the two."""


@dataclass(frozen=True, eq=False)
class Doubt:
    """How likely a detection is wrong, by its score and the size and shape of its box: a logistic regression.

    Attributes:
        weights: (4,) float64, of 1, the score's log-odds, ln height and ln(width / height), lengths in pixels.
    """

    weights: NDArray[np.float64]

    def log_odds(self, boxes: Boxes, scores: NDArray[np.float32]) -> NDArray[np.float64]:
        """Returns (K,) ln(p / (1 − p)), p the probability that the detection is wrong.

        Raises:
            InputError: scores outside [0, 1].

        >>> twice = Doubt(np.array([0.0, -2, 0, 0]))
        >>> twice.log_odds(np.array([[0, 0, 9, 9]], np.float32), np.array([0.75], np.float32)).round(3).tolist()
        [-2.197]
        """
        return _features(boxes, scores) @ self.weights


def learn_doubt(detections: Sequence[Detections], truth: Sequence[Detections], *, iou: float = 0.5) -> Doubt:
    """Learns which detections are wrong from frames that people have annotated, for `estimate_errors(doubt=…)`.

    A detector's confidence is seldom calibrated, and what it takes for an object by mistake is often of a size of its
    own; twenty annotated frames can tell. What is right and wrong is as in `true_errors`.

    Args:
        detections, truth: one `Detections` a frame, of the annotated frames only, of however many videos, in any order.
        iou: overlap above which a detection is right, in [0, 1).

    Raises:
        InputError: as `true_errors`; scores outside [0, 1]; or frames in which no detection is right, or none wrong.

    >>> box = [[0, 0, 10, 10]]
    >>> found = [Detections(box, [score], [0]) for score in (0.9, 0.8, 0.4, 0.3)]
    >>> there = [Detections(box, [1], [0])] * 2 + [Detections.none()] * 2
    >>> learned = learn_doubt(found, there)
    >>> bool(learned.log_odds(found[0].boxes, found[0].scores) < 0 < learned.log_odds(found[3].boxes, found[3].scores))
    True
    """
    found = as_frames("detections", detections)
    errors = true_errors(found, truth, iou=iou)
    wrong = np.concatenate([np.zeros(0, bool), *errors.suspected])
    if wrong.all() or not wrong.any():
        which = "wrong" if len(wrong) and wrong.all() else "right"
        raise InputError(
            f"doubt cannot be learned: all {len(wrong)} detections of the {len(errors)} annotated frames are {which}"
        )
    features = _features(found.table.boxes, found.table.scores)
    middle, spread = features.mean(axis=0), features.std(axis=0)
    middle[0], spread[0] = 0, 1
    spread[spread < 1e-9] = 1
    fitted = _logistic((features - middle) / spread, wrong) / spread
    fitted[0] -= fitted[1:] @ middle[1:]
    return Doubt(fitted)


def _features(boxes: Boxes, scores: NDArray[np.float32]) -> NDArray[np.float64]:
    check_probabilities("doubt", scores)
    sure = np.clip(scores.astype(np.float64), SUREST, 1 - SUREST)
    sides = np.maximum(boxes[:, 2:].astype(np.float64) - boxes[:, :2], 1)
    height = np.log(sides[:, 1])
    return np.stack([np.ones(len(sure)), np.log(sure / (1 - sure)), height, np.log(sides[:, 0]) - height], axis=1)


def _logistic(features: NDArray[np.float64], positive: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Returns the weights of a logistic regression whose first feature, the constant, goes unpenalised."""
    from scipy.optimize import minimize  # late, for a quick `import askew`

    side = np.where(positive, 1.0, -1.0)
    penalty = RIDGE * np.r_[0, np.ones(features.shape[1] - 1)]

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margins = side * (features @ weights)
        slope = -side * np.exp(-np.logaddexp(0, margins))
        value = np.logaddexp(0, -margins).sum() + 0.5 * penalty @ weights**2
        return float(value), features.T @ slope + penalty * weights

    return np.asarray(minimize(loss, np.zeros(features.shape[1]), jac=True, method="L-BFGS-B").x)
