"""Corners and shares where left, top, width and height in pixels belong: refused, and never seen where they are not."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from askew.data.annotations import read_boxes, to_coco
from askew.data.film import Video
from askew.errors import InputError
from askew.video import Detections

WIDTH, HEIGHT, N_FRAMES = 640, 480, 20
PETS = Path(os.environ.get("ASKEW_SHARED_DATA", "../shared/data")) / "pets09-s2l1" / "gt.txt"


def walkers(n_boxes=100, seed=0):
    """Returns (n, 4) x, y, width, height of people all over the picture, all within it."""
    rng = np.random.default_rng(seed)
    size = np.stack([rng.uniform(20, 60, n_boxes), rng.uniform(60, 150, n_boxes)], axis=1)
    return np.concatenate([rng.uniform(0, 1, (n_boxes, 2)) * ([WIDTH, HEIGHT] - size), size], axis=1)


def corners_of(numbers):
    return np.concatenate([numbers[:, :2], numbers[:, :2] + numbers[:, 2:]], axis=1)


def written(tmp_path, numbers, kind):
    """Writes four numbers a box as they stand, frame after frame."""
    frames = np.arange(len(numbers)) % N_FRAMES
    if kind == "mot":
        lines = [f"{f + 1},-1,{','.join(map(str, box))},0.9\n" for f, box in zip(frames, numbers.tolist(), strict=True)]
        file = tmp_path / "found.txt"
        file.write_text("".join(lines))
        return file
    document = to_coco({"clip": [Detections.none()] * N_FRAMES}, ["person"], size=(WIDTH, HEIGHT))
    document["annotations"] = [
        {"id": i, "image_id": int(f) + 1, "category_id": 1, "bbox": box}
        for i, (f, box) in enumerate(zip(frames, numbers.tolist(), strict=True))
    ]
    file = tmp_path / "found.json"
    file.write_text(json.dumps(document))
    return file


def read(tmp_path, numbers, kind, size=(WIDTH, HEIGHT)):
    clip = Video(tmp_path / "clip.avi", N_FRAMES, *size, 10.0, (), N_FRAMES)
    return read_boxes(written(tmp_path, numbers, kind), clip).frames


@pytest.mark.parametrize("kind", ["mot", "coco"])
def test_corners_are_refused_with_the_first_and_how_many(tmp_path, kind):
    numbers = walkers()
    corners = corners_of(numbers).round(1)
    assert len(read(tmp_path, numbers, kind).table) == 100
    reach = corners[:, :2] + corners[:, 2:]
    far = np.flatnonzero((reach > [1.25 * WIDTH, 1.25 * HEIGHT]).any(axis=1))
    order = np.argsort(np.arange(100) % N_FRAMES, kind="stable")
    first = next(row for row in order if row in far)
    with pytest.raises(
        InputError, match=r"are these x1,y1,x2,y2\? MOTChallenge and COCO have x,y,width,height"
    ) as caught:
        read(tmp_path, corners, kind)
    assert f"{len(far)} of 100 boxes reach far beyond the picture of 640 x 480 pixels" in str(caught.value)
    assert f"the first in frame {first % N_FRAMES} (from 0), {corners[first].tolist()}" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["mot", "coco"])
def test_shares_are_refused(tmp_path, kind):
    share = walkers() / [WIDTH, HEIGHT, WIDTH, HEIGHT]
    for numbers in (share, corners_of(share), share[:1]):
        with pytest.raises(InputError, match=r"look like shares of the picture; multiply .* 640 x 480"):
            read(tmp_path, numbers, kind)


def test_boxes_that_leave_the_picture_by_right_pass(tmp_path):
    """Half of every person beyond an edge; amodal truth by a moving camera; one large object cut by the lower edge."""
    numbers = walkers()
    half = numbers.copy()
    half[:, 0] = WIDTH - half[:, 2] / 2
    amodal = numbers.copy()
    amodal[::2, 3] = 1.3 * HEIGHT - amodal[::2, 1]
    lorry = np.tile([[200.0, 180.0, 400.0, 400.0]], (N_FRAMES, 1))
    for numbers_of in (half, amodal, lorry):
        assert len(read(tmp_path, numbers_of, "mot").table) == len(numbers_of)


def test_a_few_odd_boxes_pass(tmp_path):
    numbers = walkers()
    numbers[:4] = [600, 440, 630, 470]
    assert len(read(tmp_path, numbers, "mot").table) == 100
    tiny = np.concatenate([walkers(1), [[0, 0, 1, 1]]])
    assert len(read(tmp_path, tiny, "mot").table) == 2
    assert len(read(tmp_path, np.array([[0.0, 0.0, 1.0, 1.0]]), "mot", size=(8, 8)).table) == 1


@pytest.mark.skipif(not PETS.is_file(), reason="needs the street video's truth in ASKEW_SHARED_DATA")
def test_the_truth_of_a_real_street_passes_and_its_corners_do_not(tmp_path):
    clip = Video(tmp_path / "clip.avi", 795, 768, 576, 10.0, (), 795)
    assert len(read_boxes(PETS, clip).frames.table) > 4000
    rows = np.loadtxt(PETS, delimiter=",")
    rows[:, 4:6] += rows[:, 2:4]
    np.savetxt(tmp_path / "corners.txt", rows, delimiter=",", fmt="%g")
    with pytest.raises(InputError, match="are these x1,y1,x2,y2"):
        read_boxes(tmp_path / "corners.txt", clip)
