"""Entropy of frames: the mean over a frame's detections, by hand."""

from __future__ import annotations

import math

import pytest

from askew.boxes import Detections
from askew.query import query
from askew.video import entropy

BOX = [[0.0, 0.0, 1.0, 1.0]]


def frame(*probs):
    """A frame with a detection for each."""
    if not probs:
        return Detections.none()
    return Detections(BOX * len(probs), [max(p) for p in probs], [p.index(max(p)) for p in probs], probs=list(probs))


def test_by_hand():
    """A frame of one even and one sure detection has half of ln 2; one of two classes in three, ln 2 again."""
    half, sure = [0.5, 0.5, 0.0], [1.0, 0.0, 0.0]
    frames = [frame(half, sure), frame(), frame(half), frame([1 / 3] * 3, [1 / 3] * 3)]
    scores = entropy(frames)
    assert scores.tolist() == pytest.approx([math.log(2) / 2, 0, math.log(2), math.log(3)])
    assert query("frame_entropy", 4, frame_entropy=scores).tolist() == [3, 2, 0, 1]


def test_equal_frames_are_settled_by_the_seed_and_labelled_ones_are_not_asked():
    """Frames 1, 3 and 4 are equal; 2 and 5, the worst, are labelled."""
    values, labels = [0.1, 0.5, 0.9, 0.5, 0.5, 0.9], [-1, -1, 0, -1, -1, 0]
    found = {
        tuple(query("frame_entropy", 2, frame_entropy=values, labels=labels, seed=seed).tolist()) for seed in range(40)
    }
    assert {frozenset(pair) for pair in found} == {frozenset(pair) for pair in ((1, 3), (1, 4), (3, 4))}
    assert query("frame_entropy", 4, frame_entropy=values, labels=labels)[-1] == 0
