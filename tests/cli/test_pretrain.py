"""`askew pretrain`: a file that `askew features` takes, a line an epoch, and one line for what it refuses."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("timm")

from askew.cli.main import main
from askew.cli.pretrain import line
from askew.data.load import load
from askew.learn.pretraining import Epoch

FAST = ["--backbone", "small-convnet", "--preset", "desk", "--epochs", "2", "--batch", "20", "--device", "cpu"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASKEW_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    few = load("digits").train.take(np.arange(40))
    np.savez("few.npz", x_train=few.pixels, y_train=few.labels, x_test=few.pixels[:9], y_test=few.labels[:9])
    np.save("pixels.npy", few.pixels)


def test_its_file_is_a_source_of_features(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pretrain", "few.npz", "--part", "train", "--out", "a.safetensors", *FAST]) == 0
    told = capsys.readouterr().err.splitlines()
    number = r"-?\d\.\d+"
    for i in (1, 2):
        shown = rf"epoch {i}/2: loss {number}, spread {number}, neighbours right \d+\.\d%(, less than a minute left)?"
        assert re.fullmatch(shown, told[i - 1])
    assert told[2:] == ["a.safetensors: small-convnet, 2 epochs, 40 pictures"]
    assert main(["features", "few.npz", "--part", "test", "--by", "simsiam:a.safetensors", "--out", "x.npy"]) == 0
    assert np.load("x.npy").shape == (9, 1024)
    assert [path.name for path in Path().glob("a.*")] == ["a.safetensors"]


def test_the_line_says_how_long_it_takes() -> None:
    assert line(Epoch(2, 12, -0.5, 0.75, 0.5, 30.0)) == (
        "epoch 2/12: loss -0.500, spread 0.75, neighbours right 50.0%, about 5 min left"
    )
    assert line(Epoch(12, 12, -0.5, 0.75, None, 30.0)) == "epoch 12/12: loss -0.500, spread 0.75"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["pixels.npy", "--out", "a.npy"], "--out: expected a .safetensors file, got a.npy"),
        (["pixels.npy", "--out", "no/a.safetensors"], "there is no folder"),
        (["none", "--out", "a.safetensors"], "there is no file or folder none"),
        (["pixels.npy", "--out", "a.safetensors", "--batch", "1"], "batch: expected a whole number from 2, got 1"),
        (["pixels.npy", "--out", "a.safetensors", "--backbone", "none"], "unknown backbone 'none'"),
        (["pixels.npy", "--out", "a.safetensors", "--seed", "-1"], "seed: expected a whole number from 0, got -1"),
    ],
)
def test_what_it_refuses(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(Path().iterdir())
    assert main(["pretrain", arguments[0], *FAST, *arguments[1:]]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert sorted(Path().iterdir()) == before
