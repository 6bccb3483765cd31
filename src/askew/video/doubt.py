"""Doubt in single detections, learned from annotated frames: costs for the graph cut that the thesis does not have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from askew.arrays import as_reals, is_whole
from askew.boxes import Detections, FrameDetections, as_frames, check_probabilities
from askew.errors import InputError
from askew.video.perspective import Perspective, perspective_of
from askew.video.truth import true_errors

SUREST = 1e-4
"""Scores nearer to 0 or 1 count as this near."""

RIDGE = 1.0
"""The penalty on squared weights of standardised features; it keeps them finite where a line separates the two."""


NARROWEST = 0.05
"""Features that spread less, 5% of a length, are taken to spread so: rounding alone may teach nothing."""

HEAVIEST = 1e6
"""The greatest weight that a doubt may have."""

PRIOR = 4.0
"""The same penalty on how far weights go from those of a doubt learned before."""

FEATURES = ("constant", "log-odds of the score", "ln height, less what its place leads to expect", "ln width / height")
"""What the weights of a doubt are of."""


@dataclass(frozen=True, eq=False)
class Doubt:
    """How likely a detection is wrong, by its score and the size and shape of its box: a logistic regression.

    Height is taken against the perspective of the video (`askew.video.perspective`), so what was learned from one
    camera means the same for another.

    Attributes:
        weights: (4,) float64, of 1, the score's log-odds, ln height less what the perspective leads to expect there,
            and ln(width / height).
        n_frames: how many annotated frames it was learned from, those of its prior included.

    Raises:
        InputError: not four finite weights, or a number of frames that is none.
    """

    weights: NDArray[np.float64]
    n_frames: int = 0

    def __post_init__(self) -> None:
        weights = as_reals("weights", self.weights)
        if weights.shape != (len(FEATURES),) or not (np.abs(weights) <= HEAVIEST).all():
            raise InputError(
                f"weights: expected {len(FEATURES)} numbers from {-HEAVIEST:g} to {HEAVIEST:g}, got {weights.tolist()}"
            )
        if not is_whole(self.n_frames) or self.n_frames < 0:
            raise InputError(f"n_frames: expected a whole number >= 0, got {self.n_frames!r}")
        object.__setattr__(self, "weights", weights)

    def log_odds(self, detections: Sequence[Detections], perspective: Perspective | None = None) -> NDArray[np.float64]:
        """Returns (K,) ln(p / (1 - p)), p the probability that the detection is wrong.

        Args:
            detections: one `Detections` a frame, of one video.
            perspective: that of the video; fitted to the detections if None.

        Raises:
            InputError: scores outside [0, 1].

        >>> twice = Doubt(np.array([0.0, -2, 0, 0]))
        >>> twice.log_odds([Detections([[0, 0, 9, 9]], [0.75], [0])]).round(3).tolist()
        [-2.197]
        """
        return _features(detections, perspective) @ self.weights


def learn_doubt(
    detections: Sequence[Detections],
    truth: Sequence[Detections],
    *,
    perspectives: Sequence[Perspective] | None = None,
    prior: Doubt | None = None,
    iou: float = 0.5,
) -> Doubt:
    """Learns which detections are wrong from frames that people have annotated, for `estimate_errors(doubt=...)`.

    A detector's confidence is seldom calibrated, and what it takes for an object by mistake is often of a size of its
    own; twenty annotated frames can tell. What is right and wrong is as in `true_errors`.

    Args:
        detections, truth: one `Detections` a frame, of the annotated frames only, of however many videos, in any order.
        perspectives: one a frame, that of its video (`perspective_of` all of the video's detections); if None, all
            frames are taken to be of one video, and its perspective is fitted to them.
        prior: what was learned before, from other videos or other frames: the fewer frames there are, the nearer the
            new weights stay to its.
        iou: overlap above which a detection is right, in [0, 1).

    Raises:
        InputError: as `true_errors`; scores outside [0, 1]; perspectives that are not one a frame; or, without a prior,
            frames in which no detection is right, or none wrong.

    >>> box = [[0, 0, 10, 10]]
    >>> found = [Detections(box, [score], [0]) for score in (0.9, 0.8, 0.4, 0.3)]
    >>> there = [Detections(box, [1], [0])] * 2 + [Detections.none()] * 2
    >>> odds = learn_doubt(found, there).log_odds(found)
    >>> bool(odds[0] < 0 < odds[3])
    True
    """
    found = as_frames("detections", detections)
    errors = true_errors(found, truth, iou=iou)
    wrong = np.concatenate([np.zeros(0, bool), *errors.suspected])
    if prior is None and (wrong.all() or not wrong.any()):
        which = "wrong" if len(wrong) and wrong.all() else "right"
        raise InputError(
            f"doubt cannot be learned: all {len(wrong)} detections of the {len(errors)} annotated frames are {which}"
        )
    features = _features_of_frames(found, perspectives)
    return Doubt(_fitted(features, wrong, prior), len(found) + (0 if prior is None else prior.n_frames))


def _fitted(features: NDArray[np.float64], wrong: NDArray[np.bool_], prior: Doubt | None) -> NDArray[np.float64]:
    """Returns the weights; features are standardised for the penalty, which draws to 0 or to the prior."""
    if not len(features) and prior is not None:
        return prior.weights
    middle, spread = features.mean(axis=0), features.std(axis=0)
    middle[0], spread[0] = 0, 1
    spread = np.maximum(spread, NARROWEST)
    standard = (features - middle) / spread
    if prior is None:
        fitted = _logistic(standard, wrong, np.zeros(len(middle)), RIDGE * np.r_[0, np.ones(len(middle) - 1)])
    else:
        towards = prior.weights * spread
        towards[0] += prior.weights[1:] @ middle[1:]
        fitted = _logistic(standard, wrong, towards, np.full(len(middle), PRIOR))
    fitted = fitted / spread
    fitted[0] -= fitted[1:] @ middle[1:]
    return np.asarray(fitted)


def _features_of_frames(frames: FrameDetections, perspectives: Sequence[Perspective] | None) -> NDArray[np.float64]:
    if perspectives is None:
        return _features(frames, None)
    if len(perspectives) != len(frames):
        raise InputError(f"perspectives: {len(perspectives)} for {len(frames)} frames; expected one each")
    rows = [_features([frame], seen) for frame, seen in zip(frames, perspectives, strict=True)]
    return np.concatenate([np.zeros((0, len(FEATURES))), *rows])


def _features(detections: Sequence[Detections], perspective: Perspective | None) -> NDArray[np.float64]:
    table = as_frames("detections", detections).table
    check_probabilities("doubt", table.scores)
    sure = np.clip(table.scores.astype(np.float64), SUREST, 1 - SUREST)
    sides = np.maximum(table.boxes[:, 2:].astype(np.float64) - table.boxes[:, :2], 1)
    height = (perspective or perspective_of(detections)).residuals(detections)
    shape = np.log(sides[:, 0]) - np.log(sides[:, 1])
    return np.stack([np.ones(len(sure)), np.log(sure / (1 - sure)), height, shape], axis=1)


def _logistic(
    features: NDArray[np.float64],
    positive: NDArray[np.bool_],
    towards: NDArray[np.float64],
    penalty: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Returns the weights of a logistic regression, each drawn to a number with a penalty on the squared distance."""
    from scipy.optimize import minimize  # late, for a quick `import askew`

    side = np.where(positive, 1.0, -1.0)

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margins, away = side * (features @ weights), weights - towards
        slope = -side * np.exp(-np.logaddexp(0, margins))
        value = np.logaddexp(0, -margins).sum() + 0.5 * penalty @ away**2
        return float(value), features.T @ slope + penalty * away

    return np.asarray(minimize(loss, towards, jac=True, method="L-BFGS-B").x)
