"""Optical flow between the frames of a video, kept on a grid in 16 bits, and the tracker that follows it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from askew.arrays import Indices
from askew.boxes import Boxes
from askew.errors import InputError


@dataclass(frozen=True)
class FlowShape:
    """What a stored flow is about: `n_frames` frames of (width, height) pixels, flow at a working size, on a grid."""

    n_frames: int
    width_px: int
    height_px: int
    work_width_px: int
    work_height_px: int
    grid_width: int
    grid_height: int

    @property
    def stored(self) -> tuple[int, int, int, int, int]:
        """The shape of the stored array: pairs of frames, two directions, rows, columns, x and y."""
        return (max(self.n_frames - 1, 0), 2, self.grid_height, self.grid_width, 2)

    @property
    def n_bytes(self) -> int:
        """How large the stored array is."""
        return math.prod(self.stored) * 2


@dataclass(frozen=True, eq=False)
class Flow:
    """The flow between all consecutive frames, both ways: `fields[i, 0]` from frame i to i + 1, `fields[i, 1]` back."""

    fields: NDArray[np.float16]
    """(L - 1, 2, h, w, 2) float16 in pixels of the working size; may be mapped from disk."""
    shape: FlowShape


@dataclass(frozen=True, eq=False)
class FlowTracker:
    """Moves a box by the optical flow at its centre, chained over frames, forwards and backwards (section 2.3.2).

    The flow comes from `askew.data.film.flow_tracker` (OpenCV's DIS), `askew.learn.raft.raft_tracker`, or elsewhere.
    Tracking costs a few look-ups a box and frame.

    >>> fields = np.full((2, 2, 1, 1, 2), [2, 0], np.float16)  # all moves right by 2 pixels from frame to frame,
    >>> fields[:, 1] *= -1  # and left on the way back
    >>> tracker = FlowTracker(Flow(fields, FlowShape(3, 128, 96, 128, 96, 1, 1)))
    >>> box = np.array([[40, 20, 60, 40]], np.float32)
    >>> tracker.track(box, source=0, target=2).tolist(), tracker.track(box, source=2, target=1).tolist()
    ([[44.0, 20.0, 64.0, 40.0]], [[38.0, 20.0, 58.0, 40.0]])
    """

    flow: Flow

    def track(self, boxes: Boxes, source: int, target: int) -> Boxes:
        """Moves boxes (K, 4) of frame `source` to frame `target`.

        Raises:
            InputError: a frame that the video does not have.
        """
        ones = np.ones(len(boxes), np.int64)
        return self.track_many(boxes, source * ones, target * ones)

    def track_many(self, boxes: Boxes, sources: Indices, targets: Indices) -> Boxes:
        """Moves box k from frame `sources[k]` to `targets[k]`, all (K, 4) boxes at once."""
        return follow(self.flow, boxes, sources, targets)


def follow(flow: Flow, boxes: Boxes, sources: Indices, targets: Indices) -> Boxes:
    """Moves boxes along the flow at their centres, interpolated between grid points, one frame after another.

    A centre beyond the edge of the image moves with the flow at the edge.
    """
    shape = flow.shape
    for name, frames in (("source", sources), ("target", targets)):
        if len(frames) and not 0 <= frames.min() <= frames.max() < shape.n_frames:
            raise InputError(
                f"{name}: the flow is of {shape.n_frames} frames; asked for frames {frames.min()} to {frames.max()}"
            )
    moved = boxes.astype(np.float32, copy=True)
    scale = np.array([shape.width_px / shape.work_width_px, shape.height_px / shape.work_height_px], np.float32)
    left = targets - sources
    here = sources.astype(np.int64, copy=True)
    while True:
        rows = np.flatnonzero(left)
        if not len(rows):
            return moved
        forward = left[rows] > 0
        pair = np.where(forward, here[rows], here[rows] - 1)
        centre = (moved[rows, :2] + moved[rows, 2:]) * np.float32(0.5)
        shift = _interpolated(flow, pair, np.where(forward, 0, 1), centre) * scale
        moved[rows] += np.concatenate([shift, shift], axis=1)
        step = np.where(forward, 1, -1)
        here[rows] += step
        left = left.copy()
        left[rows] -= step


def _interpolated(flow: Flow, pair: Indices, way: Indices, centre: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Returns the (K, 2) flow at points of the full-size image, bilinear between the centres of the grid's cells."""
    shape = flow.shape
    cells = np.array([shape.grid_width, shape.grid_height])
    where = centre * (cells / np.array([shape.width_px, shape.height_px])) - 0.5
    where = np.clip(where, 0, cells - 1)
    first = np.minimum(where.astype(np.int64), np.maximum(cells - 2, 0))
    share = (where - first).astype(np.float32)
    second = np.minimum(first + 1, cells - 1)
    x, y = share[:, :1], share[:, 1:]
    top = flow.fields[pair, way, first[:, 1], first[:, 0]] * (1 - x)
    top += flow.fields[pair, way, first[:, 1], second[:, 0]] * x
    bottom = flow.fields[pair, way, second[:, 1], first[:, 0]] * (1 - x)
    bottom += flow.fields[pair, way, second[:, 1], second[:, 0]] * x
    return np.asarray(top * (1 - y) + bottom * y, dtype=np.float32)
