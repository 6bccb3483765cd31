"""Errors counted with the ground truth: the oracle of chapter 2, and what the estimates are judged by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from askew.arrays import Mask, is_number
from askew.boxes import Detections, as_frames, iou_matrix
from askew.errors import InputError
from askew.video.frame_errors import FrameErrors


def true_errors(
    detections: Sequence[Detections], truth: Sequence[Detections], *, iou: float = 0.5, same_class: bool = True
) -> FrameErrors:
    """Counts the false positives and false negatives of every frame, given the ground truth (section 2.3.1).

    Going through the detections of a frame from the highest score down, each takes the free ground-truth box of its
    class that it overlaps most, if by more than `iou`. A detection that gets none is a false positive (wrong, or a
    duplicate); a box that nobody takes is a false negative. The authors' code uses iou 0.75 in its oracle.

    Args:
        detections, truth: one `Detections` a frame, of the same frames.
        iou: overlap above which a detection is right, in [0, 1).
        same_class: whether a detection of another class than the box's is wrong.

    Raises:
        InputError: the two have different numbers of frames, or `iou` is out of range.

    Cost: O(K · G) a frame of K detections and G boxes.

    >>> found = Detections([[0, 0, 10, 10], [1, 0, 11, 10], [40, 40, 50, 50]], [0.9, 0.8, 0.7], [0, 0, 0])
    >>> there = Detections([[0, 0, 10, 10], [70, 70, 90, 90]], [1, 1], [0, 0])
    >>> errors = true_errors([found], [there])
    >>> errors.suspected[0].tolist(), errors.missed[0].boxes.tolist()
    ([False, True, True], [[70.0, 70.0, 90.0, 90.0]])
    """
    found, there = as_frames("detections", detections), as_frames("truth", truth)
    if len(found) != len(there):
        raise InputError(f"truth: {len(there)} frames for {len(found)} frames of detections")
    if not is_number(iou) or not 0 <= iou < 1:
        raise InputError(f"iou: expected a number in [0, 1), got {iou!r}")
    wrong: list[Mask] = []
    free = [np.zeros(0, bool)]
    for one, other in zip(found, there, strict=True):
        right, taken = _match(one, other, iou, same_class)
        wrong.append(~right)
        free.append(~taken)
    missed = there.where(np.concatenate(free))
    return FrameErrors(
        false_positives=np.array([int(w.sum()) for w in wrong], dtype=np.int64),
        false_negatives=np.diff(missed.starts),
        suspected=tuple(wrong),
        missed=missed,
        energy=float("nan"),
    )


def _match(found: Detections, truth: Detections, threshold: float, same_class: bool) -> tuple[Mask, Mask]:
    right, taken = np.zeros(len(found), bool), np.zeros(len(truth), bool)
    if not len(found) or not len(truth):
        return right, taken
    overlap: NDArray[np.float64] = iou_matrix(found.boxes, truth.boxes)
    if same_class:
        overlap[found.classes[:, None] != truth.classes[None]] = 0
    for row in np.argsort(-found.scores, kind="stable"):
        free = np.where(taken, 0, overlap[row])
        best = int(free.argmax())
        if free[best] > threshold:
            right[row] = taken[best] = True
    return right, taken
