"""Boxes of several videos at once: each video gets its own, or the file is refused."""

from __future__ import annotations

import json

import pytest

from askew.data.annotations import read_videos, to_coco, to_mot
from askew.data.film import Video
from askew.errors import DataNotFound, InputError
from askew.review import read_detections
from askew.video import Detections


def video(path, n_frames):
    return Video(path, n_frames, 100, 80, 10.0, (), n_frames)


def boxes(left):
    return Detections([[left, 1, left + 5, 6]], [0.5], [0])


def lefts(videos):
    return {
        name: [box[0] for frame in one.frames for box in frame.boxes.tolist()] + [len(one)]
        for name, one in videos.items()
    }


def document(tmp_path, videos):
    file = tmp_path / "d.json"
    file.write_text(json.dumps(to_coco(videos, ["car"], size=(100, 80))))
    return file


def clips(tmp_path, **lengths):
    return {name: video(tmp_path / f"{name}.avi", n) for name, n in lengths.items()}


def test_one_coco_file_for_clips_of_unequal_length(tmp_path):
    file = document(tmp_path, {"a": [boxes(1)] * 2, "b.mp4": [boxes(2)] * 4, "dir/c": [boxes(3)]})
    read = read_videos(file, clips(tmp_path, a=2, b=4, c=3))
    assert lefts(read) == {"a": [1, 1, 2], "b": [2, 2, 2, 2, 4], "c": [3, 3]}


def test_a_file_that_does_not_say_which_clip_its_boxes_are_of_is_refused(tmp_path):
    two = clips(tmp_path, a=2, b=2)
    mot = tmp_path / "d.txt"
    mot.write_text(to_mot([boxes(1)]))
    with pytest.raises(InputError, match=r"d\.txt cannot tell 2 videos apart"):
        read_videos(mot, two)
    with pytest.raises(InputError, match="speaks of 1 video, 0 of them 'b': it has 'a'"):
        read_videos(document(tmp_path, {"a": [boxes(1)]}), two)
    plain = {"images": [{"id": 1, "file_name": "1.jpg"}], "categories": [], "annotations": []}
    (tmp_path / "d.json").write_text(json.dumps(plain))
    with pytest.raises(InputError, match="speaks of 1 video, 0 of them 'a'"):
        read_videos(tmp_path / "d.json", two)


def test_one_video_of_a_file_is_not_taken_for_two_clips(tmp_path):
    same = {"a/x": video(tmp_path / "a" / "x.avi", 2), "b/x": video(tmp_path / "b" / "x.avi", 2)}
    with pytest.raises(InputError, match="its video 'x' may be 'a/x' or 'b/x'"):
        read_videos(document(tmp_path, {"x": [boxes(1)], "y": []}), same)
    read = read_videos(document(tmp_path, {"a/x.avi": [boxes(1)], "b/x": [boxes(2)]}), same)
    assert lefts(read) == {"a/x": [1, 2], "b/x": [2, 2]}


def test_a_folder_has_a_file_for_each(tmp_path):
    two = clips(tmp_path, a=2, b=3)
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a.txt").write_text(to_mot([boxes(1)]))
    with pytest.raises(DataNotFound, match="nothing for video 'b'"):
        read_videos(tmp_path / "d", two)
    (tmp_path / "d" / "b.json").write_text(json.dumps(to_coco({"any": [boxes(2)] * 3}, ["car"], size=(100, 80))))
    assert lefts(read_videos(tmp_path / "d", two)) == {"a": [1, 2], "b": [2, 2, 2, 3]}


def test_one_clip_takes_the_only_video_whatever_its_name(tmp_path):
    assert lefts(read_videos(document(tmp_path, {"z": [boxes(1)]}), clips(tmp_path, a=2))) == {"a": [1, 2]}
    with pytest.raises(InputError, match="speaks of 2 videos, 0 of them 'a': it has 'y', 'z'"):
        read_videos(document(tmp_path, {"y": [], "z": []}), clips(tmp_path, a=2))


def test_annotations_without_an_object_are_fine(tmp_path):
    folder = tmp_path / "d"
    folder.mkdir()
    (folder / "000000.xml").write_text("<annotation><folder>x</folder></annotation>")
    one = clips(tmp_path, a=2)
    read = read_detections(folder, one)
    assert (lefts(read), read["a"].classes) == ({"a": [2]}, ("object",))
    assert read_detections(folder, one, classes=["car"])["a"].classes == ("car",)
