from __future__ import annotations

import numpy as np
import pytest

from askew.errors import InputError
from askew.video import (
    Detections,
    entropy,
    error_scores,
    expected_objects,
    iou_matrix,
    least_confidence,
    margin,
    true_errors,
)


def one_frame(boxes, scores, classes=None):
    return [Detections(boxes, scores, classes or [0] * len(boxes))]


def test_iou_by_hand():
    """Two squares of 4 shifted by half: 8 shared of 24; one inside another: 4 of 16; touching; nothing; no area."""
    a = np.array([[0, 0, 4, 4]], np.float32)
    b = np.array([[2, 0, 6, 4], [1, 1, 3, 3], [4, 0, 8, 4], [9, 9, 10, 10], [2, 2, 2, 2]], np.float32)
    assert iou_matrix(a, b).tolist() == [[8 / 24, 4 / 16, 0, 0, 0]]
    assert iou_matrix(b[4:], b[4:]).tolist() == [[0]]


def test_a_duplicate_is_wrong_and_the_surer_one_is_right():
    boxes = [[0, 0, 10, 10], [0, 0, 10, 10]]
    errors = true_errors(one_frame(boxes, [0.3, 0.8]), one_frame(boxes[:1], [1]))
    assert errors.suspected[0].tolist() == [True, False]
    assert errors.false_positives.tolist() == [1]
    assert errors.false_negatives.tolist() == [0]


def test_the_overlap_must_exceed_the_threshold():
    """Shared 50 of 100 is exactly one half: not correct."""
    errors = true_errors(one_frame([[0, 0, 10, 5]], [1.0]), one_frame([[0, 0, 10, 10]], [1]))
    assert (errors.false_positives.tolist(), errors.false_negatives.tolist()) == ([1], [1])
    errors = true_errors(one_frame([[0, 0, 10, 5.1]], [1.0]), one_frame([[0, 0, 10, 10]], [1]))
    assert (errors.false_positives.tolist(), errors.false_negatives.tolist()) == ([0], [0])


def test_class_counts_unless_told_otherwise():
    found, there = one_frame([[0, 0, 4, 4]], [1.0], [1]), one_frame([[0, 0, 4, 4]], [1.0], [2])
    assert true_errors(found, there).false_positives.tolist() == [1]
    assert true_errors(found, there, same_class=False).false_positives.tolist() == [0]


def test_each_takes_the_free_box_it_overlaps_most():
    """The surer detection lies between two boxes, nearer the first; the second detection has the other."""
    found = one_frame([[1, 0, 11, 10], [0, 0, 10, 10]], [0.9, 0.5])
    there = one_frame([[2, 0, 12, 10], [0, 0, 10, 10]], [1, 1])
    errors = true_errors(found, there)
    assert errors.suspected[0].tolist() == [False, False]


def test_frame_scores_by_hand():
    probs = [[0.5, 0.5, 0.0], [0.7, 0.2, 0.1]]
    frame = Detections([[0, 0, 1, 1]] * 2, [0.5, 0.7], [0, 0], probs)
    frames = [frame, Detections.none()]
    assert least_confidence(frames).tolist() == pytest.approx([1 - 0.6, 0])
    by_hand = (np.log(2) - (0.7 * np.log(0.7) + 0.2 * np.log(0.2) + 0.1 * np.log(0.1))) / 2
    assert entropy(frames).tolist() == pytest.approx([by_hand, 0], rel=1e-6)
    assert margin(frames).tolist() == pytest.approx([1.0 + 0.5, 0])
    assert expected_objects(frames, 2).ravel().tolist() == pytest.approx([1.2, 0.7, 0, 0])


def test_error_scores():
    found = one_frame([[0, 0, 4, 4], [9, 9, 12, 12]], [1.0, 1.0])
    errors = true_errors(found, one_frame([[50, 50, 60, 60]] * 3, [1] * 3))
    assert [error_scores(errors, what).tolist() for what in ("fp", "fn", "fp+fn")] == [[2.0], [3.0], [5.0]]
    with pytest.raises(InputError, match="unknown error score 'tp'"):
        error_scores(errors, "tp")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Detections([[0, 0, 1, np.nan]], [1], [0]),
            "1 of 1 boxes has coordinates that are not finite",
        ),
        (lambda: Detections([[3, 0, 1, 1]], [1], [0]), "right >= left"),
        (lambda: Detections([[0, 0, 1]], [1], [0]), r"shape \(K, 4\)"),
        (lambda: Detections([[0, 0, 1, 1]], [1, 1], [0]), "2 scores for 1 boxes"),
        (lambda: Detections([[0, 0, 1, 1]], [np.inf], [0]), "scores: not finite"),
        (lambda: Detections([[0, 0, 1, 1]], [1], [-1]), "classes: negative"),
        (lambda: Detections([[0, 0, 1, 1]], [1], [0.5]), "classes: expected integers"),
        (lambda: Detections([[0, 0, 1, 1]], [1], [0], [[0.5, 0.1]]), "first sums to 0.6"),
        (lambda: entropy([Detections([[0, 0, 1, 1]], [1], [0])]), "frame 0 has no probs"),
        (lambda: least_confidence([Detections([[0, 0, 1, 1]], [3], [0])]), "frame 0 has 3 at"),
        (lambda: true_errors([], [Detections.none()]), "1 frames for 0 frames"),
        (lambda: expected_objects([Detections([[0, 0, 1, 1]], [1], [4])], 2), "detection of class 4"),
        (lambda: expected_objects([Detections.none()], "two"), "n_classes: expected a whole number >= 0, got 'two'"),
        (lambda: true_errors([], [], iou="half"), "iou: .* got 'half'"),
    ],
)
def test_what_cannot_be_is_refused_with_numbers(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_detections_leave_the_callers_arrays_alone():
    boxes = np.zeros((1, 4), np.float32)
    found = Detections(boxes, [1.0], [0])
    boxes[0, 2] = 5
    with pytest.raises(ValueError, match="read-only"):
        found.boxes[0, 0] = 1
