"""Boxes and detections: the checked types that frames are spoken of in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from askew.arrays import Indices, Mask, as_array, first_few, to_numpy
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
        count = f"{len(bad)} of {len(array)} boxes {'has' if len(bad) == 1 else 'have'}"
        finite = np.isfinite(array[bad]).all()
        what = f"coordinates beyond {LARGEST_PX:,.0f} pixels" if finite else "coordinates that are not finite"
        raise InputError(f"{name}: {count} {what}; the first is box {bad[0]}, {array[bad[0]].tolist()}")
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


@dataclass(frozen=True, eq=False)
class FrameDetections(Sequence[Detections]):
    """The detections of every frame of a video in one table; those of a frame are a view of it, made when asked for.

    Args:
        table: the detections of all frames, frame after frame.
        starts: (L + 1,) int64, frame i has the rows from `starts[i]` to `starts[i + 1]`.

    Raises:
        InputError: `starts` does not divide the rows of the table.

    >>> box = [[0, 0, 4, 4]]
    >>> one, two = Detections(box, [0.5], [0]), Detections(box * 2, [0.75, 0.25], [1, 1])
    >>> video = FrameDetections.of([one, Detections.none(), two])
    >>> len(video), len(video[2]), video.table.scores.tolist(), video.frames.tolist()
    (3, 2, [0.5, 0.75, 0.25], [0, 2, 2])
    >>> [len(frame) for frame in video.where(video.table.scores > 0.4)[1:]]
    [0, 1]
    """

    table: Detections
    starts: Indices

    def __post_init__(self) -> None:
        starts = np.asarray(self.starts, dtype=np.int64)
        n_rows = len(self.table)
        if not len(starts) or starts[0] != 0 or starts[-1] != n_rows or (np.diff(starts) < 0).any():
            raise InputError(f"starts: expected 0 and then numbers that rise to {n_rows}, got {starts[:8].tolist()}")
        object.__setattr__(self, "starts", _locked(starts))

    @classmethod
    def of(cls, frames: Iterable[Detections], *, name: str = "detections") -> FrameDetections:
        """Gathers detections, one entry a frame; O(K).

        Args:
            name: what the errors call them.

        Raises:
            InputError: an entry is not `Detections`, or some have class distributions and others not.
        """
        every = list(frames)
        for i, frame in enumerate(every):
            if not isinstance(frame, Detections):
                raise InputError(f"{name}: expected one Detections a frame; frame {i} is a {type(frame).__name__}")
        starts = np.zeros(len(every) + 1, np.int64)
        np.cumsum([len(frame.scores) for frame in every], out=starts[1:])
        full = [*every, Detections.none()]
        boxes, classes = (np.concatenate([getattr(frame, name) for frame in full]) for name in ("boxes", "classes"))
        scores = np.concatenate([frame.scores for frame in full])
        return cls(trusted(boxes, scores, classes, _joined_probs(name, every)), starts)

    def __len__(self) -> int:
        return len(self.starts) - 1

    @overload
    def __getitem__(self, index: int) -> Detections: ...
    @overload
    def __getitem__(self, index: slice) -> FrameDetections: ...
    def __getitem__(self, index: int | slice) -> Detections | FrameDetections:
        """Returns the detections of a frame, or the frames of a slice."""
        numbers = range(len(self))[index]
        if isinstance(numbers, int):
            return self.table.select(slice(*self.starts[numbers : numbers + 2].tolist()))
        if numbers.step != 1:
            return FrameDetections.of(self[number] for number in numbers)
        starts = self.starts[numbers.start : numbers.start + len(numbers) + 1]
        return FrameDetections(self.table.select(slice(int(starts[0]), int(starts[-1]))), starts - starts[0])

    @property
    def frames(self) -> Indices:
        """(K,) the frame of each row of the table."""
        return np.repeat(np.arange(len(self)), np.diff(self.starts))

    def frame_of(self, row: int) -> int:
        """Returns the frame of a row of the table."""
        return int(np.searchsorted(self.starts, row, side="right")) - 1

    def where(self, kept: Mask) -> FrameDetections:
        """Returns the same frames with those rows of the table only that a (K,) mask keeps."""
        before = np.concatenate([[0], np.cumsum(kept)])
        return FrameDetections(self.table.select(kept), before[self.starts])


def _joined_probs(name: str, frames: Sequence[Detections]) -> NDArray[np.float32] | None:
    """Returns the class distributions of all detections, None if there are none."""
    full = [(number, frame.probs) for number, frame in enumerate(frames) if len(frame.scores)]
    given = [probs for _, probs in full if probs is not None]
    if not given:
        return None
    if len(given) < len(full):
        number = next(number for number, probs in full if probs is None)
        raise InputError(f"{name}: frame {number} has no probs, but others have: give all of a video, or none")
    if len({probs.shape[1] for probs in given}) > 1:
        raise InputError(f"{name}: probs of {sorted({probs.shape[1] for probs in given})} classes in one video")
    return np.concatenate(given)


def as_frames(name: str, detections: Iterable[Detections]) -> FrameDetections:
    """Returns the detections of a video, one entry a frame, as one table.

    Raises:
        InputError: `detections` is no sequence, or an entry is not `Detections`; see also `FrameDetections.of`.
    """
    if isinstance(detections, FrameDetections):
        return detections
    if isinstance(detections, Detections) or not isinstance(detections, Iterable):
        raise InputError(f"{name}: expected a list with one Detections a frame, got {type(detections).__name__}")
    return FrameDetections.of(detections, name=name)


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


def check_inside(detections: FrameDetections, width_px: int, height_px: int) -> None:
    """Checks that every box touches the image; a box may reach over an edge, as detectors let them.

    Raises:
        InputError: a box lies wholly outside the image.
    """
    left, top, right, bottom = detections.table.boxes.T
    bad = np.flatnonzero((right <= 0) | (bottom <= 0) | (left >= width_px) | (top >= height_px))
    if len(bad):
        frame = detections.frame_of(bad[0])
        box = [round(float(v), 1) for v in detections.table.boxes[bad[0]]]
        count = np.count_nonzero(bad < detections.starts[frame + 1])
        raise InputError(
            f"detections: frame {frame} has {count} boxes outside the image of {width_px} x {height_px} pixels; "
            f"first is {box} (left, top, right, bottom)"
        )
