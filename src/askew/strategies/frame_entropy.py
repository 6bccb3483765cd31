"""Entropy of frames: ask where the class distributions of the detections are flattest."""

from __future__ import annotations

from askew.arrays import Array
from askew.pool import Pool
from askew.predictions import Predictions
from askew.strategies.registry import strategy


@strategy("frame_entropy", kind="scorer", needs=("frame_entropy",), paper="Zolfaghari Bengar 2021, section 2.5.2")
def frame_entropy(pred: Predictions, pool: Pool) -> Array:
    """Scores the mean entropy of the class distributions of a frame's detections, in nats; 0 for a frame without any.

    Returns:
        (N,) floats from 0, from `askew.video.entropy`.
    """
    return pred.frame_entropy
