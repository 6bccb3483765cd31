"""One score a frame, higher = ask first: estimated errors, and the uncertainty baselines of section 2.5.2."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from askew.arrays import first_few, is_whole
from askew.errors import InputError, unknown
from askew.video.boxes import Detections, as_frames
from askew.video.frame_errors import FrameErrors

Scores = NDArray[np.float64]

ERRORS = ("fp", "fn", "fp+fn")


def error_scores(errors: FrameErrors, what: str = "fp") -> Scores:
    """Returns (L,) the number of errors of each frame: "fp" (the acquisition function of the text), "fn" or "fp+fn".

    >>> from askew.video import StaticTracker, estimate_errors
    >>> error_scores(estimate_errors([Detections.none()] * 2, StaticTracker()), "fp+fn").tolist()
    [0.0, 0.0]
    """
    if what not in ERRORS:
        raise unknown("error score", what, ERRORS)
    wrong = errors.false_positives if "fp" in what else 0
    missed = errors.false_negatives if "fn" in what else 0
    return np.asarray(wrong + missed, dtype=np.float64)


def least_confidence(detections: Sequence[Detections]) -> Scores:
    """Returns (L,) one less the mean score of each frame's detections, in [0, 1]; 0 for a frame without any.

    The score is the probability of the best class where `probs` is given, else the detector's own.

    Raises:
        InputError: scores outside [0, 1].

    >>> least_confidence([Detections([[0, 0, 1, 1]] * 2, [0.5, 0.75], [0, 0]), Detections.none()]).tolist()
    [0.375, 0.0]
    """
    return _per_frame(detections, _doubt, np.mean)


def entropy(detections: Sequence[Detections]) -> Scores:
    """Returns (L,) the mean entropy of the class distributions of each frame's detections, in nats; 0 if none.

    Raises:
        InputError: a frame's detections lack `probs`.

    >>> even = Detections([[0, 0, 1, 1]], [0.5], [0], probs=[[0.5, 0.5]])
    >>> entropy([even, Detections.none()]).round(4).tolist()
    [0.6931, 0.0]
    """
    return _per_frame(detections, _entropy, np.mean)


def margin(detections: Sequence[Detections]) -> Scores:
    """Returns (L,) the sum over each frame's detections of 1 - (best - second-best class probability); 0 if none.

    The text sums "the difference between the two classes with the highest scores". Here each is taken from 1, so that
    higher is closer to a decision boundary and a frame without detections scores nothing (Brust et al., 2018).

    Raises:
        InputError: a frame's detections lack `probs`, or there is but one class.

    >>> two = Detections([[0, 0, 1, 1]] * 2, [0.5, 0.75], [0, 1], probs=[[0.5, 0.5], [0.25, 0.75]])
    >>> margin([two]).tolist()
    [1.5]
    """
    return _per_frame(detections, _closeness, np.sum)


def expected_objects(detections: Sequence[Detections], n_classes: int) -> NDArray[np.float64]:
    """Returns (L, C) the expected number of objects of each class in each frame: the P of Eq. 4.8 for video.

    The sum of the detections' class distributions where `probs` is given (columns from `n_classes` on, such as
    background, are left out), else of their scores, each at its class. Rows do not sum to 1.

    Raises:
        InputError: a class beyond `n_classes`, or scores outside [0, 1].

    >>> expected_objects([Detections([[0, 0, 1, 1]] * 2, [0.5, 0.75], [0, 2])], 3).tolist()
    [[0.5, 0.0, 0.75]]
    """
    frames = as_frames("detections", detections)
    if not is_whole(n_classes) or n_classes < 0:
        raise InputError(f"n_classes: expected a whole number >= 0, got {n_classes!r}")
    out = np.zeros((len(frames), n_classes))
    for i, frame in enumerate(frames):
        if len(frame) and frame.classes.max() >= n_classes:
            raise InputError(f"n_classes: {n_classes}, but frame {i} has a detection of class {frame.classes.max()}")
        if frame.probs is not None:
            known = frame.probs[:, :n_classes]
            out[i, : known.shape[1]] = known.sum(axis=0, dtype=np.float64)
        else:
            np.add.at(out[i], frame.classes, 1 - _doubt(frame, i))
    return out


def _per_frame(
    detections: Sequence[Detections],
    of_each: Callable[[Detections, int], Scores],
    together: Callable[[Scores], np.floating],
) -> Scores:
    frames = as_frames("detections", detections)
    return np.array([together(of_each(f, i)) if len(f) else 0.0 for i, f in enumerate(frames)], dtype=np.float64)


def _doubt(frame: Detections, index: int) -> Scores:
    best = frame.scores if frame.probs is None else frame.probs.max(axis=1)
    bad = np.flatnonzero((best < 0) | (best > 1))
    if len(bad):
        raise InputError(
            f"detections: scores must be in [0, 1]; frame {index} has {best[bad[0]]:.4g} at detections {first_few(bad)}"
        )
    return np.asarray(1 - best.astype(np.float64))


def _probs(frame: Detections, index: int) -> NDArray[np.float64]:
    if frame.probs is None:
        raise InputError(
            f"detections: frame {index} has no probs; entropy and margin need the class distribution of every detection"
        )
    return frame.probs.astype(np.float64)


def _entropy(frame: Detections, index: int) -> Scores:
    probs = _probs(frame, index)
    return np.asarray(-(probs * np.log(np.where(probs > 0, probs, 1))).sum(axis=1))


def _closeness(frame: Detections, index: int) -> Scores:
    probs = _probs(frame, index)
    if probs.shape[1] < 2:
        raise InputError(f"detections: frame {index} has probs of one class; a margin needs two")
    best = np.sort(probs, axis=1)
    return np.asarray(1 - (best[:, -1] - best[:, -2]))
