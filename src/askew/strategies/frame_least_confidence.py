"""Least confidence of frames: ask where the detector believes its detections least."""

from __future__ import annotations

from askew.arrays import Array
from askew.pool import Pool
from askew.predictions import Predictions
from askew.strategies.registry import strategy


@strategy(
    "frame_least_confidence",
    kind="scorer",
    needs=("frame_doubt",),
    paper="Zolfaghari Bengar 2021, section 2.5.2",
)
def frame_least_confidence(pred: Predictions, pool: Pool) -> Array:
    """Scores the mean of 1 − the best probability over the detections of a frame; 0 for a frame without any.

    Returns:
        (N,) floats in [0, 1], from `askew.video.least_confidence`.
    """
    return pred.frame_doubt
