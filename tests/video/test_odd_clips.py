"""Clips that people have: turned phones, large frames, a single frame, darkness, frames at uneven times, folders."""

from __future__ import annotations

import csv
import json
import struct
from pathlib import Path

import numpy as np
import pytest

from askew.cli.main import main

cv2 = pytest.importorskip("cv2")
pytest.importorskip("PIL")


def scene(n_frames, width, height):
    """A block that drives to the right over a still background, and its box in each frame."""
    rng = np.random.default_rng(0)
    ground = cv2.GaussianBlur(rng.integers(60, 140, (height, width, 3), dtype=np.uint8), (0, 0), 2)
    for number in range(n_frames):
        frame, left, top = ground.copy(), width // 20 + number * width // 100, height // 3
        cv2.rectangle(frame, (left, top), (left + width // 6, top + height // 8), (200, 160, 60), -1)
        yield frame, (left, top, width // 6, height // 8)


def film(path, n_frames, width, height, rate=25.0, black=False):
    """Writes a film and `found.txt`: the block is missed in frame 4, and frame 8 has a box too many."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), rate, (width, height))
    lines = []
    for number, (frame, box) in enumerate(scene(n_frames, width, height)):
        writer.write(np.zeros_like(frame) if black else frame)
        if number != 4 and not black:
            lines.append(f"{number + 1},-1,{','.join(map(str, box))},0.8")
        if number == 8:
            lines.append(f"{number + 1},-1,{width // 2},{height // 2},{width // 10},{height // 5},0.4")
    writer.release()
    Path("found.txt").write_text("\n".join(lines) + "\n")


def errors(clip, *more, found="found.txt"):
    words = ["video", "errors", clip, "--detections", found, "--table", "csv", "--out", "out", "--force", *more]
    assert main(list(map(str, words))) == 0
    with Path("out/frames.csv").open() as file:
        rows = list(csv.DictReader(file))
    return [[int(row[key]) for row in rows] for key in ("false_positives", "false_negatives")]


@pytest.fixture(autouse=True)
def _place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ASKEW_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("size", [(320, 240), (270, 480), (321, 181), (3840, 2160)])
def test_films_of_any_size_show_what_is_wrong(size):
    film("clip.mp4", 12, *size)
    wrong, missed = errors("clip.mp4")
    assert np.flatnonzero(wrong).tolist() == [8]
    assert 4 in np.flatnonzero(missed)
    for picture in Path("out/pictures").iterdir():
        high, wide = cv2.imread(str(picture)).shape[:2]
        assert 1000 <= wide <= 1920
        assert high <= 2100


def test_a_phone_held_upright_stores_its_film_lying_down():
    """The file's matrix turns the frames; boxes are those of the upright picture, as detectors see it."""
    film("lying.mp4", 12, 320, 240)
    data = bytearray(Path("lying.mp4").read_bytes())
    matrix = data.index(b"tkhd") + 44
    assert struct.unpack(">9i", data[matrix : matrix + 36]) == (65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)
    data[matrix : matrix + 36] = struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 240 << 16, 0, 1 << 30)
    Path("clip.mp4").write_bytes(data)
    lines = []
    for line in Path("found.txt").read_text().splitlines():
        frame, _, left, top, width, height, score = line.split(",")
        lines.append(f"{frame},-1,{240 - int(top) - int(height)},{left},{height},{width},{score}")
    Path("found.txt").write_text("\n".join(lines) + "\n")
    wrong, missed = errors("clip.mp4")
    document = json.loads(Path("out/boxes.json").read_text())["videos"][0]
    assert (document["width"], document["height"]) == (240, 320)
    assert np.flatnonzero(wrong).tolist() == [8]
    assert 4 in np.flatnonzero(missed)


def test_boxes_of_frames_of_another_size_are_refused(capsys):
    """Before, boxes found in a film of 4K were taken for boxes of the same film scaled down."""
    film("clip.mp4", 3, 320, 240)
    coco = {
        "images": [{"id": frame, "frame_id": frame, "width": 640, "height": 480} for frame in range(3)],
        "categories": [{"id": 1, "name": "car"}],
        "annotations": [{"id": 1, "image_id": 0, "category_id": 1, "bbox": [40, 30, 40, 30], "score": 0.9}],
    }
    Path("found.json").write_text(json.dumps(coco))
    words = "video errors clip.mp4 --detections found.json --tracker static --out out".split()
    assert main(words) == 2
    assert "image 0 has 640 x 480 pixels, but the frames of the video have 320 x 240" in capsys.readouterr().err
    for one in coco["images"]:
        one |= {"width": 320, "height": 240}
    coco["images"][1] |= {"width": 0, "height": None}
    Path("found.json").write_text(json.dumps(coco))
    assert main(words) == 0


@pytest.mark.parametrize(("size", "status"), [((640, 480), 2), ((320, 240), 0), ((0, 0), 0), (("", "?"), 0)])
def test_so_are_those_of_pascal_voc(size, status, capsys):
    film("clip.mp4", 3, 320, 240)
    Path("voc").mkdir()
    box = "<bndbox><xmin>40</xmin><ymin>30</ymin><xmax>80</xmax><ymax>60</ymax></bndbox>"
    declared = f"<size><width>{size[0]}</width><height>{size[1]}</height><depth>3</depth></size>"
    text = f"<annotation>{declared}<object><name>car</name>{box}</object></annotation>"
    Path("voc/000000.xml").write_text(text)
    assert main("video errors clip.mp4 --detections voc --tracker static --out out".split()) == status
    assert ("the image has 640 x 480 pixels" in capsys.readouterr().err) == (status == 2)


@pytest.mark.parametrize("n_frames", [1, 2])
def test_a_film_of_a_frame_or_two(n_frames):
    film("clip.mp4", n_frames, 320, 240)
    assert errors("clip.mp4") == [[0] * n_frames] * 2
    assert main("video pick clip.mp4 --detections found.txt -n 1 --out to".split()) == 0
    assert len(list(Path("to/frames").iterdir())) == 1


def test_darkness_has_no_motion_and_a_box_that_comes_and_goes_is_suspected():
    film("clip.mp4", 12, 320, 240, black=True)
    assert [np.flatnonzero(row).tolist() for row in errors("clip.mp4")] == [[8], []]


def test_one_class_of_many_and_none_at_all():
    film("clip.mp4", 12, 320, 240)
    every = Path("found.txt").read_text()
    Path("found.txt").write_text("".join(f"{line},{1 + ('0.4' in line)},1\n" for line in every.splitlines()))
    assert errors("clip.mp4", "--classes", "class 1")[0] == [0] * 12
    assert sum(errors("clip.mp4", "--classes", "car,ghost")[0]) == 1
    Path("none.txt").write_text("")
    assert errors("clip.mp4", found="none.txt") == [[0] * 12] * 2
    assert not Path("out/pictures").exists()


def test_a_folder_of_frames_named_by_people():
    Path("my frames").mkdir()
    film("clip.mp4", 12, 320, 240)
    for number, (frame, _) in enumerate(scene(12, 320, 240)):
        cv2.imwrite(f"my frames/Frame {number + 1}.JPG", frame)
    wrong, missed = errors("my frames")
    assert np.flatnonzero(wrong).tolist() == [8]
    assert 4 in np.flatnonzero(missed)
    assert Path("out/my frames-timeline.png").is_file()


def test_long_gaps_are_filled_if_asked():
    film("clip.mp4", 30, 320, 240)
    kept = [line for line in Path("found.txt").read_text().splitlines() if not 10 <= int(line.split(",")[0]) <= 20]
    Path("found.txt").write_text("\n".join(kept) + "\n")
    without, filled = (np.array(errors("clip.mp4", "--fill", longest)[1]) for longest in (0, 11))
    assert (without[9:20] == 0).any()
    assert (filled[9:20] > 0).all()
    assert json.loads(Path("out/boxes.json").read_text())["parameters"]["fill"] == 11
