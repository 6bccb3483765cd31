"""Least confidence of frames, summed: ask where many detections are unsure."""

from __future__ import annotations

from askew.arrays import Array
from askew.pool import Pool
from askew.predictions import Predictions
from askew.strategies.registry import strategy


@strategy(
    "frame_least_confidence_sum",
    kind="scorer",
    needs=("frame_doubt_sum",),
    paper="section 2.5.2's least confidence, summed: not in the thesis",
)
def frame_least_confidence_sum(pred: Predictions, pool: Pool) -> Array:
    """Scores the sum of 1 − the best probability over the detections of a frame; 0 for a frame without any.

    Returns:
        (N,) floats from 0, from `askew.video.least_confidence_sum`.
    """
    return pred.frame_doubt_sum
