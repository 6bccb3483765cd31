"""One score a frame, higher = ask first: estimated errors, and the uncertainty baselines of section 2.5.2."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from askew.arrays import first_few, is_whole
from askew.boxes import Detections, FrameDetections, as_frames
from askew.errors import InputError, unknown
from askew.video.doubt import Doubt
from askew.video.frame_errors import FrameErrors

Scores = NDArray[np.float64]

ERRORS = ("fp", "fn", "fp+fn")


def error_scores(errors: FrameErrors, what: str = "fp") -> Scores:
    """Returns (L,) the number of errors of each frame: "fp" (what the thesis ranks by), "fn" or "fp+fn".

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
    return _mean(as_frames("detections", detections), _doubt)


def least_confidence_sum(detections: Sequence[Detections]) -> Scores:
    """Returns (L,) the sum over each frame's detections of one less the score; 0 for a frame without any.

    Were the scores calibrated, it would be the expected number of wrong detections. The score is the probability of the
    best class where `probs` is given. Not in the thesis, which takes the mean.

    Raises:
        InputError: scores outside [0, 1].

    >>> least_confidence_sum([Detections([[0, 0, 1, 1]] * 2, [0.5, 0.75], [0, 0]), Detections.none()]).tolist()
    [0.75, 0.0]
    """
    return _sum(as_frames("detections", detections), _doubt)


def expected_errors(detections: Sequence[Detections], doubt: Doubt) -> Scores:
    """Returns (L,) the sum over each frame's detections of the learned probability that it is wrong. Not in the thesis.

    Args:
        detections: one `Detections` a frame, all of one video.
        doubt: what `learn_doubt` learned.

    Raises:
        InputError: scores outside [0, 1].

    >>> box = [[0, 0, 1, 1]]
    >>> expected_errors([Detections(box * 2, [0.8, 0.5], [0, 0])], Doubt(np.array([0.0, -1, 0, 0]))).round(3).tolist()
    [0.7]
    """
    frames = as_frames("detections", detections)
    return _sum(frames, lambda some: np.exp(-np.logaddexp(0, -doubt.log_odds(some))))


def entropy(detections: Sequence[Detections]) -> Scores:
    """Returns (L,) the mean entropy of the class distributions of each frame's detections, in nats; 0 if none.

    Raises:
        InputError: a frame's detections lack `probs`.

    >>> even = Detections([[0, 0, 1, 1]], [0.5], [0], probs=[[0.5, 0.5]])
    >>> entropy([even, Detections.none()]).round(4).tolist()
    [0.6931, 0.0]
    """
    return _mean(as_frames("detections", detections), _entropy)


def margin(detections: Sequence[Detections]) -> Scores:
    """Returns (L,) the sum over each frame's detections of 1 - (best - second-best class probability); 0 if none.

    The thesis sums "the difference between the two classes with the highest scores". Here each is taken from 1, so that
    higher is closer to a decision boundary and a frame without detections scores nothing (Brust et al., 2018).

    Raises:
        InputError: a frame's detections lack `probs`, or there is but one class.

    >>> two = Detections([[0, 0, 1, 1]] * 2, [0.5, 0.75], [0, 1], probs=[[0.5, 0.5], [0.25, 0.75]])
    >>> margin([two]).tolist()
    [1.5]
    """
    return _sum(as_frames("detections", detections), _closeness)


def expected_objects(detections: Sequence[Detections], n_classes: int) -> NDArray[np.float64]:
    """Returns (L, C) the expected number of objects of each class in each frame: what balance reads in video.

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
    table, places = frames.table, frames.frames
    bad = np.flatnonzero(table.classes >= n_classes)
    if len(bad):
        where = frames.frame_of(bad[0])
        raise InputError(f"n_classes: {n_classes}, but frame {where} has a detection of class {table.classes[bad[0]]}")
    if table.probs is None:
        np.add.at(out, (places, table.classes), 1 - _doubt(frames))
        return out
    for kind in range(min(n_classes, table.probs.shape[1])):
        out[:, kind] = np.bincount(places, table.probs[:, kind], len(frames))
    return out


def _sum(frames: FrameDetections, of_each: Callable[[FrameDetections], Scores]) -> Scores:
    values = of_each(frames) if len(frames.table) else np.zeros(0)
    return np.bincount(frames.frames, values, len(frames)).astype(np.float64)


def _mean(frames: FrameDetections, of_each: Callable[[FrameDetections], Scores]) -> Scores:
    return np.asarray(_sum(frames, of_each) / np.maximum(np.diff(frames.starts), 1))


def _doubt(frames: FrameDetections) -> Scores:
    table = frames.table
    best = table.scores if table.probs is None else table.probs.max(axis=1)
    bad = np.flatnonzero((best < 0) | (best > 1))
    if len(bad):
        where = frames.frame_of(bad[0])
        here = bad[bad < frames.starts[where + 1]] - frames.starts[where]
        raise InputError(
            f"detections: scores must be in [0, 1]; frame {where} has {best[bad[0]]:.4g} at detections "
            f"{first_few(here)}"
        )
    return np.asarray(1 - best.astype(np.float64))


def _probs(frames: FrameDetections) -> NDArray[np.float64]:
    if frames.table.probs is None:
        raise InputError(
            f"detections: frame {frames.frame_of(0)} has no probs; entropy and margin need the class distribution of "
            "every detection"
        )
    return frames.table.probs.astype(np.float64)


def _entropy(frames: FrameDetections) -> Scores:
    probs = _probs(frames)
    return np.asarray(-(probs * np.log(np.where(probs > 0, probs, 1))).sum(axis=1))


def _closeness(frames: FrameDetections) -> Scores:
    probs = _probs(frames)
    if probs.shape[1] < 2:
        raise InputError(f"detections: frame {frames.frame_of(0)} has probs of one class; a margin needs two")
    best = np.sort(probs, axis=1)
    return np.asarray(1 - (best[:, -1] - best[:, -2]))
