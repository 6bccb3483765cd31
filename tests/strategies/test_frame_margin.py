"""Margin of frames: the sum over a frame's detections, by hand."""

from __future__ import annotations

import pytest

from askew.boxes import Detections
from askew.query import query
from askew.video import margin

BOX = [[0.0, 0.0, 1.0, 1.0]]


def frame(*probs):
    """A frame with a detection for each."""
    if not probs:
        return Detections.none()
    return Detections(BOX * len(probs), [max(p) for p in probs], [p.index(max(p)) for p in probs], probs=list(probs))


def test_by_hand():
    """Closeness is 1 − (best − second): 0.8 for one near a boundary, 0.2 for one far from it, and they add up."""
    near, far = [0.6, 0.4, 0.0], [0.9, 0.1, 0.0]
    frames = [frame(near), frame(), frame(far, far, far, far, far), frame(far)]
    scores = margin(frames)
    assert scores.tolist() == pytest.approx([0.8, 0, 1.0, 0.2])
    assert query("frame_margin", 4, frame_margin=scores).tolist() == [2, 0, 3, 1]


def test_equal_frames_are_settled_by_the_seed_and_labelled_ones_are_not_asked():
    """Frames 1, 3 and 4 are equal; 2 and 5, the worst, are labelled."""
    values, labels = [0.1, 0.5, 0.9, 0.5, 0.5, 0.9], [-1, -1, 0, -1, -1, 0]
    found = {
        tuple(query("frame_margin", 2, frame_margin=values, labels=labels, seed=seed).tolist()) for seed in range(40)
    }
    assert {frozenset(pair) for pair in found} == {frozenset(pair) for pair in ((1, 3), (1, 4), (3, 4))}
    assert query("frame_margin", 4, frame_margin=values, labels=labels)[-1] == 0
