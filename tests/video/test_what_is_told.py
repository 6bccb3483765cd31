"""What a file does not say is not guessed: the order of images with hashes for names, frames without annotations."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.video.test_commands import lines, make_clip, run

from askew.data.annotations import load_coco, read_coco
from askew.data.film import open_video
from askew.data.film.labeled import read_names
from askew.errors import InputError

HASHES = ["d3b0.jpg", "07cc.jpg", "9e10.jpg", "a4f2.jpg"]


def coco(path, names, ids=None, **extra):
    """A COCO file of images in the order of the film, each with one box as wide as its place there."""
    ids = ids or list(range(1, len(names) + 1))
    document = {
        "images": [{"id": i, "file_name": name, **extra} for i, name in zip(ids, names, strict=True)],
        "categories": [{"id": 1, "name": "person"}],
        "annotations": [
            {"id": i, "image_id": one, "category_id": 1, "bbox": [9, 9, i + 3, 9]} for i, one in enumerate(ids)
        ],
    }
    path.write_text(json.dumps(document))
    return path


def places(path):
    """The place in the list of the image that each frame was taken to be."""
    return [int(frame.boxes[0, 2]) - 12 for frame in read_coco(path)[""].frames]


def test_hashes_for_names_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"'d3b0\.jpg' and so on\) do not tell their order in the video: give each a"):
        read_coco(coco(tmp_path / "d.json", HASHES))
    with pytest.raises(InputError, match="do not tell their order"):
        read_coco(coco(tmp_path / "d.json", HASHES, ids=["q", "c", "x", "a"]))
    with pytest.raises(InputError, match="3 images for the 5 frames of the video, and no frame_id"):
        read_coco(coco(tmp_path / "d.json", ["1.png", "2.png", "3.png"]), n_frames=5)


@pytest.mark.parametrize(
    ("names", "ids", "order"),
    [
        (["f10.jpg", "f2.jpg", "f1.jpg"], None, [2, 1, 0]),
        (["2024-01-02_09.jpg", "2024-01-01_23.jpg", "2024-01-01_07.jpg"], None, [2, 1, 0]),
        (["clip-7_jpg.rf.d3.jpg", "clip-5_jpg.rf.07c.jpg", "clip-6_jpg.rf.ab.jpg"], None, [1, 2, 0]),
        (["a.jpg", "b.jpg", "c.jpg"], None, [0, 1, 2]),
        (["c.jpg", "b.jpg", "a.jpg"], [3, 2, 1], [2, 1, 0]),
        (["only-one.jpg"], None, [0]),
    ],
)
def test_names_that_tell_the_order_are_read(tmp_path, names, ids, order):
    assert places(coco(tmp_path / "d.json", names, ids)) == order


def test_the_names_of_the_frames_themselves_are_read(tmp_path):
    from askew.data.annotations import read_boxes

    clip = make_clip(tmp_path / "clip", n_frames=4)
    for name, path in zip(HASHES, sorted(clip.iterdir()), strict=True):
        path.rename(clip / f"{name.removesuffix('.jpg')}.png")
    video = open_video(clip)
    stems = [path.stem for path in video.pictures]
    read = read_boxes(coco(tmp_path / "d.json", HASHES), video).frames
    listed = [name.removesuffix(".jpg") for name in HASHES]
    assert [int(frame.boxes[0, 2]) - 12 for frame in read] == [listed.index(stem) for stem in stems]


@pytest.fixture
def scene(tmp_path):
    clip = make_clip(tmp_path / "clip")
    (tmp_path / "d.txt").write_text(lines(false=(3,)))
    (tmp_path / "labeled.csv").write_text("frame\n" + "".join(f"{frame}\n" for frame in range(6)))
    words = ["video", "errors", clip, "--detections", tmp_path / "d.txt", "--tracker", "static", "--out"]
    return tmp_path, [*words, tmp_path / "out", "--labeled", tmp_path / "labeled.csv", "--force", "--annotations"]


def test_labelled_frames_without_annotation_are_counted_aloud(scene, capsys):
    folder, words = scene
    truth = folder / "truth.txt"
    truth.write_text("1,-1,40,30,40,30,1,-1,-1,-1\n")
    run(*words, truth)
    assert "askew: of 6 frames in --labeled, 5 have no annotation: taken as empty\n" in capsys.readouterr().err
    truth.write_text("".join(f"{frame},-1,40,30,40,30,1,-1,-1,-1\n" for frame in range(1, 7)))
    run(*words, truth)
    assert "taken as empty" not in capsys.readouterr().err


def test_labelled_frames_that_coco_does_not_list_are_refused(scene, capsys):
    folder, words = scene
    document = {
        "images": [{"id": frame, "frame_id": frame} for frame in range(6)],
        "categories": [{"id": 1, "name": "object"}],
        "annotations": [{"id": 1, "image_id": 0, "category_id": 1, "bbox": [40, 30, 40, 30]}],
    }
    truth = folder / "truth.json"
    truth.write_text(json.dumps(document))
    run(*words, truth)
    assert "of 6 frames in --labeled, 5 have no annotation" in capsys.readouterr().err
    truth.write_text(json.dumps({**document, "images": document["images"][:2]}))
    with pytest.raises(
        InputError, match="does not list 4 of the 6 frames in labeled, the first frame 2 of video 'clip'"
    ):
        run(*words, truth)


def test_detections_that_stop_before_the_end_are_said(tmp_path, capsys):
    clip = make_clip(tmp_path / "clip")
    words = ["video", "errors", clip, "--tracker", "static", "--force", "--out", tmp_path / "out", "--detections"]
    for last, said in ((15, True), (16, False)):
        (tmp_path / "d.txt").write_text("".join(f"{frame},-1,40,30,40,30,0.9,-1,-1,-1\n" for frame in range(1, last)))
        run(*words, tmp_path / "d.txt")
        line = f"askew: clip: no detection in the last {25 - last} of 24 frames\n"
        assert (line in capsys.readouterr().err) == said


def test_the_table_of_picked_frames_tells_which_frame_an_image_is(scene, capsys):
    """What people drew comes back from a labelling tool under the names of the picked frames, in any order."""
    folder, words = scene
    files = [f"frames/clip-{frame:06d}.png" for frame in range(6)]
    rows = [f"{frame},clip,{frame},{file}" for frame, file in enumerate(files)]
    (folder / "labeled.csv").write_text("\n".join(["rank,video,frame,file", *rows]) + "\n")
    document = {
        "images": [{"id": frame, "file_name": Path(files[frame]).name} for frame in (3, 0, 5, 1, 2, 4)],
        "categories": [{"id": 1, "name": "object"}],
        "annotations": [{"id": 1, "image_id": 3, "category_id": 1, "bbox": [40, 30, 40, 30]}],
    }
    truth = folder / "truth.json"
    truth.write_text(json.dumps(document))
    run(*words, truth)
    assert "of 6 frames in --labeled, 5 have no annotation" in capsys.readouterr().err
    read = load_coco(truth).boxes("", 24, named=read_names([folder / "labeled.csv"]))
    assert [len(frame) for frame in read.frames] == [0, 0, 0, 1, 0, 0] + [0] * 18
    document["images"][0]["file_name"] = "another.png"
    truth.write_text(json.dumps(document))
    with pytest.raises(InputError, match="6 images for the 24 frames of the video, and no frame_id"):
        run(*words, truth)
    (folder / "labeled.csv").write_text("video,frame,file\nclip,3,a/x.png\nclip,4,b/x.png\n")
    with pytest.raises(InputError, match=r"labeled.csv, line 3: 'x.png' is frame 3 in another line"):
        run(*words, truth)
