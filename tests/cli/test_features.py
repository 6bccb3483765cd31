"""`askew features`: a file of features in the pool's order, and one line for what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("timm")

import timm
from PIL import Image
from safetensors.torch import save_file

from askew.cli import progress
from askew.cli.main import main
from askew.data.load import load
from askew.learn.features import features


@pytest.fixture
def word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("ASKEW_CACHE", str(tmp_path / "cache"))
    save_file(timm.create_model("test_efficientnet", num_classes=0).state_dict(), tmp_path / "w.safetensors")
    return f"timm:test_efficientnet:{tmp_path / 'w.safetensors'}"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for name in ("a/2.png", "a/1.png", "b/3.png", "unlabeled/0.png"):
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)).save(tmp_path / "photos" / name)
    return tmp_path / "photos"


def test_rows_are_the_pools_and_pick_takes_them(
    word: str, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, names = tmp_path / "x.npy", tmp_path / "names.txt"
    command = ["features", str(photos), "--by", word, "--side-px", "32", "--out", str(out), "--names", str(names)]
    assert main(command) == 0
    assert capsys.readouterr().err.endswith(f"x.npy: 4 pictures, 256 features each, by {word}\n")
    listed = names.read_text().splitlines()
    assert sorted(listed) == ["a/1.png", "a/2.png", "b/3.png", "unlabeled/0.png"]
    assert np.array_equal(np.load(out), features([photos / name for name in listed], word, side_px=32))
    assert main(["pick", "kcenter", "-n", "2", "--features", str(out), "--ids", str(names)]) == 0
    assert set(capsys.readouterr().out.split()) < set(listed)


@pytest.mark.parametrize("part", ["train", "test"])
def test_a_part_of_a_data_set(word: str, tmp_path: Path, part: str) -> None:
    digits, out = load("digits"), tmp_path / "x.npy"
    few = {name: getattr(digits, name).take(np.arange(5)) for name in ("train", "test")}
    parts = {f"x_{name}": images.pixels for name, images in few.items()}
    np.savez(tmp_path / "few.npz", **parts, **{f"y_{name}": images.labels for name, images in few.items()})
    command = ["features", str(tmp_path / "few.npz"), "--by", word, "--side-px", "16", "--out", str(out)]
    assert main([*command, "--part", part]) == 0
    assert np.array_equal(np.load(out), features(few[part], word, side_px=16))


def test_a_name_stands_for_the_training_pictures(word: str, tmp_path: Path) -> None:
    out = tmp_path / "x.npy"
    assert main(["features", "digits", "--by", word, "--side-px", "16", "--out", str(out)]) == 0
    assert len(np.load(out)) == len(load("digits").train)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["photos", "--out", "x.npz"], "--out: expected a .npy file, got x.npz"),
        (["photos", "--out", "x.npy", "--by", "file:y.npy"], "--by: file:y.npy has its features already"),
        (["photos", "--out", "x.npy", "--by", "resnet"], "unknown source of features 'resnet'"),
        (["none", "--out", "x.npy"], "there is no file or folder none"),
        (["pixels.npy", "--out", "pixels.npy"], "pixels.npy: is what is read: choose another name"),
        (["pixels.npy", "--out", "x.npy", "--names", "n.txt"], "--names: these pictures have no file names"),
        (["photos", "--out", "no/x.npy"], "there is no folder"),
        (["photos", "--out", "x.npy", "--side-px", "4"], "side_px: at least 16, got 4"),
    ],
)
def test_what_it_refuses(
    arguments: list[str],
    message: str,
    word: str,
    photos: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(photos.parent)
    np.save("pixels.npy", np.zeros((2, 8, 8, 3), dtype=np.uint8))
    before = sorted(photos.parent.iterdir())
    assert main(["features", *arguments, *([] if "--by" in arguments else ["--by", word])]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert sorted(photos.parent.iterdir()) == before


def test_without_a_terminal_a_line_a_minute(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = iter([0.0, 30.0, 61.0, 90.0, 122.0, 130.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(now))
    with progress.counting("features") as tell:
        for done in (100, 200, 300, 400, 1000):
            tell(done, 1000)
    assert capsys.readouterr().err.splitlines() == [
        "features: 200 of 1,000, about 4 min left",
        "features: 400 of 1,000, about 3 min left",
    ]
