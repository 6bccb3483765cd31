"""A whole data set: written, read back by askew's own readers, gone on with after a stop."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("panda3d")
pytest.importorskip("cv2")

from askew.cli.main import main
from askew.data.annotations import read_boxes, read_mot, read_videos
from askew.data.film.clips import open_videos
from askew.errors import InputError
from askew.synth.roads import Settings, write_roads
from askew.synth.table import CLASSES

SMALL = Settings(scale=0.001, seconds=(0.12, 0.2), seed=2, width_px=160, height_px=120)


@pytest.fixture(scope="module")
def roads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_roads(tmp_path_factory.mktemp("made") / "roads", SMALL, jobs=2)


def test_askew_reads_what_it_wrote(roads: Path) -> None:
    for part, n_videos in (("train", 4), ("test", 2)):
        videos = open_videos(roads / part)
        assert len(videos) == n_videos
        boxes = read_videos(roads / f"{part}.json", videos)
        for name, film in videos.items():
            assert (film.width_px, film.height_px) == (160, 120)
            assert boxes[name].classes == CLASSES
            mot = read_mot(roads / f"{part}-mot" / f"{name}.txt", n_frames=film.n_frames, classes=CLASSES)
            for mine, theirs in zip(boxes[name].frames, mot.frames, strict=True):
                np.testing.assert_array_equal(mine.boxes, theirs.boxes)
                np.testing.assert_array_equal(mine.classes, theirs.classes)
            if name.startswith("default"):
                assert read_boxes(roads / f"{part}-mot" / f"{name}.txt", film).frames


def test_tracks_and_visibility_are_in_both_forms(roads: Path) -> None:
    document = json.loads((roads / "train.json").read_text())
    rows = [line.split(",") for one in sorted((roads / "train-mot").iterdir()) for line in one.read_text().splitlines()]
    found = sorted((one["track_id"], one["visibility"], *map(int, one["bbox"])) for one in document["annotations"])
    assert found == sorted((int(row[1]), float(row[8]), *map(int, row[2:6])) for row in rows)
    assert found
    assert all(0 < one["visibility"] <= 1 for one in document["annotations"])


def test_it_says_what_was_made(roads: Path) -> None:
    about = json.loads((roads / "roads.json").read_text())
    assert [one["name"] for one in about["videos"]] == [video.name for video in SMALL.videos()]
    for one in about["videos"]:
        assert all(one["taken"][name] <= one["places"][name] for name in CLASSES)


def test_a_missing_video_is_made_again_and_is_the_same(roads: Path) -> None:
    film = roads / "train" / "night-000.avi"
    before, stamp = film.read_bytes(), (roads / "train" / "town-000.avi").stat().st_mtime_ns
    film.unlink()
    told: list[str] = []
    write_roads(roads, SMALL, progress=lambda done, total, name: told.append(f"{done}/{total} {name}"))
    assert told == ["6/6 night-000"]
    assert film.read_bytes() == before
    assert (roads / "train" / "town-000.avi").stat().st_mtime_ns == stamp


def test_other_settings_and_other_peoples_folders_are_refused(roads: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="made otherwise"):
        write_roads(roads, Settings(scale=0.001, seconds=(0.12, 0.2), seed=3, width_px=160, height_px=120))
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="holds no roads"):
        write_roads(tmp_path, SMALL)
    assert [one.name for one in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--scale", "0"], "scale"),
        (["--seconds", "3", "1"], "seconds"),
        (["--size", "401x300"], "width_px"),
        (["--size", "big"], "--size"),
        (["--jobs", "0"], "--jobs"),
    ],
)
def test_the_command_refuses_in_one_line(
    arguments: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["synth", "roads", str(tmp_path / "out"), *arguments]) == 2
    told = capsys.readouterr().err.strip().splitlines()
    assert len(told) == 1
    assert told[0].startswith("askew: ")
    assert says in told[0]
    assert not (tmp_path / "out").exists()


def test_the_command_goes_on_with_what_is_there(roads: Path, capsys: pytest.CaptureFixture[str]) -> None:
    film = roads / "train" / "town-000.avi"
    stamp = film.stat().st_mtime_ns
    size = ["--size", "160x120", "--seconds", "0.12", "0.2", "--seed", "2", "--scale", "0.001"]
    assert main(["synth", "roads", str(roads), *size]) == 0
    assert "6 videos" in capsys.readouterr().err
    assert film.stat().st_mtime_ns == stamp
