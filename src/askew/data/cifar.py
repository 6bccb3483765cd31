"""CIFAR-10 and CIFAR-100: 60,000 colour pictures of 32×32, from their Python batches or an `.npz` of JPEG bytes."""

from __future__ import annotations

import io
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from askew.data import npz, places
from askew.data.dataset import Dataset, Images
from askew.data.reading import decoding, plain_file
from askew.errors import DataNotFound, InputError

LAYOUT = {
    "cifar10": ("cifar-10-batches-py", tuple(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta"),
    "cifar100": ("cifar-100-python", ("train",), "test", "meta"),
}
SIZES = {"cifar10": 10, "cifar100": 100}
KEYS = {"cifar10": (b"labels", b"label_names"), "cifar100": (b"fine_labels", b"fine_label_names")}


NAMED = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
}
"""All that a batch file may name: what NumPy arrays and bytes are made of. Any other name ends the reading."""


class _Note:
    """What a pickle asks for: a name, what it would be called with, and the state that the result would get.

    Nothing is called and no object is built, so a file cannot forge one. Only text that Python 3 wrote in place of
    bytes becomes bytes again.
    """

    def __init__(self, name: str, *arguments: object) -> None:
        self.name, self.arguments, self.state = name, arguments, ()

    def __call__(self, *arguments: object) -> object:
        match self.name, arguments:
            case "encode", (str() as text, "latin1"):
                return text.encode("latin1")
        return _Note(self.name, *arguments)

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Notes(pickle._Unpickler):
    """Reads pickled dicts, lists, bytes, text and numbers; of all else it takes notes.

    It is Python's own reader in Python. The faster one in C reserves what a damaged file tells it to.
    """

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in NAMED:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which batch files do not")
        return _Note(name)


def read(name: str, roots: list[Path]) -> Dataset:
    """Returns the 50,000 training and 10,000 test pictures of "cifar10" or "cifar100".

    Looked for in each root: the folder of batches (or the root being that folder), then `cifar10.npz` or
    `cifar10-jpeg.npz` (for CIFAR-100 accordingly).

    Raises:
        DataNotFound: no root holds either.
        InputError: a batch file that is damaged or holds anything but plain arrays.
    """
    folder, train, test, meta = LAYOUT[name]
    for place in [p for root in roots for p in (root / folder, root)]:
        if (place / meta).is_file() and (place / test).is_file():
            train_images = _join([_batch(place / file, name) for file in train])
            return Dataset(name, _classes(place / meta, name), train_images, _join([_batch(place / test, name)]))
    file = places.first_existing(roots, (f"{name}.npz", f"{name}-jpeg.npz"))
    if file is not None:
        return replace(npz.read(file, 1 / 6), name=name)
    raise DataNotFound(
        f"{name}: not found in {places.listing(roots)}: add --download (in Python: download=True) to fetch it, "
        "or get the python version from https://www.cs.toronto.edu/~kriz/cifar.html and unpack it there, so that "
        f"{folder}/{test} is in one of these"
    )


def _load(path: Path) -> dict[Any, Any]:
    plain_file(path)
    with decoding(path, "a batch of CIFAR"):
        loaded = _Notes(io.BytesIO(path.read_bytes()), encoding="bytes").load()
        if not isinstance(loaded, dict):
            raise TypeError(f"it holds a {type(loaded).__name__}")
    return {k.encode(errors="replace") if isinstance(k, str) else k: v for k, v in loaded.items()}


def _rows(value: object) -> NDArray[np.uint8] | None:
    """Returns the (N, 3072) bytes that a note of an array tells of, or None if it tells of anything else."""
    if not isinstance(value, _Note) or value.name != "_reconstruct":
        return None
    match value.state:
        case int(), (int() as count, 3072), _Note(name="dtype") as dtype, fortran, raw:
            bytewise = dtype.arguments[:1] in (("u1",), (b"u1",))
            if bytewise and isinstance(raw, bytes) and len(raw) == count * 3072:
                return np.frombuffer(raw, np.uint8).reshape(count, 3072, order="F" if fortran is True else "C")
    return None


def _batch(path: Path, name: str) -> Images:
    if not path.is_file():
        raise DataNotFound(f"{name}: {path} is missing beside the others: unpack the archive again")
    batch, key = _load(path), KEYS[name][0]
    data, labels = _rows(batch.get(b"data")), batch.get(key)
    if data is None:
        raise InputError(f"{path}: its data is not (N, 3072) bytes")
    if not isinstance(labels, list) or len(labels) != len(data):
        raise InputError(f"{path}: needs {len(data)} {key.decode()}")
    if not all(type(label) is int and 0 <= label < SIZES[name] for label in labels):
        raise InputError(f"{path}: its {key.decode()} are not whole numbers from 0 to {SIZES[name] - 1}")
    pixels = data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return Images(np.array(labels, dtype=np.int64), np.ascontiguousarray(pixels))


def _classes(path: Path, name: str) -> tuple[str, ...]:
    listed = _load(path).get(KEYS[name][1])
    names = (
        [c.decode(errors="replace") if isinstance(c, bytes) else c for c in listed] if isinstance(listed, list) else []
    )
    if len(names) != SIZES[name] or not all(isinstance(c, str) for c in names):
        raise InputError(f"{path}: needs {KEYS[name][1].decode()}, the {SIZES[name]} names of the classes")
    return tuple(names)


def _join(parts: list[Images]) -> Images:
    pixels: list[NDArray[np.uint8]] = [p.pixels for p in parts if p.pixels is not None]
    return Images(np.concatenate([p.labels for p in parts]), np.concatenate(pixels))
