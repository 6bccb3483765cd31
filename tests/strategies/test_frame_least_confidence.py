"""Least confidence of frames: the mean of one less the score, by hand."""

from __future__ import annotations

import pytest

from askew.boxes import Detections
from askew.query import query
from askew.video import least_confidence

BOX = [[0.0, 0.0, 1.0, 1.0]]


def frame(*scores):
    """A frame with a detection for each."""
    if not scores:
        return Detections.none()
    return Detections(BOX * len(scores), list(scores), [0] * len(scores))


def test_by_hand():
    """Many sure detections do not make a frame doubtful: it is the mean."""
    frames = [frame(0.75), frame(), frame(0.9, 0.9, 0.9, 0.9), frame(0.25, 0.75)]
    scores = least_confidence(frames)
    assert scores.tolist() == pytest.approx([0.25, 0, 0.1, 0.5])
    assert query("frame_least_confidence", 4, frame_doubt=scores).tolist() == [3, 0, 2, 1]


def test_equal_frames_are_settled_by_the_seed_and_labelled_ones_are_not_asked():
    """Frames 1, 3 and 4 are equal; 2 and 5, the worst, are labelled."""
    values, labels = [0.1, 0.5, 0.9, 0.5, 0.5, 0.9], [-1, -1, 0, -1, -1, 0]
    found = {
        tuple(query("frame_least_confidence", 2, frame_doubt=values, labels=labels, seed=seed).tolist())
        for seed in range(40)
    }
    assert {frozenset(pair) for pair in found} == {frozenset(pair) for pair in ((1, 3), (1, 4), (3, 4))}
    assert query("frame_least_confidence", 4, frame_doubt=values, labels=labels)[-1] == 0
