"""Coherence, then confidence: of frames with equally many errors, the one whose detections are trusted least."""

from __future__ import annotations

import numpy as np

from askew.arrays import Floats, to_numpy
from askew.pool import Pool
from askew.predictions import Predictions
from askew.strategies.registry import strategy
from askew.strategies.temporal_coherence import temporal_coherence


@strategy(
    "frame_coherence",
    kind="scorer",
    needs=("false_positives", "false_negatives", "frame_doubt"),
    paper="Zolfaghari Bengar et al. 2019, with ties settled by section 2.5.2's least confidence: not in the thesis",
)
def frame_coherence(pred: Predictions, pool: Pool, *, errors: str = "fp") -> Floats:
    """Scores the errors that a detector is held to make in a frame, and among equals how little it trusts itself there.

    Errors are whole numbers, so many frames are equal, and `temporal_coherence` leaves them to the seed. Here half of
    `frame_doubt`, which is at most 1, is added: no frame overtakes one with more errors.

    Args:
        errors: "fp", "fn" or "fp+fn", as in `temporal_coherence`.

    Returns:
        (N,) float64 from 0.

    Raises:
        InputError: another word.
    """
    counted = temporal_coherence(pred, pool, errors=errors)
    return np.asarray(counted + to_numpy(pred.frame_doubt) / 2, dtype=np.float64)
