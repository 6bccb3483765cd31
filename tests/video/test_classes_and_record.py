"""What `--classes` names, and what a run says of itself, so that it can be repeated."""

from __future__ import annotations

import argparse
import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest

from askew.cli import video as command
from askew.cli.main import main
from askew.cli.video_record import contents
from askew.errors import InputError
from askew.review import read_footage

cv2 = pytest.importorskip("cv2")
pytest.importorskip("PIL")

PERSON = "".join(f"{frame},-1,40,30,40,30,0.9\n" for frame in range(1, 13) if frame != 6)
THREE = "".join(f"{frame},-1,{40 * kind},30,30,30,1,{kind},1\n" for frame in range(1, 13) for kind in (1, 3))


@pytest.fixture
def clip(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("clip").mkdir()
    for number in range(12):
        cv2.imwrite(f"clip/{number:04d}.png", np.full((120, 200, 3), 90, np.uint8))
    Path("one.txt").write_text(PERSON)
    Path("three.txt").write_text(THREE)
    Path("yolo").mkdir()
    for number in range(12):
        Path(f"yolo/{number:04d}.txt").write_text("0 0.3 0.3 0.1 0.1\n2 0.7 0.3 0.1 0.1\n")
    return Path("clip")


class TestClasses:
    @pytest.mark.usefixtures("clip")
    def test_a_file_without_names_gets_them(self):
        words = ["video", "errors", "clip", "--detections", "one.txt", "--tracker", "static", "--out", "out"]
        assert main([*words, "--classes", "person"]) == 0
        [frame] = json.loads(Path("out/boxes.json").read_text())["videos"][0]["frames"]
        assert [box["class"] for box in frame["missed"]] == ["person"]
        assert main(["video", "pick", *words[2:-1], "to", "-n", "2", "--classes", "person"]) == 0
        assert json.loads(Path("to/preannotations.json").read_text())["categories"] == [{"id": 1, "name": "person"}]

    @pytest.mark.parametrize("file", ["three.txt", "yolo"])
    def test_names_go_by_the_numbers_of_the_classes(self, clip, file):
        boxes = read_footage(clip, file, classes=["man", "dog", "cat", "cow"]).boxes["clip"]
        assert [boxes.classes[kind] for kind in boxes.frames[4].classes] == ["man", "cat"]
        assert boxes.classes == ("man", "dog", "cat", "cow")

    @pytest.mark.parametrize(("file", "last"), [("three.txt", "class 3"), ("yolo", "class 2")])
    def test_made_up_names_still_choose(self, clip, file, last):
        boxes = read_footage(clip, file, classes=[last]).boxes["clip"]
        assert boxes.classes == (last,)
        assert [len(frame) for frame in boxes.frames] == [1] * 12

    @pytest.mark.parametrize(
        ("file", "names", "message"),
        [
            ("one.txt", ["person", "car"], "2 names (person, car) for boxes of 1: give each one a name"),
            ("three.txt", ["man", "dog"], "2 names (man, dog) for boxes of 3"),
            ("three.txt", ["man", "dog", "c\nt"], "a class"),
        ],
    )
    def test_names_that_do_not_fit_are_refused(self, clip, file, names, message):
        with pytest.raises(InputError, match=re.escape(message)):
            read_footage(clip, file, classes=names)

    def test_a_file_with_names_knows_its_own_only(self, clip):
        coco = {
            "images": [{"id": 1, "file_name": "0000.png", "frame_id": 0}],
            "categories": [{"id": 1, "name": "person"}],
            "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [40, 30, 40, 30], "score": 0.9}],
        }
        Path("coco.json").write_text(json.dumps(coco))
        with pytest.raises(InputError, match="classes: none of tram here; the detections have person"):
            read_footage(clip, "coco.json", classes=["tram"])

    def test_annotations_without_names_have_the_same_classes(self, clip):
        Path("labeled.csv").write_text("frame\n" + "".join(f"{frame}\n" for frame in range(12)))
        wrong = "".join(f"{frame},-1,5,80,30,30,0.4,3,1\n" for frame in range(1, 13))
        Path("found.txt").write_text(THREE.replace(",1,1,1", ",0.9,1,1").replace(",1,3,1", ",0.9,3,1") + wrong)
        taught = {"labeled": ["labeled.csv"], "annotations": "three.txt"}
        plain = read_footage(clip, "found.txt", **taught)
        named = read_footage(clip, "found.txt", classes=["man", "dog", "cat"], **taught)
        assert np.array_equal(plain.doubt.weights, named.doubt.weights)


def options(action):
    parser = argparse.ArgumentParser()
    command.add(parser.add_subparsers())
    return parser.parse_args(["video", action, "clip", "--detections", "one.txt", *(["-n", "2"] * (action == "pick"))])


@pytest.mark.usefixtures("clip")
class TestRecord:
    def recorded(self, action):
        file = "boxes.json" if action == "errors" else "parameters.json"
        content = json.loads((Path("out") / file).read_text())
        return content["parameters"] if action == "errors" else content

    @pytest.mark.parametrize("action", ["errors", "pick"])
    def test_every_option_is_recorded(self, action):
        chosen = ["-n", "2", "--seed", "7", "--around-picked", "2"] if action == "pick" else ["--pictures", "1"]
        words = ["--min-score", "0.25", "--tracker", "static", "--pairwise", "1.5", "--out", "out"]
        assert main(["video", action, "clip", "--detections", "one.txt", *chosen, *words]) == 0
        record = self.recorded(action)
        unneeded = {"call", "action", "clip", "out", "save_doubt", "force", "cache", "height", "preset"}
        read = set(record) | set(record["inputs"])
        assert set(vars(options(action))) - unneeded <= read
        assert (record["min_score"], record["pairwise"], record["tracker"]) == (0.25, 1.5, "static")
        assert record["versions"]["numpy"] == np.__version__
        assert record["command"] == f"askew video {action}"
        if action == "pick":
            assert (record["n"], record["seed"], record["around_picked"], record["around_labeled"]) == (2, 7, 2, 3)

    def test_a_run_is_repeated_from_its_record(self):
        words = "--min-score 0.2 --reach 2 --link-iou 0.4 --candidate-iou 0.6 --classes man,dog,cat --pictures 1"
        common = ["video", "errors", "clip", "--detections", "three.txt", "--tracker", "static"]
        assert main([*common, *words.split(), "--table", "csv", "--out", "out"]) == 0
        record = self.recorded("errors")
        again = [*record["command"].split()[1:], record["inputs"]["clip"]]
        again += ["--detections", record["inputs"]["detections"]["path"], "--out", "again"]
        options = {name: value for name, value in record.items() if name not in ("command", "inputs", "versions")}
        assert options.pop("learned_doubt") is None
        for name, value in options.items():
            again += [] if value is None else [f"--{name.replace('_', '-')}", str(value)]
        assert main(again) == 0
        for name in ("boxes.json", "frames.csv", "clip-timeline.png"):
            assert (Path("again") / name).read_bytes() == (Path("out") / name).read_bytes(), name

    def test_inputs_have_their_sizes_and_digests(self):
        assert main("video errors clip --detections yolo --tracker static --out out".split()) == 0
        inputs = self.recorded("errors")["inputs"]
        assert inputs["detections"]["files"] == inputs["videos"]["clip"]["files"] == 12
        lines = "".join(
            f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in sorted(Path("clip").iterdir())
        )
        assert inputs["videos"]["clip"] == {
            "path": "clip",
            "files": 12,
            "bytes": sum(file.stat().st_size for file in Path("clip").iterdir()),
            "sha256": hashlib.sha256(lines.encode()).hexdigest(),
        }
        assert contents(Path("one.txt")) == {
            "path": "one.txt",
            "bytes": len(PERSON),
            "sha256": hashlib.sha256(PERSON.encode()).hexdigest(),
        }

    def test_learned_costs_are_recorded(self):
        Path("labeled.csv").write_text("frame\n" + "".join(f"{frame}\n" for frame in range(12)))
        Path("truth.txt").write_text("".join(f"{frame},-1,40,30,40,30,1\n" for frame in range(1, 9)))
        taught = "--labeled labeled.csv --annotations truth.txt --classes person --out out"
        assert main(["video", "errors", "clip", "--detections", "one.txt", "--tracker", "static", *taught.split()]) == 0
        record = self.recorded("errors")
        footage = read_footage("clip", "one.txt", labeled=["labeled.csv"], annotations="truth.txt")
        assert record["learned_doubt"] == footage.doubt.weights.tolist()
        assert [one["path"] for one in record["inputs"]["labeled"]] == ["labeled.csv"]
        assert record["inputs"]["annotations"]["bytes"] == Path("truth.txt").stat().st_size
