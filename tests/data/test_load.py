from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from askew.data import fetch
from askew.data.load import load
from askew.errors import DataNotFound, InputError


def test_the_digits():
    data = load("digits")
    assert (len(data.train), len(data.test), data.train.shape, data.n_classes) == (1438, 359, (8, 8, 1), 10)
    assert data.train.pixels.max() == 255
    again = load("digits")
    assert np.array_equal(again.test.pixels, data.test.pixels)
    shares = np.bincount(data.test.labels) / (np.bincount(data.test.labels) + np.bincount(data.train.labels))
    assert np.abs(shares - 0.2).max() < 0.005


def test_a_misspelt_name_gets_a_suggestion():
    with pytest.raises(InputError, match="did you mean 'fashion-mnist'"):
        load("fashion_mnist")


@pytest.mark.parametrize("settings", [{"test_fraction": 0.0}, {"test_fraction": 1.0}, {"image_side_px": 2}])
def test_settings_out_of_range(settings):
    with pytest.raises(InputError, match=next(iter(settings))):
        load("digits", **settings)


def test_a_side_is_refused_for_named_sets():
    with pytest.raises(InputError, match="fixed size"):
        load("digits", image_side_px=32)


def test_a_download_that_fails_says_so(tmp_path, monkeypatch):
    datasets = pytest.importorskip("torchvision.datasets")

    def refuse(*_, **__):
        raise OSError("no route to host")

    monkeypatch.setattr(datasets, "CIFAR100", refuse)
    with pytest.raises(DataNotFound, match=r"cifar100 could not be had \(no route to host\)"):
        load("cifar100", root=tmp_path, download=True)


def test_a_download_is_read_from_where_it_was_put(tmp_path, monkeypatch):
    datasets = pytest.importorskip("torchvision.datasets")
    from tests.data.test_fashion import write

    def deliver(root, *, download, **_):
        assert download
        write(Path(root) / "FashionMNIST" / "raw", zipped=False)

    monkeypatch.setattr(datasets, "FashionMNIST", deliver)
    assert len(load("fashion-mnist", root=tmp_path, download=True).train) == 12


def test_what_cannot_be_downloaded(tmp_path):
    with pytest.raises(InputError, match="tiny-imagenet cannot be downloaded"):
        fetch.fetch("tiny-imagenet", tmp_path)


def test_tiny_imagenet(tmp_path):
    from PIL import Image

    base = tmp_path / "tiny-imagenet-200"
    for number, gray in (("n01", 10), ("n02", 90)):
        (base / "train" / number / "images").mkdir(parents=True)
        for i in range(3):
            Image.new("RGB", (64, 64), (gray + i,) * 3).save(base / "train" / number / "images" / f"{i}.png")
    (base / "val" / "images").mkdir(parents=True)
    Image.new("L", (64, 64), 200).save(base / "val" / "images" / "v.png")
    (base / "val" / "val_annotations.txt").write_text("v.png\tn02\t0\t0\t62\t62\n")
    data = load("tiny-imagenet", root=tmp_path)
    assert (data.classes, len(data.train), data.test.labels.tolist()) == (("n01", "n02"), 6, [1])
    assert data.train.pixels[:, 0, 0, 0].tolist() == [10, 11, 12, 90, 91, 92]
    assert (data.test.pixels == 200).all()
    for listed, message in (
        (b"v.png\n", "line 1: '' is no folder of train"),
        (b"v.png\tn02\n../../../v.png\tn02\n", "line 2: '../../../v.png' is no picture's name"),
        (b"\xff\xfe", "cannot be read as text in UTF-8"),
    ):
        (base / "val" / "val_annotations.txt").write_bytes(listed)
        with pytest.raises(InputError, match=message):
            load("tiny-imagenet", root=tmp_path)


def test_sources_are_texts_or_paths(tmp_path):
    np.savez(tmp_path / "a.npz", images=np.zeros((8, 4, 4), np.uint8), labels=np.arange(8) % 2)
    assert load(tmp_path / "a.npz").name == str(tmp_path / "a.npz")
    assert len(load("a.npz", root=str(tmp_path)).train) == 6
    for wrong in (3, ["digits"], b"digits"):
        with pytest.raises(InputError, match=r"source: .* cannot be the name of a file"):
            load(wrong)
