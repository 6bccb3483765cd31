"""What is wrong in each frame of a video, whether estimated or counted: the type that both give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from askew.arrays import Mask
from askew.boxes import Detections, FrameDetections, as_frames


@dataclass(frozen=True, eq=False)
class FrameErrors:
    """The errors of a detector in each of the L frames of a video: estimated without labels, or counted with them."""

    false_positives: NDArray[np.int64]
    """(L,) detections of each frame that are held to be wrong."""
    false_negatives: NDArray[np.int64]
    """(L,) objects of each frame that are held to be missed."""
    suspected: tuple[Mask, ...]
    """One (K,) bool array a frame: which of its detections are held to be wrong."""
    missed: Sequence[Detections]
    """One Detections a frame: the objects held to be missed."""
    energy: float
    """The energy of the labelling (Eq. 2.1); NaN where the errors were counted and not estimated."""

    def __len__(self) -> int:
        return len(self.false_positives)


def no_errors(detections: Sequence[Detections]) -> FrameErrors:
    """Returns errors that say nothing: no detection suspected, nothing missed; for scores that need none."""
    frames = as_frames("detections", detections)
    zeros = np.zeros(len(frames), np.int64)
    suspected = tuple(np.zeros(count, bool) for count in np.diff(frames.starts).tolist())
    return FrameErrors(
        zeros, zeros, suspected, FrameDetections(Detections.none(), np.zeros(len(frames) + 1, np.int64)), float("nan")
    )
