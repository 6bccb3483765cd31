"""Expected errors of frames: ask where, by what annotated frames taught, most detections are wrong."""

from __future__ import annotations

from askew.arrays import Array
from askew.pool import Pool
from askew.predictions import Predictions
from askew.strategies.registry import strategy


@strategy(
    "frame_expected_errors",
    kind="scorer",
    needs=("frame_wrong",),
    paper="none: not in the thesis",
)
def frame_expected_errors(pred: Predictions, pool: Pool) -> Array:
    """Scores the sum of the learned probabilities of being wrong over the detections of a frame; 0 without any.

    Returns:
        (N,) floats from 0, from `askew.video.expected_errors`.
    """
    return pred.frame_wrong
