"""Expected errors of frames: the sum of what annotated frames taught of each score, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from askew.boxes import Detections
from askew.query import query
from askew.video import Doubt, expected_errors

BOX = [[0.0, 0.0, 1.0, 1.0]]


def frame(*scores):
    """A frame with a detection for each."""
    if not scores:
        return Detections.none()
    return Detections(BOX * len(scores), list(scores), [0] * len(scores))


def test_by_hand():
    """With log odds of an error −logit(score), a detection of score s is wrong with probability 1 − s."""
    frames = [frame(0.75), frame(), frame(0.9, 0.9, 0.9, 0.9), frame(0.25, 0.75)]
    scores = expected_errors(frames, Doubt(np.array([0.0, -1, 0, 0])))
    assert scores.tolist() == pytest.approx([0.25, 0, 0.4, 1.0])
    assert query("frame_expected_errors", 4, frame_wrong=scores).tolist() == [3, 2, 0, 1]


def test_equal_frames_are_settled_by_the_seed_and_labelled_ones_are_not_asked():
    """Frames 1, 3 and 4 are equal; 2 and 5, the worst, are labelled."""
    values, labels = [0.1, 0.5, 0.9, 0.5, 0.5, 0.9], [-1, -1, 0, -1, -1, 0]
    found = {
        tuple(query("frame_expected_errors", 2, frame_wrong=values, labels=labels, seed=seed).tolist())
        for seed in range(40)
    }
    assert {frozenset(pair) for pair in found} == {frozenset(pair) for pair in ((1, 3), (1, 4), (3, 4))}
    assert query("frame_expected_errors", 4, frame_wrong=values, labels=labels)[-1] == 0
