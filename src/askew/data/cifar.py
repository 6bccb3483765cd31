"""CIFAR-10 and CIFAR-100: 60,000 colour pictures of 32×32, from their Python batches or an `.npz` of JPEG bytes."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from askew.data import npz, places
from askew.data.dataset import Dataset, Images
from askew.errors import DataNotFound, InputError

LAYOUT = {
    "cifar10": ("cifar-10-batches-py", tuple(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta"),
    "cifar100": ("cifar-100-python", ("train",), "test", "meta"),
}
KEYS = {"cifar10": (b"labels", b"label_names"), "cifar100": (b"fine_labels", b"fine_label_names")}


def _latin1(text: str, encoding: str) -> bytes:
    """What a pickle of protocol 2 written by Python 3 calls to make bytes; other encodings are refused."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it asks for the encoding {encoding!r}")
    return text.encode("latin1")


ADMITTED = {
    ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
    ("numpy._core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _latin1,
}
"""All that a batch file may name: what NumPy arrays and bytes are made of. Any other name ends the reading."""


class _Arrays(pickle.Unpickler):
    """Reads pickled dicts, lists, bytes, numbers and NumPy arrays, and refuses whatever would call anything else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ADMITTED:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which batch files do not")
        return ADMITTED[module, name]


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
            classes = tuple(c.decode() for c in _load(place / meta)[KEYS[name][1]])
            return Dataset(name, classes, train_images, _join([_batch(place / test, name)]))
    file = places.first_existing(roots, (f"{name}.npz", f"{name}-jpeg.npz"))
    if file is not None:
        return replace(npz.read(file, 1 / 6), name=name)
    raise DataNotFound(
        f"{name}: not found in {places.listing(roots)}: get the python version from "
        f"https://www.cs.toronto.edu/~kriz/cifar.html and unpack it there, so that {folder}/{test} is in one of these, "
        "or pass --download"
    )


def _load(path: Path) -> dict[bytes, Any]:
    try:
        with path.open("rb") as file:
            loaded = _Arrays(file, encoding="bytes").load()
    except (OSError, EOFError, pickle.UnpicklingError, ValueError, TypeError, IndexError, KeyError) as error:
        raise InputError(f"{path}: cannot be read as a batch of CIFAR: {error}") from error
    except (AttributeError, OverflowError, MemoryError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: damaged: {error}") from error
    if not isinstance(loaded, dict):
        raise InputError(f"{path}: cannot be read as a batch of CIFAR: it holds a {type(loaded).__name__}")
    return {k.encode() if isinstance(k, str) else k: v for k, v in loaded.items()}


def _batch(path: Path, name: str) -> Images:
    if not path.is_file():
        raise DataNotFound(f"{name}: {path} is missing beside the others: unpack the archive again")
    batch, key = _load(path), KEYS[name][0]
    data, labels = batch.get(b"data"), batch.get(key)
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.ndim != 2 or data.shape[1] != 3072:
        raise InputError(f"{path}: its data is not (N, 3072) bytes")
    if not isinstance(labels, list) or len(labels) != len(data):
        raise InputError(f"{path}: needs {len(data)} {key.decode()}")
    pixels = data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return Images(np.array(labels, dtype=np.int64), np.ascontiguousarray(pixels))


def _join(parts: list[Images]) -> Images:
    pixels: list[NDArray[np.uint8]] = [p.pixels for p in parts if p.pixels is not None]
    return Images(np.concatenate([p.labels for p in parts]), np.concatenate(pixels))
