from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

from askew.cli import video as command
from askew.errors import AskewError, InputError

cv2 = pytest.importorskip("cv2")
pytest.importorskip("PIL")

PETS = Path(os.environ.get("ASKEW_SHARED_DATA", "../shared/data")) / "pets09-s2l1"


def run(*words):
    parser = argparse.ArgumentParser()
    command.add(parser.add_subparsers())
    arguments = parser.parse_args([str(word) for word in words])
    return arguments.call(arguments)


def make_clip(path, n_frames=24, size=(160, 120)):
    """A folder of frames on which one square stands still."""
    path.mkdir(parents=True)
    for number in range(n_frames):
        image = np.full((size[1], size[0], 3), 90, np.uint8)
        image[30:60, 40:80] = 200
        cv2.imwrite(str(path / f"{number:04d}.png"), image)
    return path


def picked(folder):
    with (folder / "picked.csv").open() as file:
        return list(csv.DictReader(file))


def lines(n_frames=24, missing=(12,), false=(18,)):
    """The square is missed in frame 12, and something is reported in frame 18 that is not there; frames from 0."""
    out = [f"{frame + 1},-1,40,30,40,30,0.9,-1,-1,-1" for frame in range(n_frames) if frame not in missing]
    return "\n".join(out + [f"{frame + 1},-1,100,80,20,20,0.6,-1,-1,-1" for frame in false]) + "\n"


@pytest.fixture
def scene(tmp_path):
    clip = make_clip(tmp_path / "clip")
    (tmp_path / "d.txt").write_text(lines())
    return clip, tmp_path / "d.txt", tmp_path / "out"


def test_errors_end_to_end(scene, capsys):
    clip, detections, out = scene
    run(
        "video", "errors", clip, "--detections", detections, "--out", out, "--table", "csv", "--cache", out.parent / "c"
    )
    with (out / "frames.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["false_positives"]) for row in rows] == [frame == 18 for frame in range(24)]
    assert [int(row["false_negatives"]) for row in rows] == [frame == 12 for frame in range(24)]
    document = json.loads((out / "boxes.json").read_text())["videos"][0]
    assert [frame["frame"] for frame in document["frames"]] == [12, 18]
    assert document["frames"][0]["missed"] == [{"id": 0, "box": [40, 30, 80, 60], "score": 0.9, "class": "object"}]
    assert document["frames"][1]["suspected"] == [
        {"id": 1, "box": [100, 80, 120, 100], "score": 0.6, "class": "object"}
    ]
    assert document["frames"][1]["kept"] == [{"id": 0, "box": [40, 30, 80, 60], "score": 0.9, "class": "object"}]
    assert sorted(path.name for path in (out / "pictures").iterdir()) == ["clip-000012.jpg", "clip-000018.jpg"]
    assert (out / "clip-timeline.png").is_file()
    assert "24 frames, 1 suspected detection, 1 missed object\n" in capsys.readouterr().out
    assert not list(out.parent.glob(".askew-*"))


def test_annotated_frames_teach_which_detections_to_doubt(scene):
    """A steady ghost of low score is in every frame: coherence alone cannot doubt it, twelve annotated frames can."""
    clip, detections, out = scene
    ghost = "".join(f"{frame + 1},-1,100,80,20,20,0.35,-1,-1,-1\n" for frame in range(24))
    detections.write_text(lines(missing=(), false=()) + ghost)
    truth, labeled = out.parent / "truth.txt", out.parent / "labeled.csv"
    truth.write_text(lines(missing=range(12, 24), false=()))
    labeled.write_text("frame\n" + "".join(f"{frame}\n" for frame in range(12)))
    common = ["video", "errors", clip, "--detections", detections, "--table", "csv", "--cache", out.parent / "c"]
    suspected = []
    for extra in ([], ["--annotations", truth, "--labeled", labeled]):
        run(*common, "--out", out, "--force", *extra)
        with (out / "frames.csv").open() as file:
            suspected.append([int(row["false_positives"]) for row in csv.DictReader(file)])
    assert suspected == [[0] * 24, [1] * 24]
    coco = {
        "images": [
            {"id": frame + 1, "file_name": f"{frame:04d}.png", "width": 160, "height": 120} for frame in range(24)
        ],
        "categories": [{"id": 1, "name": "square"}],
        "annotations": [
            {"id": frame + 1, "image_id": frame + 1, "category_id": 1, "bbox": [40, 30, 40, 30]} for frame in range(12)
        ],
    }
    other = out.parent / "truth.json"
    other.write_text(json.dumps(coco))
    run(*common, "--out", out, "--force", "--annotations", other, "--labeled", labeled)
    with (out / "frames.csv").open() as file:
        assert [int(row["false_positives"]) for row in csv.DictReader(file)] == [1] * 24
    coco["categories"].append({"id": 2, "name": "circle"})
    coco["annotations"][0]["category_id"] = 2
    other.write_text(json.dumps(coco))
    with pytest.raises(InputError, match="annotations: classes square, circle; the detections are of object"):
        run(*common, "--out", out, "--force", "--annotations", other, "--labeled", labeled)
    with pytest.raises(InputError, match="--annotations needs --labeled"):
        run(*common, "--out", out, "--force", "--annotations", truth)
    with pytest.raises(InputError, match="--labeled changes nothing here by itself"):
        run(*common, "--out", out, "--force", "--labeled", labeled)
    with pytest.raises(InputError, match="--annotations changes nothing with --by random"):
        run("video", "pick", clip, "--detections", detections, "-n", "2", "--by", "random", "--annotations", truth)


def ghosts(scene, n_annotated=12):
    """A steady ghost of low score is in every frame; people say so of the first frames."""
    clip, detections, out = scene
    ghost = "".join(f"{frame + 1},-1,100,80,20,20,0.35,-1,-1,-1\n" for frame in range(24))
    detections.write_text(lines(missing=(), false=()) + ghost)
    (out.parent / "truth.txt").write_text(lines(missing=range(n_annotated, 24), false=()))
    (out.parent / "labeled.csv").write_text("frame\n" + "".join(f"{frame}\n" for frame in range(n_annotated)))
    taught = ["--annotations", out.parent / "truth.txt", "--labeled", out.parent / "labeled.csv"]
    return [clip, "--detections", detections, "--tracker", "static"], out, taught


def test_a_doubt_is_saved_and_used_again(scene):
    common, out, taught = ghosts(scene)
    saved = out.parent / "doubt.json"
    table = ["--table", "csv", "--pictures", "0"]
    run("video", "errors", *common, *table, *taught, "--out", out, "--save-doubt", saved)
    first = (out / "frames.csv").read_text()
    assert json.loads(saved.read_text())["n_frames"] == 12
    run("video", "errors", *common, *table, "--doubt", saved, "--out", out, "--force")
    assert (out / "frames.csv").read_text() == first
    record = json.loads((out / "boxes.json").read_text())["parameters"]
    assert record["learned_doubt"] == json.loads(saved.read_text())["weights"]
    assert record["inputs"]["doubt"]["bytes"] == saved.stat().st_size
    run(
        "video",
        "errors",
        *common,
        *table,
        "--doubt",
        saved,
        *taught,
        "--save-doubt",
        out.parent / "more.json",
        "--out",
        out,
        "--force",
    )
    assert json.loads((out.parent / "more.json").read_text())["n_frames"] == 24


def test_where_a_doubt_cannot_be_saved_nothing_is_written(scene):
    common, out, taught = ghosts(scene)
    stranger = out.parent / "mine.json"
    stranger.write_text('{"mine": 1}')
    for words, message in (
        (["--save-doubt", out.parent / "d.json"], "--save-doubt needs --annotations FILE"),
        ([*taught, "--save-doubt", out.parent / "d.txt"], "d.txt is no .json file"),
        ([*taught, "--save-doubt", out / "d.json"], "the folder to write: keep the doubt elsewhere"),
        ([*taught, "--save-doubt", stranger], "mine.json is there: choose another name, or --force"),
        ([*taught, "--save-doubt", stranger, "--force"], "mine.json: is no doubt"),
        (["--doubt", stranger], "mine.json: is no doubt"),
    ):
        with pytest.raises(InputError, match=message):
            run("video", "errors", *common, "--out", out, *words)
    assert not out.exists()
    assert stranger.read_text() == '{"mine": 1}'


def scores_of(folder):
    return [float(row["score"]) for row in picked(folder)]


def test_auto_learns_from_ten_frames_on_and_says_so_before(scene, capsys):
    common, out, taught = ghosts(scene, 10)
    apart = ["-n", "4", "--around-picked", "0", "--around-labeled", "0", "--force", "--out", out]
    run("video", "pick", *common, *taught, *apart)
    assert scores_of(out) == [1] * 4
    assert json.loads((out / "parameters.json").read_text())["by"] == "auto"
    run("video", "pick", *common, *apart)
    assert scores_of(out) == [0] * 4
    assert not capsys.readouterr().err
    common, out, taught = ghosts(scene, 9)
    run("video", "pick", *common, *taught, *apart, "--save-doubt", out.parent / "nine.json")
    assert scores_of(out) == [0] * 4
    assert "askew: 9 annotated frames of the ten that --by auto needs" in capsys.readouterr().err
    assert json.loads((out / "parameters.json").read_text())["learned_doubt"] is None
    run("video", "pick", *common, *taught, *apart, "--by", "fp")
    assert scores_of(out) == [1] * 4
    run("video", "pick", *common, *taught, "--doubt", out.parent / "nine.json", *apart)
    assert scores_of(out) == [1] * 4


def test_picks_by_sums_of_confidence_and_of_what_was_learned(scene):
    common, out, taught = ghosts(scene)
    apart = ["-n", "2", "--around-picked", "0", "--force", "--out", out]
    run("video", "pick", *common, *apart, "--by", "least-confidence-sum")
    assert scores_of(out) == pytest.approx([0.1 + 0.65] * 2)
    run("video", "pick", *common, *apart, *taught, "--by", "expected-fp")
    assert all(0.8 < score < 1.2 for score in scores_of(out))
    with pytest.raises(InputError, match="expected-fp needs annotated frames"):
        run("video", "pick", *common, *apart, "--by", "expected-fp")
    for flag in ("--annotations", "--doubt"):
        with pytest.raises(InputError, match=f"{flag} changes nothing with --by least-confidence-sum"):
            run("video", "pick", *common, *apart, "--by", "least-confidence-sum", flag, out.parent / "truth.txt")


@pytest.mark.parametrize("kind", ["coco", "cvat", "label-studio"])
def test_pick_end_to_end(scene, kind):
    clip, detections, out = scene
    run(
        "video",
        "pick",
        clip,
        "--detections",
        detections,
        "--out",
        out,
        "-n",
        2,
        "--format",
        kind,
        "--tracker",
        "static",
    )
    rows = picked(out)
    assert rows[0]["frame"] == "18"
    assert abs(int(rows[1]["frame"]) - 18) > 5
    assert np.array_equal(cv2.imread(str(out / rows[0]["file"])), cv2.imread(str(clip / "0018.png")))
    if kind == "cvat":
        image = ElementTree.parse(out / "preannotations.xml").getroot().find("image")
        assert image.get("name") == rows[0]["file"]
        assert [float(box.get("xtl")) for box in image.iter("box")] == [40, 100]
        return
    content = json.loads((out / "preannotations.json").read_text())
    if kind == "coco":
        assert [one["bbox"] for one in content["annotations"] if one["image_id"] == 1] == [
            [40, 30, 40, 30],
            [100, 80, 20, 20],
        ]
        assert [one["attributes"]["askew"] for one in content["annotations"]][:2] == ["kept", "suspected"]
    else:
        value = content[0]["predictions"][0]["result"][1]["value"]
        assert (value["x"], value["y"], value["width"]) == pytest.approx((62.5, 80 / 1.2, 12.5))


def test_what_was_picked_is_left_alone_the_next_time(scene):
    clip, detections, out = scene
    words = ("video", "pick", clip, "--detections", detections, "-n", 2, "--tracker", "static")
    run(*words, "--out", out)
    run(*words, "--out", out.parent / "out2", "--labeled", out / "picked.csv")
    first, second = ([int(row["frame"]) for row in picked(folder)] for folder in (out, out.parent / "out2"))
    assert all(abs(a - b) > 3 for a in first for b in second)


def test_several_videos_take_turns_and_classes_are_balanced(tmp_path):
    for name in ("a", "b"):
        make_clip(tmp_path / "clips" / name)
    (tmp_path / "found").mkdir()
    (tmp_path / "found" / "a.txt").write_text(lines(false=(3, 18)))
    (tmp_path / "found" / "b.txt").write_text(lines())
    words = ("video", "pick", tmp_path / "clips", "--detections", tmp_path / "found", "--tracker", "static", "-n", 2)
    run(*words, "--out", tmp_path / "out")
    assert sorted(row["video"] for row in picked(tmp_path / "out")) == ["a", "b"]
    run(*words, "--out", tmp_path / "out2", "--balance", 0.5)
    assert len(list((tmp_path / "out2" / "frames").iterdir())) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("99,-1,1,2,3,4,0.5\n", "speaks of frame 99"),
        ("1,-1,900,2,3,4,0.5\n", "outside the image of 160 x 120"),
        ("1,-1,nan,2,3,4,0.5\n", "not finite"),
    ],
)
@pytest.mark.parametrize("action", [["errors"], ["pick", "-n", "2"]])
def test_bad_detections_are_one_line_and_nothing_is_written(scene, text, message, action):
    clip, detections, out = scene
    detections.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        run("video", *action, clip, "--detections", detections, "--out", out, "--cache", out.parent / "cache")
    assert "\n" not in str(caught.value)
    assert sorted(path.name for path in out.parent.iterdir()) == ["clip", "d.txt"]


def test_bad_frames_and_folders_write_nothing(scene):
    clip, detections, out = scene
    cache = out.parent / "cache"
    cv2.imwrite(str(clip / "0007.png"), np.zeros((50, 50, 3), np.uint8))
    for action in (["errors", "--tracker", "static", "--pictures", "0"], ["errors", "--cache", cache]):
        with pytest.raises(InputError, match="50 x 50 pixels"):
            run("video", *action, clip, "--detections", detections, "--out", out)
        assert not out.exists()
        assert not list(out.parent.glob(".askew-*"))
    out.mkdir()
    (out / "mine").write_text("precious")
    with pytest.raises(InputError, match="has something in it"):
        run("video", "errors", clip, "--detections", detections, "--out", out)
    assert (out / "mine").read_text() == "precious"
    with pytest.raises(AskewError, match="there is no folder"):
        run("video", "errors", clip, "--detections", detections, "--out", out / "a" / "b")
    with pytest.raises(InputError, match="--weights goes with"):
        run("video", "errors", clip, "--detections", detections, "--out", out.parent / "o", "--tracker", "raft")
    cv2.imwrite(str(clip / "0007.png"), cv2.imread(str(clip / "0006.png")))
    with pytest.raises(InputError, match=r"only \d of 24 open frames"):
        run(
            "video", "pick", clip, "--detections", detections, "--out", out.parent / "o", "-n", 5, "--tracker", "static"
        )


def test_the_first_frames_alone_leave_out_the_boxes_of_the_others(scene):
    clip, detections, out = scene
    run("video", "errors", clip, "--detections", detections, "--out", out, "--table", "csv", "--frames", "14")
    with (out / "frames.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["false_negatives"]) for row in rows] == [frame == 12 for frame in range(14)]
    with detections.open("a") as file:
        file.write("25,-1,40,30,40,30,0.9,-1,-1,-1\n")
    with pytest.raises(InputError, match="speaks of frame 25, which does not exist: the video has 24 frames"):
        run("video", "errors", clip, "--detections", detections, "--out", out, "--force", "--frames", "14")


def test_no_detections_at_all(scene):
    clip, detections, out = scene
    detections.write_text("")
    run("video", "errors", clip, "--detections", detections, "--out", out, "--tracker", "static")
    assert json.loads((out / "boxes.json").read_text())["videos"][0]["frames"] == []
    run("video", "pick", clip, "--detections", detections, "--out", out.parent / "o", "-n", 3, "--by", "random")


def test_help_needs_nothing_heavy():
    code = (
        "import sys, argparse\nfrom askew.cli import video\n"
        "video.add(argparse.ArgumentParser().add_subparsers())\n"
        "print([m for m in ('numpy', 'cv2', 'torch', 'scipy', 'PIL', 'rich') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "cv2" not in done.stdout
    assert "torch" not in done.stdout
    assert "PIL" not in done.stdout
    assert "rich" not in done.stdout


@pytest.mark.skipif(not PETS.is_dir(), reason="needs the shared PETS 2009 video")
def test_truth_of_a_real_video_is_read():
    from askew.data.annotations import read_boxes
    from askew.data.film import open_video

    truth = read_boxes(PETS / "gt.txt", open_video(PETS / "vtest.avi"))
    assert (len(truth), sum(len(frame) for frame in truth.frames)) == (795, 4650)


def test_without_opencv_the_core_works_and_says_what_is_missing():
    code = (
        "import sys\nsys.modules['cv2'] = sys.modules['PIL'] = None\n"
        "from askew.video import Detections, StaticTracker, estimate_errors\n"
        "from askew.data.film import flow_tracker\n"
        "from askew.errors import MissingExtra\n"
        "print(estimate_errors([Detections([[0, 0, 1, 1]], [1], [0])], StaticTracker()).energy)\n"
        "try:\n    flow_tracker([])\nexcept MissingExtra as error:\n    print(error)\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "0.0",
        'flow needs packages that are not installed: in a clone of askew, pip install ".[video]"',
        "False",
    ]
