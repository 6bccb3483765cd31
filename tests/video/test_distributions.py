"""Class distributions from COCO files, so that entropy and margin can be computed of what is read."""

from __future__ import annotations

import json

import numpy as np
import pytest

from askew.data.annotations import VideoBoxes, read_coco, to_coco
from askew.errors import InputError
from askew.video import Detections, entropy, expected_objects, margin

COCO = {
    "images": [{"id": 1, "frame_id": 0}, {"id": 2, "frame_id": 1}],
    "categories": [{"id": 5, "name": "bus"}, {"id": 2, "name": "car"}],
}


def found(image, category, probs):
    one = {"image_id": image, "category_id": category, "bbox": [1, 1, 2, 2], "score": 0.5}
    return one if probs is None else one | {"probs": probs}


def read(tmp_path, annotations):
    file = tmp_path / "d.json"
    file.write_text(json.dumps(COCO | {"annotations": annotations}))
    return read_coco(file)[""]


def test_the_baselines_of_the_text_run_from_a_file(tmp_path):
    """Columns are in the order of category ids: car, bus. Entropy and margin by hand."""
    video = read(tmp_path, [found(2, 5, [0.25, 0.75]), found(2, 2, [0.5, 0.5])])
    assert video.classes == ("car", "bus")
    assert video.frames[1].probs.tolist() == [[0.25, 0.75], [0.5, 0.5]]
    by_hand = (np.log(2) - 0.25 * np.log(0.25) - 0.75 * np.log(0.75)) / 2
    assert entropy(video.frames).tolist() == pytest.approx([0, by_hand])
    assert margin(video.frames).tolist() == pytest.approx([0, 0.5 + 1])


def test_a_background_may_stand_after_the_classes(tmp_path):
    video = read(tmp_path, [found(1, 2, [0.5, 0.25, 0.25])])
    assert expected_objects(video.frames, 2).tolist() == [[0.5, 0.25], [0, 0]]


def test_all_detections_have_one_or_none_has(tmp_path):
    with pytest.raises(InputError, match="probs at every detection of a video or at none, got none at one of frame 1"):
        read(tmp_path, [found(1, 5, [0.5, 0.5]), found(2, 5, None)])
    with pytest.raises(InputError, match="got probs of two lengths"):
        read(tmp_path, [found(1, 5, [0.5, 0.5]), found(2, 5, [0.5, 0.25, 0.25])])


@pytest.mark.parametrize("digits", [2, 3, 4])
def test_rounded_distributions_are_divided_by_their_sum(tmp_path, digits):
    """Eighty classes in two decimals may sum to 0.9; the same numbers with one more digit somewhere may not."""
    categories = [{"id": number, "name": str(number)} for number in range(80)]
    probs = np.random.default_rng(1).dirichlet(np.ones(80)).round(digits)
    assert abs(probs.sum() - 1) > 1e-7
    file = tmp_path / "d.json"
    document = COCO | {"categories": categories, "annotations": [found(1, 5, probs.tolist())]}
    file.write_text(json.dumps(document))
    assert read_coco(file)[""].frames[0].probs[0] == pytest.approx(probs / probs.sum(), abs=1e-6)
    probs[0] = 0.123456
    document["annotations"] = [found(1, 5, probs.tolist())]
    file.write_text(json.dumps(document))
    with pytest.raises(InputError, match="expected 80 probabilities"):
        read_coco(file)


def test_there_and_back(tmp_path):
    probs = np.random.default_rng(0).dirichlet(np.ones(3), 4)
    boxes = np.tile([1, 2, 4, 6], (4, 1))
    frames = [Detections(boxes, [0.5] * 4, probs.argmax(axis=1), probs), Detections.none()]
    file = tmp_path / "d.json"
    file.write_text(json.dumps(to_coco({"a": frames}, ["x", "y", "z"], size=(9, 9))))
    assert np.allclose(read_coco(file)["a"].frames[0].probs, probs, atol=1e-6)
    assert read_coco(file)["a"].above(0.1).frames[0].probs is not None


@pytest.mark.parametrize(
    ("wanted", "classes", "probs"),
    [
        (["c", "a"], [1, 0], [[0.3, 0.1, 0.6], [0.2, 0.7, 0.1]]),
        (["a", "b", "c"], [0, 1, 2], [[0.1, 0.5, 0.3, 0.1], [0.1, 0.8, 0.05, 0.05], [0.7, 0.05, 0.2, 0.05]]),
        (["d", "a"], [1], [[0, 0.1, 0.9]]),
    ],
)
def test_distributions_follow_the_classes_that_are_kept(wanted, classes, probs):
    """Classes left out and the background, the fourth column, go together; a class that is not there gets nothing."""
    given = [[0.1, 0.5, 0.3, 0.1], [0.1, 0.8, 0.05, 0.05], [0.7, 0.05, 0.2, 0.05]]
    frame = Detections(np.tile([0, 0, 4, 4], (3, 1)), [0.5] * 3, [0, 1, 2], given)
    kept = VideoBoxes((frame, Detections.none()), ("a", "b", "c")).of_classes(wanted).frames[0]
    assert kept.classes.tolist() == classes
    assert kept.probs == pytest.approx(np.array(probs), abs=1e-6)


def test_without_anything_left_out_there_is_no_column_more():
    frame = Detections([[0, 0, 4, 4]], [0.5], [0], [[0.25, 0.75]])
    kept = VideoBoxes((frame,), ("a", "b")).of_classes(["b", "a"]).frames[0]
    assert (kept.probs.tolist(), kept.classes.tolist()) == ([[0.75, 0.25]], [1])
