"""Boxes and detections: the checked types that every other part of video speaks in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from askew.arrays import as_array, first_few, to_numpy
from askew.errors import InputError

Boxes = NDArray[np.float32]
"""(K, 4) float32: left, top, right, bottom in pixels; right and bottom are exclusive edges."""

LARGEST_PX = 1e9
"""No image is as wide; the areas of boxes within this bound fit 32 bits with ease."""


def check_boxes(name: str, value: Any) -> Boxes:
    """Returns `value` as (K, 4) float32 boxes (left, top, right, bottom), after checking every one.

    Raises:
        InputError: another shape, a coordinate that is not finite or beyond any image, or a box whose right < left or
            bottom < top.
    """
    array = np.asarray(to_numpy(as_array(name, value)))
    if array.size == 0 and array.ndim <= 2:
        return np.zeros((0, 4), np.float32)
    if array.ndim != 2 or array.shape[1] != 4:
        raise InputError(f"{name}: expected shape (K, 4) of left, top, right, bottom, got {array.shape}")
    bad = np.flatnonzero(~(np.abs(array) <= LARGEST_PX).all(axis=1))
    if len(bad):
        why = "not finite" if not np.isfinite(array[bad]).all() else f"beyond {LARGEST_PX:g} pixels"
        raise InputError(f"{name}: boxes that are {why}: {first_few(bad)}; first is {array[bad[0]].tolist()}")
    boxes: Boxes = np.asarray(array, dtype=np.float32)
    bad = np.flatnonzero((boxes[:, 2] < boxes[:, 0]) | (boxes[:, 3] < boxes[:, 1]))
    if len(bad):
        raise InputError(
            f"{name}: expected left, top, right, bottom with right >= left and bottom >= top; "
            f"not so for boxes {first_few(bad)}; first is {boxes[bad[0]].tolist()}"
        )
    return boxes


def _locked(array: NDArray[Any]) -> NDArray[Any]:
    view: NDArray[Any] = array.view()
    view.flags.writeable = False
    return view


@dataclass(frozen=True, eq=False)
class Detections:
    """The objects that a detector reports in one frame (or that a person drew in it), checked once and read-only.

    Args:
        boxes: (K, 4) float32, left, top, right, bottom in pixels. May reach over the edge of the image.
        scores: (K,) float32, the detector's confidence; finite, higher is surer. Annotations have 1.
        classes: (K,) int64, index of the class.
        probs: (K, C) float32 whose rows sum to 1, the full class distribution of each detection; None if unknown.

    Raises:
        InputError: a wrong shape, something not finite, a box turned inside out, a negative class, or
            probs that are no distributions; the message gives the rows.

    >>> found = Detections([[10, 20, 30, 60], [5, 5, 9, 9]], [0.9, 0.4], [0, 2])
    >>> len(found), found.boxes.dtype.name, found.select(found.scores > 0.5).classes.tolist()
    (2, 'float32', [0])
    """

    boxes: Boxes
    scores: NDArray[np.float32]
    classes: NDArray[np.int64]
    probs: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        boxes = check_boxes("boxes", self.boxes)
        set_field = object.__setattr__
        set_field(self, "boxes", _locked(boxes))
        set_field(self, "scores", _locked(_check_scores(self.scores, len(boxes))))
        set_field(self, "classes", _locked(_check_classes(self.classes, len(boxes))))
        if self.probs is not None:
            set_field(self, "probs", _locked(_check_probs(self.probs, len(boxes))))

    def __len__(self) -> int:
        return len(self.boxes)

    def select(self, rows: Any) -> Detections:
        """Returns the detections at `rows`: a (K,) mask or an array of positions."""
        probs = None if self.probs is None else self.probs[rows]
        return trusted(self.boxes[rows], self.scores[rows], self.classes[rows], probs)

    @classmethod
    def none(cls) -> Detections:
        """Returns the detections of a frame in which nothing was found."""
        return trusted(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))


def trusted(
    boxes: Boxes,
    scores: NDArray[np.float32],
    classes: NDArray[np.int64],
    probs: NDArray[np.float32] | None = None,
) -> Detections:
    """Makes Detections of arrays that are right by construction, without paying for the checks again."""
    made = object.__new__(Detections)
    made.__dict__.update(boxes=boxes, scores=scores, classes=classes, probs=probs)
    return made


def _check_scores(value: Any, n_boxes: int) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        scores = to_numpy(as_array("scores", value)).reshape(-1).astype(np.float32, copy=False)
    if len(scores) != n_boxes:
        raise InputError(f"scores: {len(scores)} scores for {n_boxes} boxes")
    bad = np.flatnonzero(~np.isfinite(scores))
    if len(bad):
        raise InputError(f"scores: not finite at detections {first_few(bad)}; first is {float(scores[bad[0]])}")
    return scores


def _check_classes(value: Any, n_boxes: int) -> NDArray[np.int64]:
    array = to_numpy(as_array("classes", value)).reshape(-1)
    if len(array) != n_boxes:
        raise InputError(f"classes: {len(array)} classes for {n_boxes} boxes")
    if len(array) and array.dtype.kind not in "iu":
        raise InputError(f"classes: expected integers, got dtype {array.dtype}")
    classes = array.astype(np.int64, copy=False)
    if len(classes) and classes.min() < 0:
        bad = np.flatnonzero(classes < 0)
        raise InputError(f"classes: negative at detections {first_few(bad)}; first is {int(classes[bad[0]])}")
    return classes


def _check_probs(value: Any, n_boxes: int) -> NDArray[np.float32]:
    probs = to_numpy(as_array("probs", value)).astype(np.float32, copy=False)
    if probs.ndim != 2 or len(probs) != n_boxes:
        raise InputError(f"probs: expected shape ({n_boxes}, C), got {probs.shape}")
    bad = np.flatnonzero(~((np.abs(probs.sum(axis=1) - 1) < 1e-3) & (probs >= 0).all(axis=1)))
    if len(bad):
        raise InputError(
            f"probs: rows must be >= 0 and sum to 1; not so at detections {first_few(bad)}; "
            f"the first sums to {float(probs[bad[0]].sum()):.4g}"
        )
    return probs


def check_probabilities(name: str, scores: NDArray[np.float32]) -> None:
    """Checks that scores can be taken for probabilities.

    Raises:
        InputError: one is outside [0, 1].
    """
    if len(scores) and not (scores.min() >= 0 and scores.max() <= 1):
        raise InputError(f"{name}: needs scores in [0, 1], got {scores.min():.4g} to {scores.max():.4g}")


def as_frames(name: str, detections: Sequence[Detections]) -> list[Detections]:
    """Returns the detections of a video as a list, one entry a frame.

    Raises:
        InputError: `detections` is no sequence, or an entry is not `Detections`.
    """
    if isinstance(detections, Detections) or not isinstance(detections, Iterable):
        raise InputError(f"{name}: expected a list with one Detections a frame, got {type(detections).__name__}")
    frames = list(detections)
    for i, frame in enumerate(frames):
        if not isinstance(frame, Detections):
            raise InputError(f"{name}: expected one Detections a frame; frame {i} is a {type(frame).__name__}")
    return frames


def areas(boxes: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Returns the (K,) areas of boxes, in square pixels and float64."""
    wide = boxes.astype(np.float64, copy=False)
    return (wide[:, 2] - wide[:, 0]) * (wide[:, 3] - wide[:, 1])


def iou_pairs(first: NDArray[np.floating[Any]], second: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Returns the (K,) intersections over union of box k of `first` with box k of `second`; 0 where neither has area.

    >>> a = np.array([[0, 0, 2, 2], [0, 0, 1, 1]], np.float32)
    >>> iou_pairs(a, np.array([[0, 0, 2, 1], [5, 5, 6, 6]], np.float32)).tolist()
    [0.5, 0.0]
    """
    a, b = first.astype(np.float64, copy=False).T, second.astype(np.float64, copy=False).T
    width = np.minimum(a[2], b[2])
    width -= np.maximum(a[0], b[0])
    height = np.minimum(a[3], b[3])
    height -= np.maximum(a[1], b[1])
    np.maximum(width, 0, out=width)
    np.maximum(height, 0, out=height)
    width *= height
    union = (a[2] - a[0]) * (a[3] - a[1])
    union += (b[2] - b[0]) * (b[3] - b[1])
    union -= width
    iou: NDArray[np.float64] = np.divide(width, union, out=np.zeros_like(width), where=union > 0)
    return iou


def iou_matrix(first: NDArray[np.floating[Any]], second: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Returns the (K, M) intersections over union of all pairs of two sets of boxes."""
    rows = np.repeat(np.arange(len(first)), len(second))
    columns = np.tile(np.arange(len(second)), len(first))
    return iou_pairs(first[rows], second[columns]).reshape(len(first), len(second))


def check_inside(detections: Iterable[Detections], width_px: int, height_px: int) -> None:
    """Checks that every box touches the image; a box may reach over an edge, as detectors let them.

    Raises:
        InputError: a box lies wholly outside the image.
    """
    for i, frame in enumerate(detections):
        left, top, right, bottom = frame.boxes.T
        bad = np.flatnonzero((right <= 0) | (bottom <= 0) | (left >= width_px) | (top >= height_px))
        if len(bad):
            box = [round(float(v), 1) for v in frame.boxes[bad[0]]]
            raise InputError(
                f"detections: frame {i} has {len(bad)} boxes outside the image of {width_px} x {height_px} pixels; "
                f"first is {box} (left, top, right, bottom)"
            )
