"""Margin of frames: ask where many detections come close to a decision boundary."""

from __future__ import annotations

from askew.arrays import Array
from askew.pool import Pool
from askew.predictions import Predictions
from askew.strategies.registry import strategy


@strategy(
    "frame_margin",
    kind="scorer",
    needs=("frame_margin",),
    paper="Brust et al. 2018, arXiv 1809.09875",
)
def frame_margin(pred: Predictions, pool: Pool) -> Array:
    """Scores Σ 1 − (best − second best class probability) over the detections of a frame; 0 for a frame without any.

    Returns:
        (N,) floats from 0, from `askew.video.margin`.
    """
    return pred.frame_margin
