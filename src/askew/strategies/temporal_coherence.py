"""Temporal coherence: ask about the frames in which a detector disagrees with its own detections nearby."""

from __future__ import annotations

import numpy as np

from askew.arrays import Floats
from askew.errors import unknown
from askew.pool import Pool
from askew.predictions import Predictions
from askew.strategies.registry import strategy

ERRORS = ("fp", "fn", "fp+fn")


@strategy(
    "temporal_coherence",
    kind="scorer",
    needs=("false_positives", "false_negatives"),
    paper="Zolfaghari Bengar et al. 2019, Temporal Coherence for Active Learning in Videos",
)
def temporal_coherence(pred: Predictions, pool: Pool, *, errors: str = "fp") -> Floats:
    """Scores how many errors a detector is held to make in a frame: false positives, false negatives, or both.

    `askew.video.estimate_errors` estimates them without labels; "fp" is what the thesis ranks frames by.

    Args:
        errors: "fp", "fn" or "fp+fn".

    Returns:
        (N,) float64 from 0.

    Raises:
        InputError: another word.
    """
    if errors not in ERRORS:
        raise unknown("kind of errors", errors, ERRORS)
    wrong = pred.false_positives if "fp" in errors else 0
    missed = pred.false_negatives if "fn" in errors else 0
    return np.asarray(wrong + missed, dtype=np.float64)
