from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

from askew.data import pictures
from askew.data.load import load
from askew.errors import DataNotFound, InputError

Image = pytest.importorskip("PIL.Image")


def batch(first, n, key=b"labels", n_classes=10):
    """Picture i has red i, green 100 + i, blue 200, rows of red rising by their number."""
    data = np.zeros((n, 3, 32, 32), dtype=np.uint8)
    data[:, 0] = first + np.arange(n)[:, None, None] + np.arange(32)[None, :, None]
    data[:, 1], data[:, 2] = 100 + first + np.arange(n)[:, None, None], 200
    return {b"data": data.reshape(n, -1), key: [(first + i) % n_classes for i in range(n)]}


def write(path, content):
    path.write_bytes(pickle.dumps(content, protocol=2))


@pytest.fixture
def cifar10(tmp_path):
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for i in range(5):
        write(folder / f"data_batch_{i + 1}", batch(4 * i, 4))
    write(folder / "test_batch", batch(20, 6))
    write(folder / "batches.meta", {b"label_names": [f"c{i}".encode() for i in range(10)]})
    return tmp_path


def test_the_batches_are_joined_in_order_and_colours_come_last(cifar10):
    for root in (cifar10, cifar10 / "cifar-10-batches-py"):
        data = load("cifar10", root=root)
        assert (len(data.train), len(data.test), data.train.shape) == (20, 6, (32, 32, 3))
        assert data.classes[3] == "c3"
        assert data.train.labels.tolist() == [i % 10 for i in range(20)]
        assert data.train.pixels[9, 5, 8].tolist() == [14, 109, 200]


def test_cifar100_takes_the_fine_labels(tmp_path):
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    write(folder / "train", batch(0, 8, b"fine_labels", 100))
    write(folder / "test", batch(50, 4, b"fine_labels", 100))
    write(folder / "meta", {b"fine_label_names": [f"f{i}".encode() for i in range(100)]})
    data = load("cifar100", root=tmp_path)
    assert (data.n_classes, data.test.labels.tolist()) == (100, [50, 51, 52, 53])


class Calls:
    """Pickles to a call, as a hostile file would."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("call", [(os.system, "true"), (subprocess.Popen, ["true"]), (eval, "1"), (np.load, "x")])
def test_a_batch_that_would_run_something_is_refused(cifar10, call, monkeypatch):
    monkeypatch.setattr(os, "system", lambda _: pytest.fail("it ran"))
    write(cifar10 / "cifar-10-batches-py" / "data_batch_3", {b"data": Calls(*call), b"labels": []})
    with pytest.raises(InputError, match=r"data_batch_3.*it names"):
        load("cifar10", root=cifar10)


FORGED = """
import sys, pathlib
from askew.data.load import load
from askew.errors import InputError
try:
    load("cifar10", root=pathlib.Path(sys.argv[1]))
except InputError as error:
    print(error)
"""


FORGED_ARRAYS = {
    "by its constructor": b"cnumpy\nndarray\n(K\x01\x85U\x02O8U\x08AAAAAAAAtR",
    "by its state": b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85U\x01btR"
    b"(K\x01K\x01\x85cnumpy\ndtype\n(U\x02O8K\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x3ftb\x89]U\x01Aatb",
}
"""Pickles of arrays of objects: the first takes eight bytes for a pointer, whose use ends the process."""


@pytest.mark.parametrize("how", FORGED_ARRAYS)
def test_an_array_with_a_forged_pointer_neither_ends_the_process_nor_is_built(cifar10, how):
    path = cifar10 / "cifar-10-batches-py" / "batches.meta"
    path.write_bytes(b"\x80\x02}U\x0blabel_names" + FORGED_ARRAYS[how] + b"s.")
    run = [sys.executable, "-c", FORGED, str(cifar10)]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(run, capture_output=True, text=True, env=env)
    assert (done.returncode, done.stderr) == (0, "")
    assert "batches.meta: needs label_names" in done.stdout


def test_a_memo_far_out_reserves_nothing(cifar10):
    """Opcode LONG_BINPUT with 2**32 - 1: the reader in C would reserve and fill 64 GB for it."""
    path = cifar10 / "cifar-10-batches-py" / "batches.meta"
    path.write_bytes(b"\x80\x02}r\xff\xff\xff\xff.")
    with pytest.raises(InputError, match=r"batches\.meta: needs label_names"):
        load("cifar10", root=cifar10)


@pytest.mark.parametrize(
    "labels", [[0, "1"], [0, 10], [0, -1], [0, True], [0, 1.0], [0, 10**30], [0, [1]], (0, 1), None]
)
def test_labels_that_are_no_classes_are_named(cifar10, labels):
    write(cifar10 / "cifar-10-batches-py" / "data_batch_2", {b"data": np.zeros((2, 3072), np.uint8), b"labels": labels})
    with pytest.raises(InputError, match="data_batch_2"):
        load("cifar10", root=cifar10)


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_every_protocol_of_pickles_is_read_as_python_reads_it(cifar10, protocol):
    path = cifar10 / "cifar-10-batches-py" / "test_batch"
    content = pickle.loads(path.read_bytes(), encoding="bytes")
    if protocol == 5:  # written as one block, as NumPy does for arrays in Fortran's order
        content[b"data"] = np.asfortranarray(content[b"data"])
        protocol = 2
    path.write_bytes(pickle.dumps(content, protocol))
    expected = content[b"data"].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    assert np.array_equal(load("cifar10", root=cifar10).test.pixels, expected)


@pytest.mark.parametrize(
    "content",
    [
        [1, 2],
        {b"labels": [1]},
        {b"data": np.zeros((2, 10), np.uint8), b"labels": [0, 1]},
        {b"data": np.zeros((2, 3072), np.uint8), b"labels": [0]},
        {b"data": np.zeros((2, 3072), np.float32), b"labels": [0, 1]},
    ],
)
def test_other_content_is_named(cifar10, content):
    write(cifar10 / "cifar-10-batches-py" / "data_batch_2", content)
    with pytest.raises(InputError, match="data_batch_2"):
        load("cifar10", root=cifar10)


def test_cut_batches_are_named_wherever_they_are_cut(cifar10):
    path = cifar10 / "cifar-10-batches-py" / "test_batch"
    whole = path.read_bytes()
    for keep in (0, 1, 2, 10, 37, 100, len(whole) - 1):
        path.write_bytes(whole[:keep])
        with pytest.raises(InputError, match="test_batch"):
            load("cifar10", root=cifar10)


def test_a_missing_batch_and_a_missing_folder(cifar10, tmp_path):
    (cifar10 / "cifar-10-batches-py" / "data_batch_4").unlink()
    with pytest.raises(DataNotFound, match="data_batch_4 is missing"):
        load("cifar10", root=cifar10)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataNotFound, match=r"cs\.toronto\.edu.*cifar-10-batches-py"):
        load("cifar10", root=tmp_path / "empty")


def jpegs(path, n=12, **more):
    """An .npz of JPEG bytes whose picture i is of one gray, 20·i."""
    encoded = []
    for i in range(n):
        buffer = io.BytesIO()
        Image.new("RGB", (32, 32), (20 * i,) * 3).save(buffer, "JPEG", quality=95)
        encoded.append(buffer.getvalue())
    arrays = {
        "jpeg": np.frombuffer(b"".join(encoded), np.uint8),
        "offsets": np.cumsum([0, *map(len, encoded)]),
        "labels": np.arange(n) % 2,
        "is_test": np.arange(n) >= 9,
        "classes": np.array(["even", "odd"]),
    }
    np.savez(path, **{**arrays, **more})


def test_jpeg_bytes_are_decoded_once(tmp_path, monkeypatch):
    jpegs(tmp_path / "cifar10.npz")
    data = load("cifar10", root=tmp_path)
    assert (data.name, data.classes, len(data.train), len(data.test)) == ("cifar10", ("even", "odd"), 9, 3)
    assert np.abs(data.test.pixels[1].astype(int) - 200).max() <= 2
    monkeypatch.setattr(pictures, "decode_bytes", lambda *_: pytest.fail("decoded again"))
    again = load(str(tmp_path / "cifar10.npz"))
    assert np.array_equal(again.train.pixels, data.train.pixels)


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path, monkeypatch):
    jpegs(tmp_path / "cifar10.npz")
    (tmp_path / "file").touch()
    monkeypatch.setenv("ASKEW_CACHE", str(tmp_path / "file" / "below"))
    assert len(load("cifar10", root=tmp_path).train) == 9


def test_damaged_jpeg_bytes_are_named_by_their_number(tmp_path):
    jpegs(tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as file:
        arrays = dict(file)
    start = arrays["offsets"][7]
    arrays["jpeg"][start : start + 20] = 0
    np.savez(tmp_path / "b.npz", **arrays)
    with pytest.raises(InputError, match="picture 7"):
        load(str(tmp_path / "b.npz"))
    np.savez(tmp_path / "c.npz", **{**arrays, "offsets": arrays["offsets"] + 1})
    with pytest.raises(InputError, match="offsets must rise"):
        load(str(tmp_path / "c.npz"))
