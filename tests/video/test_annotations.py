from __future__ import annotations

import json

import numpy as np
import pytest

from askew.data.annotations import (
    VID_ROAD_CLASSES,
    read_boxes,
    read_coco,
    read_mot,
    read_synthia_al,
    read_vid,
    read_voc,
    read_yolo,
    to_coco,
    to_mot,
)
from askew.data.film import Video
from askew.errors import DataNotFound, InputError
from askew.video import Detections


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def boxes_of(video):
    return [frame.boxes.tolist() for frame in video.frames]


def video(tmp_path, n_frames=3, width=100, height=80):
    return Video(tmp_path / "clip.avi", n_frames, width, height, 10.0, (), n_frames)


def voc(objects):
    parts = "".join(
        f"<object><name>{n}</name><bndbox><xmin>{a}</xmin><ymin>{b}</ymin><xmax>{c}</xmax><ymax>{d}</ymax></bndbox>"
        "</object>"
        for n, a, b, c, d in objects
    )
    return f"<annotation><folder>x</folder>{parts}</annotation>"


def test_mot_detections(tmp_path):
    file = write(tmp_path / "d.txt", "3,-1,1,2,3,4,0.5,-1,-1,-1\n1,-1,10,20,30,40,7.25,-1,-1,-1\n")
    read = read_mot(file, n_frames=4)
    assert boxes_of(read) == [[[10, 20, 40, 60]], [], [[1, 2, 4, 6]], []]
    assert [frame.scores.tolist() for frame in read.frames] == [[7.25], [], [0.5], []]
    assert read.classes == ("object",)


def test_mot_ground_truth_of_2016_has_classes_and_lines_that_do_not_count(tmp_path):
    file = write(tmp_path / "gt.txt", "1,1,0,0,5,5,1,1,1.0\n1,2,0,0,5,5,0,7,1.0\n2,3,1,1,2,2,1,3,0.4\n")
    read = read_mot(file)
    assert [frame.classes.tolist() for frame in read.frames] == [[0], [2]]
    assert read.classes == ("class 1", "class 2", "class 3")


def test_mot_there_and_back(tmp_path):
    rng = np.random.default_rng(0)
    frames = []
    for n in (2, 0, 3):
        corner = rng.uniform(0, 50, (n, 2)).round(2)
        sides = np.concatenate([corner, corner + rng.uniform(1, 9, (n, 2)).round(2)], axis=1)
        frames.append(Detections(sides, rng.random(n).round(4), np.zeros(n, np.int64)))
    again = read_mot(write(tmp_path / "d.txt", to_mot(frames)), n_frames=3)
    for a, b in zip(frames, again.frames, strict=True):
        assert np.allclose(a.boxes, b.boxes, atol=0.011)
        assert np.allclose(a.scores, b.scores, atol=1e-4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "1,-1,1,2,3,4,0.5\n9,-1,1,2,3,4,0.5\n",
            "speaks of frame 9, which does not exist: the video has 3 frames, 1 to 3",
        ),
        ("0,-1,1,2,3,4,0.5\n", "speaks of frame 0"),
        ("1,-1,1,nan,3,4,0.5\n", "line 1 is not finite"),
        ("1,-1,1,2,-3,4,0.5\n", "line 1 has a negative width"),
        ("1.5,-1,1,2,3,4,0.5\n", "a frame that is not whole"),
        ("1,-1,1,2,3\n", "lines of 7 to 10 numbers"),
        ("frame,id,x\n", "expected lines of frame, id"),
        ("1,-1,1,2,3,4,0.5\n1,-1,1\n", "expected lines of frame, id"),
        ("1,-1,200,2,3,4,0.5\n", "1 boxes outside the image of 100 x 80"),
        ("1,-1,-9,2,3,4,0.5\n", "1 boxes outside the image of 100 x 80"),
    ],
)
def test_broken_mot_is_one_line(tmp_path, text, message):
    file = write(tmp_path / "d.txt", text)
    with pytest.raises(InputError, match=message) as caught:
        read_boxes(file, video(tmp_path))
    assert "\n" not in str(caught.value)


def test_no_detections_at_all_is_fine(tmp_path):
    assert boxes_of(read_boxes(write(tmp_path / "d.txt", ""), video(tmp_path))) == [[], [], []]


def test_coco_there_and_back_with_two_videos(tmp_path):
    frames = {
        "a": [Detections([[1, 2, 4, 6], [0, 0, 9, 9]], [0.5, 0.25], [1, 0]), Detections.none()],
        "b": [Detections.none(), Detections.none(), Detections([[3, 3, 5, 8]], [1.0], [1])],
    }
    document = to_coco(frames, ["car", "bus"], size=(100, 80))
    read = read_coco(write(tmp_path / "x.json", json.dumps(document)))
    assert {name: boxes_of(one) for name, one in read.items()} == {
        name: [frame.boxes.tolist() for frame in one] for name, one in frames.items()
    }
    assert read["a"].frames[0].classes.tolist() == [1, 0]
    assert read["b"].classes == ("car", "bus")


def test_coco_places_categories_and_results(tmp_path):
    images = [{"id": 7, "file_name": "f10.jpg"}, {"id": 3, "file_name": "f9.jpg"}]
    data = {"images": images, "categories": [{"id": 9, "name": "bus"}, {"id": 4, "name": "car"}]}
    results = [{"image_id": 7, "category_id": 9, "bbox": [1, 1, 2, 2], "score": 0.5}]
    base, found = write(tmp_path / "i.json", json.dumps(data)), write(tmp_path / "r.json", json.dumps(results))
    read = read_coco(found, images=base)[""]
    assert boxes_of(read) == [[], [[1, 1, 3, 3]]]
    assert (read.classes, read.frames[1].classes.tolist()) == (("car", "bus"), [1])
    with pytest.raises(InputError, match="give images="):
        read_coco(found)
    with pytest.raises(InputError, match="2 images for the 5 frames"):
        read_coco(found, images=base, n_frames=5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"annotations": [{"image_id": 99, "category_id": 1, "bbox": [0, 0, 1, 1]}]}, "image 99, which does not exist"),
        ({"annotations": [{"image_id": 1, "category_id": 5, "bbox": [0, 0, 1, 1]}]}, "unknown category 5"),
        ({"annotations": [{"image_id": 1, "category_id": 1, "bbox": [0, 0, -1, 1]}]}, "negative width"),
        (
            {"annotations": [{"image_id": 1, "category_id": 1, "bbox": [0, 0, float("nan"), 1]}]},
            "4 finite numbers as bbox",
        ),
        (
            {"annotations": [{"category_id": 1}]},
            "annotation 0: expected .* as image_id, which is missing",
        ),
        ({"images": [{"id": 1, "frame_id": 8}]}, "speaks of frame 8, which does not exist"),
        (
            {"images": [{"id": 1, "frame_id": 0}, {"id": 2, "frame_id": 0}]},
            "two images of the video have the same place",
        ),
    ],
)
def test_broken_coco_is_one_line(tmp_path, change, message):
    data = {"images": [{"id": 1, "frame_id": 0}], "categories": [{"id": 1, "name": "car"}], "annotations": []}
    file = write(tmp_path / "d.json", json.dumps(data | change))
    with pytest.raises(InputError, match=message):
        read_boxes(file, video(tmp_path))
    with pytest.raises(InputError, match="not JSON"):
        read_boxes(write(tmp_path / "e.json", "{"), video(tmp_path))


def test_voc_in_the_tree_of_imagenet_vid(tmp_path):
    tree = tmp_path / "Annotations" / "VID" / "train" / "part"
    write(tree / "v1" / "000000.xml", voc([("n02958343", 1, 2, 3, 4), ("n01503061", 0, 0, 9, 9)]))
    write(tree / "v1" / "000001.xml", voc([]))
    write(tree / "v2" / "000000.xml", voc([("n01503061", 0, 0, 9, 9)]))
    every = read_vid(tmp_path)
    assert list(every) == ["part/v1", "part/v2"]
    assert every["part/v1"].classes == ("n01503061", "n02958343")
    assert every["part/v1"].frames[0].classes.tolist() == [1, 0]
    roads = read_vid(tmp_path, classes=list(VID_ROAD_CLASSES))
    assert {name: boxes_of(one) for name, one in roads.items()} == {"part/v1": [[[1, 2, 3, 4]], []]}
    with pytest.raises(DataNotFound, match="ImageNet-VID's tree"):
        read_vid(tmp_path, "val")
    with pytest.raises(InputError, match="not XML"):
        read_voc(write(tmp_path / "x" / "000000.xml", "<a>").parent)
    assert boxes_of(read_boxes(tree / "v2", video(tmp_path)))[0] == [[0, 0, 9, 9]]


def test_yolo(tmp_path):
    write(tmp_path / "y" / "clip_2.txt", "1 0.5 0.5 0.2 0.5 0.75\n")
    write(tmp_path / "y" / "classes.txt", "car\nbus\n")
    read = read_boxes(tmp_path / "y", video(tmp_path))
    assert boxes_of(read) == [[], [[40, 20, 60, 60]], []]
    assert (read.classes, read.frames[1].scores.tolist()) == (("car", "bus"), [0.75])
    by_name = read_yolo(tmp_path / "y", size=(100, 80), n_frames=2, stems=["clip_2", "clip_3"])
    assert boxes_of(by_name)[0] == [[40, 20, 60, 60]]
    with pytest.raises(InputError, match=r"frame 2 \(counted from 1\) does not exist; the video has 1 frames"):
        read_yolo(tmp_path / "y", size=(100, 80), n_frames=1)
    write(tmp_path / "y" / "clip_3.txt", "0 50 40 20 20\n")
    with pytest.raises(InputError, match=r"clip_3\.txt: line 1: expected a class from 0"):
        read_yolo(tmp_path / "y", size=(100, 80))


def test_synthia_al(tmp_path):
    sequence = tmp_path / "train" / "test5_10segs_weather_0" / "19-10-2018_12-47-37"
    line = "{} 0.0 0 -1.5 10.0 20.0 30.0 60.0 1.5 1.6 3.9 0.1 1.7 20.0 0.0\n"
    write(
        sequence / "labels_kitti" / "000001.txt", line.format("Car") + line.format("Building") + line.format("cyclist")
    )
    for number in range(3):
        write(sequence / "RGB" / f"{number:06d}.png", "")
    read = read_synthia_al(tmp_path)["test5_10segs_weather_0/19-10-2018_12-47-37"]
    assert boxes_of(read) == [[], [[10, 20, 30, 60]] * 2, []]
    assert read.frames[1].classes.tolist() == [2, 1]
    with pytest.raises(DataNotFound, match="SYNTHIA-AL"):
        read_synthia_al(tmp_path, "test")
