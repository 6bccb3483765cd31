"""Trackers: where does the content of a box move to in a nearby frame? One small protocol, and the two simplest."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np

from askew.arrays import Indices, to_numpy
from askew.boxes import LARGEST_PX, Boxes
from askew.errors import InputError


@runtime_checkable
class Tracker(Protocol):
    """Anything that moves boxes from one frame of a video to another."""

    def track(self, boxes: Boxes, source: int, target: int) -> Boxes:
        """Returns where the content of `boxes` (K, 4) of frame `source` is in frame `target`, (K, 4) in pixels."""
        ...


@runtime_checkable
class BatchTracker(Tracker, Protocol):
    """A tracker that can also move boxes between many pairs of frames in one call, which is far faster."""

    def track_many(self, boxes: Boxes, sources: Indices, targets: Indices) -> Boxes:
        """Returns box k of frame `sources[k]` moved to frame `targets[k]`, for all (K, 4) boxes."""
        ...


class StaticTracker:
    """Holds every box still: for fixed cameras with slow objects, and as the baseline that motion must beat.

    >>> StaticTracker().track(np.array([[1, 2, 3, 4]], np.float32), source=0, target=3).tolist()
    [[1.0, 2.0, 3.0, 4.0]]
    """

    def track(self, boxes: Boxes, source: int, target: int) -> Boxes:  # noqa: ARG002  (the protocol's signature)
        """Returns the boxes as they are."""
        return boxes

    def track_many(self, boxes: Boxes, sources: Indices, targets: Indices) -> Boxes:  # noqa: ARG002
        """Returns the boxes as they are."""
        return boxes


def track_all(tracker: Tracker, boxes: Boxes, sources: Indices, targets: Indices) -> Boxes:
    """Moves box k from frame `sources[k]` to `targets[k]`: in one call if the tracker can, else frame by frame.

    Sources must be sorted, and the distance to the target the same for all boxes.

    Raises:
        InputError: the tracker returns another shape, or something not finite or beyond any image.
    """
    if len(boxes) == 0:
        return boxes
    if hasattr(tracker, "track_many"):
        moved = _checked(tracker.track_many(boxes, sources, targets), len(boxes), int(sources[0]), int(targets[0]))
    else:
        starts = np.flatnonzero(np.r_[True, np.diff(sources) > 0])
        moved = np.empty_like(boxes)
        for start, stop in zip(starts, np.r_[starts[1:], len(boxes)], strict=True):
            source, target = int(sources[start]), int(targets[start])
            found = tracker.track(boxes[start:stop], source, target)
            moved[start:stop] = _checked(found, stop - start, source, target)
    return moved


def _checked(value: Boxes, n_boxes: int, source: int, target: int) -> Boxes:
    moved = to_numpy(value)
    if moved.shape != (n_boxes, 4):
        raise InputError(
            f"tracker: returned shape {moved.shape} for {n_boxes} boxes from frame {source} to {target}; "
            f"expected ({n_boxes}, 4)"
        )
    if not (np.abs(moved) <= LARGEST_PX).all():
        why = "not finite" if not np.isfinite(moved).all() else f"beyond {LARGEST_PX:g} pixels"
        raise InputError(f"tracker: returned boxes that are {why}, from frame {source} to {target}")
    return moved.astype(np.float32, copy=False)
