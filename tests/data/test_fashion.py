from __future__ import annotations

import gzip
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from askew.data import fashion
from askew.data.load import load
from askew.errors import DataNotFound, InputError
from askew.files import cache_root


def idx(array):
    return struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def write(folder: Path, *, zipped: bool, dotted: bool = False):
    """The four files, small: picture i of a split is filled with i, its label is i modulo 10."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, n in (("train", 12), ("t10k", 11)):
        pixels = np.broadcast_to(np.arange(n, dtype=np.uint8)[:, None, None], (n, 28, 28)).copy()
        for kind, array in (("images-idx3", pixels), ("labels-idx1", (np.arange(n) % 10).astype(np.uint8))):
            name = f"{split}-{kind}-ubyte"
            name = name.replace("-idx", ".idx") if dotted else name
            raw = idx(array)
            (folder / f"{name}{'.gz' if zipped else ''}").write_bytes(gzip.compress(raw) if zipped else raw)


@pytest.mark.parametrize("folder", ["", "FashionMNIST/raw", "fashion-mnist"])
@pytest.mark.parametrize("zipped", [True, False])
def test_the_files_are_found_and_read(tmp_path, folder, zipped):
    write(tmp_path / folder, zipped=zipped)
    data = load("fashion-mnist", root=tmp_path)
    assert (len(data.train), len(data.test), data.train.shape, data.n_classes) == (12, 11, (28, 28, 1), 10)
    assert data.train.labels.tolist() == [*range(10), 0, 1]
    assert (data.train.pixels[7] == 7).all()


def test_older_names_with_a_dot(tmp_path):
    write(tmp_path, zipped=False, dotted=True)
    assert len(load("fashion-mnist", root=tmp_path).train) == 12


def test_the_environment_names_a_root(tmp_path, monkeypatch):
    write(tmp_path, zipped=True)
    monkeypatch.setenv("ASKEW_DATA", str(tmp_path))
    assert len(load("fashion-mnist").train) == 12


def test_what_is_not_there_says_where_to_get_it(tmp_path):
    with pytest.raises(DataNotFound, match=r"train-images-idx3-ubyte\.gz.*github\.com/zalandoresearch"):
        load("fashion-mnist", root=tmp_path)
    write(tmp_path, zipped=True)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataNotFound):
        load("fashion-mnist", root=tmp_path)
    with pytest.raises(DataNotFound, match="not a folder"):
        load("fashion-mnist", root=tmp_path / "absent")


@pytest.mark.parametrize("damage", [lambda b: b[:-3], lambda b: b[: len(b) // 2], lambda b: b + b"x"])
def test_cut_files_are_named(tmp_path, damage):
    for zipped in (True, False):
        write(tmp_path, zipped=zipped)
        path = tmp_path / f"train-images-idx3-ubyte{'.gz' if zipped else ''}"
        path.write_bytes(damage(path.read_bytes()))
        with pytest.raises(InputError, match="train-images-idx3"):
            load("fashion-mnist", root=tmp_path)


def test_other_formats_are_refused(tmp_path):
    (tmp_path / "x").write_bytes(b"\0\0\x0d\x01" + b"\0" * 20)
    with pytest.raises(InputError, match="not an idx file of unsigned bytes"):
        fashion.read_idx(tmp_path / "x")
    (tmp_path / "y").write_bytes(b"")
    with pytest.raises(InputError, match="not an idx file"):
        fashion.read_idx(tmp_path / "y")


@pytest.mark.skipif(not fashion.DEBIAN.is_dir(), reason="Debian's package dataset-fashion-mnist is not installed")
def test_the_real_files():
    data = load("fashion-mnist")
    assert np.bincount(data.train.labels).tolist() == [6000] * 10
    assert np.bincount(data.test.labels).tolist() == [1000] * 10
    assert data.classes[data.train.labels[0]] == "Ankle boot"


def test_the_cache_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.delenv("ASKEW_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_root() == tmp_path / "askew"


@pytest.mark.parametrize(
    "raw",
    [
        b"\0\0\x08\x03" + b"\xff" * 12,
        b"\0\0\x08\xff" + b"\xff" * 1020,
        b"\0\0\x08\x00",
        gzip.compress(b"\0\0\x08\x03" + b"\xff" * 12),
        gzip.compress(struct.pack(">4B3I", 0, 0, 8, 3, 10_000, 28, 28) + bytes(100)),
        gzip.compress(struct.pack(">4B3I", 0, 0, 8, 3, 1, 2, 2) + bytes(60_000_000)),
    ],
)
def test_sizes_are_compared_before_anything_is_unpacked(tmp_path, raw):
    write(tmp_path, zipped=False)
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(raw)
    tracemalloc.start()
    with pytest.raises(InputError, match="train-images-idx3") as caught:
        load("fashion-mnist", root=tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "\n" not in str(caught.value)
    assert peak < 20e6


def test_pictures_and_labels_that_changed_places_are_named(tmp_path):
    write(tmp_path, zipped=False)
    (tmp_path / "train-images-idx3-ubyte").write_bytes((tmp_path / "train-labels-idx1-ubyte").read_bytes())
    with pytest.raises(InputError, match=r"expected \(N, H, W\) and \(N,\)"):
        load("fashion-mnist", root=tmp_path)
