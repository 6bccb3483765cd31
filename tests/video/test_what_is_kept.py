"""`askew video` as its users meet it when something is wrong: one line, status 2, and every file as it was."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

from askew.cli.main import main

cv2 = pytest.importorskip("cv2")
pytest.importorskip("PIL")


def make_clip(path, n_frames=12, size=(160, 120)):
    """A folder of frames on which one square stands still."""
    path.mkdir(parents=True)
    for number in range(n_frames):
        image = np.full((size[1], size[0], 3), 90, np.uint8)
        image[size[1] // 4 : size[1] // 2, size[0] // 4 : size[0] // 2] = 200
        cv2.imwrite(str(path / f"{number:04d}.png"), image)
    return path


def make_film(path, n_frames=12, size=(160, 120), shade=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = "MJPG" if path.suffix == ".avi" else "mp4v"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*kind), 10, size)
    for number in range(n_frames):
        image = np.full((size[1], size[0], 3), shade, np.uint8)
        image[30:60, 40 + number : 80 + number] = 200
        writer.write(image)
    writer.release()
    return path


def mot(n_frames=12, score=0.9):
    return "".join(f"{frame},-1,40,30,40,30,{score},-1,-1,-1\n" for frame in range(1, n_frames + 1))


def state(folder):
    """Every file below a folder, the flow cache left out, with what is in it."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "cache" not in path.parts
    }


def table(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working folder with a clip, its detections and more that a command can read."""
    monkeypatch.setenv("ASKEW_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    (tmp_path / "home").mkdir()
    work = tmp_path / "work"
    make_clip(work / "clip")
    (work / "d.txt").write_text(mot(), encoding="utf-8")
    monkeypatch.chdir(work)
    return work


@pytest.fixture
def refused(capsys):
    def check(*words, match):
        before = state(Path.cwd().parent)
        assert main(["video", *map(str, words)]) == 2
        error = capsys.readouterr().err
        assert error.startswith("askew: ")
        assert error.count("\n") == 1
        assert re.search(match, error), error
        assert state(Path.cwd().parent) == before
        assert not list(Path.cwd().parent.rglob(".askew-*.part"))

    return check


ERRORS = ("errors", "clip", "--detections", "d.txt", "--tracker", "static")
PICK = ("pick", "clip", "--detections", "d.txt", "--tracker", "static", "-n", "2")


@pytest.mark.usefixtures("place")
class TestNothingThatIsReadIsLost:
    """Before, each of these removed the folder and what it held."""

    @pytest.mark.parametrize("command", [ERRORS, PICK])
    @pytest.mark.parametrize("out", ["clip", ".", "..", "clip/..", "../work"])
    def test_the_frames_and_the_working_folder(self, refused, command, out):
        refused(*command, "--out", out, "--force", match="working folder|is read from")

    @pytest.mark.parametrize("command", [ERRORS, PICK])
    def test_detections_in_it_or_led_to_by_a_link(self, refused, command):
        held = Path("held")
        held.mkdir()
        shutil.move("d.txt", held / "d.txt")
        Path("d.txt").symlink_to(held / "d.txt")
        refused(*command, "--out", "held", "--force", match="is read from")

    def test_annotations_and_labels(self, refused):
        for name in ("truth", "known"):
            Path(name).mkdir()
        Path("truth/t.txt").write_text(mot(), encoding="utf-8")
        Path("known/l.csv").write_text("frame\n0\n1\n", encoding="utf-8")
        taught = ("--annotations", "truth/t.txt", "--labeled", "known/l.csv", "--force")
        for out in ("truth", "known"):
            refused(*ERRORS, "--out", out, *taught, match="is read from")

    def test_a_film_weights_and_the_cache(self, refused):
        make_film(Path("films/a.avi"))
        Path("weights").mkdir()
        Path("weights/raft.pth").write_bytes(b"weights")
        errors = ("errors", "films/a.avi", "--detections", "d.txt", "--force")
        refused(*errors, "--out", "films", match="is read from")
        refused(*errors, "--out", "weights", "--tracker", "raft", "--weights", "weights/raft.pth", match="is read from")
        Path("kept").mkdir()
        Path("kept/x").write_text("x", encoding="utf-8")
        refused(*errors, "--out", "kept", "--cache", "kept", match="is read from")
        refused(*errors, "--out", "new", "--cache", "new/flow", match="keep the flow elsewhere")

    def test_what_askew_did_not_write_stays(self, capsys):
        assert main(["video", *ERRORS, "--out", "out", "--table", "csv"]) == 0
        Path("out/notes.txt").write_text("mine", encoding="utf-8")
        assert main(["video", *ERRORS, "--out", "out"]) == 2
        assert "has something in it: choose another folder, or add --force" in capsys.readouterr().err
        assert main(["video", *ERRORS, "--out", "out", "--force"]) == 0
        found = sorted(path.name for path in Path("out").iterdir() if not path.name.startswith("."))
        assert found == ["boxes.json", "clip-timeline.png", "frames.parquet", "notes.txt"]

    def test_a_table_that_was_edited_is_not_overwritten(self, refused):
        assert main(["video", *PICK, "--out", "out"]) == 0
        with Path("out/picked.csv").open("a", encoding="utf-8") as file:
            file.write("my own row\n")
        refused(*PICK, "--out", "out", "--force", match=r"picked\.csv: was not written by askew, or was changed since")


@pytest.mark.usefixtures("place")
class TestWhatCannotBeReadIsOneLine:
    @pytest.mark.parametrize(
        "content",
        [
            b"\x00\xff\xfe\x00",
            "frame\n²\n".encode(),
            b"frame\n" + b"9" * 5000,
            b'frame\n"',
            b"number\n3\n",
            b"frame\n-1\n",
        ],
    )
    def test_labels(self, refused, content):
        Path("l.csv").write_bytes(content)
        refused(*PICK, "--out", "out", "--labeled", "l.csv", match="labeled: l.csv")

    @pytest.mark.parametrize(
        ("option", "value", "match"),
        [
            ("--height", "1", "height_px: expected a whole number >= 16, got 1"),
            ("--height", "8", "height_px: expected a whole number >= 16, got 8"),
            ("--min-score", "nan", "min_score: expected a finite number, got nan"),
            ("--min-score", "2", "min_score: 2 leaves none of the 12 detections; their scores go from 0.9 to 0.9"),
            ("--link-iou", "nan", "link_iou: expected"),
            ("--pairwise", "nan", "pairwise: expected"),
            ("--confidence", "inf", "confidence: expected"),
            ("--frames", "0", "n_frames: clip has 12 frames, asked for 0"),
            ("--reach", "0", "reach: expected"),
            ("--fill", "-1", "fill: expected"),
            ("--cache", "d.txt", "cache: d.txt cannot be made: File exists"),
            ("--cache", "/proc/none/flow", "cache: /proc/none/flow cannot be made"),
            ("--out", "/proc/none", "/proc/none: cannot be written"),
            ("--out", "d.txt", "d.txt: is a file"),
            ("--classes", "tram,bus", "classes: 2 names (tram, bus) for boxes of 1"),
        ],
    )
    def test_options(self, refused, option, value, match):
        words = ["errors", "clip", "--detections", "d.txt", "--out", "out"]
        refused(*words, option, value, match=re.escape(match))

    @pytest.mark.parametrize(
        ("option", "value", "match"),
        [
            ("--seed", "-1", "seed: expected a whole number"),
            ("-n", "0", "n: expected"),
            ("-n", "13", "n: 13 is more than the 12"),
            ("--balance", "nan", "balance: expected a number from 0"),
            ("--around-picked", "-1", "around_picked: expected a whole number"),
            ("--around-labeled", "-1", "around_labeled: expected a whole number"),
        ],
    )
    def test_options_of_pick(self, refused, option, value, match):
        refused(*PICK, "--out", "out", option, value, match=re.escape(match))

    @pytest.mark.parametrize("name", ["notes.txt", "d.txt", "film.mp4"])
    def test_a_text_is_no_film(self, refused, name):
        """FFmpeg would draw its letters into frames."""
        Path("notes.txt").write_text("a letter\n" * 500, encoding="utf-8")
        Path("film.mp4").write_text("#EXTM3U\nhttp://example.org/a.ts\n", encoding="utf-8")
        refused("errors", name, "--detections", "d.txt", "--out", "out", match=f"{name}: not a video .*: it holds text")

    def test_other_things_are_no_film(self, refused):
        refused("errors", "clip/0003.png", "--detections", "d.txt", match="is a picture; give the folder of the frames")
        os.mkfifo("pipe")
        refused("errors", "pipe", "--detections", "d.txt", match="is a pipe or a device")

    def test_an_argument_of_two_lines(self, capsys):
        with pytest.raises(SystemExit) as caught:
            main(["video", *ERRORS, "--height", "a\nb"])
        assert caught.value.code == 2
        assert capsys.readouterr().err.count("\n") == 1

    def test_a_small_file_that_unpacks_to_gigabytes(self, place):
        """In a process of its own, since OpenCV reads its limit when it is loaded."""

        def chunk(kind: bytes, data: bytes) -> bytes:
            return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

        for side in (20_000, 60_000):
            header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
            body = chunk(b"IDAT", zlib.compress(bytes(5000))) + chunk(b"IEND", b"")
            (place / "clip" / "0000.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + body)
            command = [sys.executable, "-m", "askew.cli.main", "video", *ERRORS, "--out", "out"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert (done.returncode, done.stderr.count("\n")) == (2, 1)
            assert "0000.png: cannot be read as a picture" in done.stderr

    def test_a_name_that_no_table_can_hold(self, refused):
        shutil.move("clip", "cl\nip")
        refused("errors", "cl\nip", "--detections", "d.txt", match="holds what is no readable text")


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("size", [(8, 8), (1, 1), (8, 200), (400, 9)])
def test_a_tiny_film_has_flow(size):
    make_clip(Path("tiny"), size=size)
    Path("t.txt").write_text("1,-1,0,0,1,1,0.9,-1,-1,-1\n", encoding="utf-8")
    assert main(["video", "errors", "tiny", "--detections", "t.txt", "--out", "out", "--table", "csv"]) == 0
    assert len(table(Path("out/frames.csv"))) == 12


@pytest.mark.usefixtures("place")
def test_a_reach_beyond_the_video_is_that_of_the_video():
    words = ["video", *ERRORS, "--table", "csv"]
    assert main([*words, "--out", "far", "--reach", "1000000"]) == 0
    assert main([*words, "--out", "all", "--reach", "11"]) == 0
    assert Path("far/frames.csv").read_bytes() == Path("all/frames.csv").read_bytes()


class TestTheFlowCache:
    WORDS = ("video", "errors", "clip", "--detections", "d.txt", "--table", "csv", "--pictures", "0", "--out")

    def test_it_lies_where_the_environment_says(self, place):
        assert main([*self.WORDS, "out"]) == 0
        assert len(list((place.parent / "cache" / "flow").iterdir())) == 1
        assert not (place.parent / "home" / ".cache").exists()

    @pytest.mark.parametrize("harm", ["cut", "empty", "longer", "missing", "folder"])
    def test_it_heals_itself(self, place, harm):
        assert main([*self.WORDS, "out"]) == 0
        (kept,) = (place.parent / "cache" / "flow").iterdir()
        whole = kept.read_bytes()
        harmed = {"cut": whole[: len(whole) // 2], "empty": b"", "longer": whole + b"\0\0"}
        kept.unlink()
        if harm in harmed:
            kept.write_bytes(harmed[harm])
        if harm == "folder":
            kept.mkdir()
            assert main([*self.WORDS, "out2"]) == 2
            return
        assert main([*self.WORDS, "out2"]) == 0
        assert kept.read_bytes() == whole
        assert Path("out2/frames.csv").read_bytes() == Path("out/frames.csv").read_bytes()

    def test_headers_of_before_do_not_matter(self, place):
        assert main([*self.WORDS, "out"]) == 0
        (kept,) = (place.parent / "cache" / "flow").iterdir()
        kept.with_suffix(".json").write_text('{"n_frames": ', encoding="utf-8")
        assert main([*self.WORDS, "out2"]) == 0

    def test_a_locked_cache_of_the_user_means_that_nothing_is_kept(self, place, monkeypatch):
        monkeypatch.setenv("ASKEW_CACHE", str(place / "d.txt"))
        assert main([*self.WORDS, "out"]) == 0
        assert (place / "d.txt").is_file()


def document(lengths):
    images, annotations = [], []
    for key, (_, length) in enumerate(lengths.items(), start=1):
        for place in range(length):
            images.append(
                {"id": len(images) + 1, "file_name": f"{key}-{place}.png", "video_id": key, "frame_id": place}
            )
            box = {"bbox": [40, 30, 40, 30], "category_id": 1, "score": key / 10}
            annotations.append({"id": len(annotations) + 1, "image_id": len(images), **box})
    videos = [{"id": key, "name": name} for key, name in enumerate(lengths, start=1)]
    return {"videos": videos, "images": images, "annotations": annotations, "categories": [{"id": 1, "name": "car"}]}


@pytest.mark.usefixtures("place")
class TestSeveralVideos:
    def test_one_coco_file_for_clips_of_unequal_length(self):
        make_clip(Path("clips/a"), n_frames=5)
        make_film(Path("clips/b.avi"), n_frames=9)
        Path("d.json").write_text(json.dumps(document({"a": 5, "b": 9})), encoding="utf-8")
        words = ["video", "errors", "clips", "--detections", "d.json", "--tracker", "static", "--table", "csv"]
        assert main([*words, "--out", "out"]) == 0
        rows = table(Path("out/frames.csv"))
        assert [row["video"] for row in rows] == ["a"] * 5 + ["b"] * 9
        assert {(row["video"], round(float(row["least_confidence"]), 3)) for row in rows} == {("a", 0.9), ("b", 0.8)}

    def test_one_file_of_one_video_is_not_taken_for_all(self, refused):
        for name in ("a", "b"):
            make_clip(Path("clips") / name)
        Path("d.json").write_text(json.dumps(document({"a": 12})), encoding="utf-8")
        for file in ("d.txt", "d.json"):
            refused("errors", "clips", "--detections", file, "--tracker", "static", match=file.replace(".", "[.]"))

    def test_names_are_distinct_and_so_are_the_pictures(self):
        """Before, pictures of `a/b` and `a__b` had one name, and of `cam.mp4` and `cam.avi` one was left out."""
        shades = {"a/b.avi": 0, "a__b.avi": 50, "cam.mp4": 100, "cam.avi": 150, "a_/b.avi": 20, "a/_b.avi": 30}
        for name, shade in shades.items():
            make_film(Path("clips") / name, shade=shade)
        names = ["a/b", "a__b", "cam.mp4", "cam.avi", "a_/b", "a/_b"]
        Path("d.json").write_text(json.dumps(document(dict.fromkeys(names, 12))), encoding="utf-8")
        words = ["video", "pick", "clips", "--detections", "d.json", "--by", "random", "--out", "out"]
        assert main([*words, "-n", "12"]) == 0
        rows = table(Path("out/picked.csv"))
        assert sorted({row["video"] for row in rows}) == sorted(names)
        files = {row["file"] for row in rows}
        assert len(files) == 12
        assert {f"frames/{path.name}" for path in Path("out/frames").iterdir()} == files
        films = dict(zip(names, shades, strict=True))
        for row in rows:
            corner = cv2.imread(str(Path("out") / row["file"]))[0, 0].mean()
            assert corner == pytest.approx(shades[films[row["video"]]], abs=6)
        assert {row["file"][:-11] for row in rows} == {
            "frames/a__b", "frames/a%5F%5Fb", "frames/cam.mp4", "frames/cam.avi", "frames/a%5F__b", "frames/a__%5Fb",
        }  # fmt: skip
        document_ = json.loads(Path("out/preannotations.json").read_text(encoding="utf-8"))
        assert {image["video"] for image in document_["images"]} == set(names)

    def test_names_that_cannot_be_told_apart_are_refused(self, refused):
        for name in ("cam.avi", "cam.mp4", "cam.mp4.avi"):
            make_film(Path("clips") / name)
        refused("errors", "clips", "--detections", "d.txt", match="two videos are called 'cam.mp4'")

    def test_what_is_hidden_is_no_video(self):
        make_clip(Path("clips/a"))
        make_clip(Path("clips/.trash"))
        Path("clips/._a.mp4").write_bytes(b"\0")
        words = ["video", "errors", "clips", "--detections", "d.txt", "--tracker", "static", "--table", "csv"]
        assert main([*words, "--out", "out"]) == 0
        assert {row["video"] for row in table(Path("out/frames.csv"))} == {"a"}


@pytest.mark.usefixtures("place")
def test_a_name_like_a_formula_is_written_so_that_no_spreadsheet_runs_it():
    for name in ("=1+1", "@b", "'-c"):
        make_clip(Path("clips") / name)
    Path("d.json").write_text(json.dumps(document(dict.fromkeys(("=1+1", "@b", "'-c"), 12))), encoding="utf-8")
    words = ["video", "pick", "clips", "--detections", "d.json", "--by", "random", "-n", "3"]
    assert main([*words, "--out", "out"]) == 0
    assert sorted(row["video"] for row in table(Path("out/picked.csv"))) == ["''-c", "'=1+1", "'@b"]
    assert main([*words, "--out", "out2", "--labeled", "out/picked.csv"]) == 0
    first, second = ({(r["video"], int(r["frame"])) for r in table(Path(o, "picked.csv"))} for o in ("out", "out2"))
    assert all(abs(a[1] - b[1]) > 3 for a in first for b in second if a[0] == b[0])


@pytest.mark.usefixtures("place")
def test_a_process_that_is_told_to_end_leaves_no_folder_behind():
    code = (
        "import sys, time, askew.export.errors as e\n"
        "real = e.write_errors\n"
        "def slow(folder, *a, **k):\n    real(folder, *a, **k); print('written', flush=True); time.sleep(60)\n"
        "e.write_errors = slow\n"
        "from askew.cli.main import main\nsys.exit(main(sys.argv[1:]))\n"
    )
    before = state(Path.cwd())
    with subprocess.Popen(
        [sys.executable, "-c", code, "video", *ERRORS, "--out", "out"], stdout=subprocess.PIPE
    ) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == b"written\n"
        run.send_signal(signal.SIGTERM)
        assert run.wait(20) == 143
    assert state(Path.cwd()) == before
    assert sorted(path.name for path in Path.cwd().iterdir()) == ["clip", "d.txt"]
