"""Fashion-MNIST: 70,000 gray 28×28 pictures of clothes in ten classes, from its four idx files."""

from __future__ import annotations

import contextlib
import gzip
import math
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from askew.data import places
from askew.data.dataset import Dataset, Images
from askew.data.reading import decoding, plain_file
from askew.errors import DataNotFound, InputError

MOST_DIMENSIONS = 4

DEFLATE = 1032
"""How many bytes one byte of a gzip file becomes at most."""

CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
FOLDERS = ("", "fashion-mnist", "FashionMNIST/raw", "raw", "fashion")
"""Where below a root the files may lie; `FashionMNIST/raw` is torchvision's."""

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package dataset-fashion-mnist puts them."""

WHERE = (
    "add --download (in Python: download=True) to fetch it, or get train-images-idx3-ubyte.gz, "
    "train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz and "
    "t10k-labels-idx1-ubyte.gz from https://github.com/zalandoresearch/fashion-mnist (or `apt install "
    "dataset-fashion-mnist`)"
)


def read(roots: list[Path], explicit_root: bool) -> Dataset:
    """Returns the 60,000 pictures of the training files and the 10,000 of the test files.

    Raises:
        DataNotFound: no folder holds the four files.
        InputError: a file that is damaged, cut short, or of another format.
    """
    places_tried = [root / f for root in roots for f in FOLDERS] + ([] if explicit_root else [DEBIAN])
    for folder in places_tried:
        files = [
            _present(folder, f"{split}-{kind}")
            for split in ("train", "t10k")
            for kind in ("images-idx3-ubyte", "labels-idx1-ubyte")
        ]
        if None not in files:
            train_x, train_y, test_x, test_y = (read_idx(f) for f in files if f is not None)
            train, test = _images(train_x, train_y), _images(test_x, test_y)
            return Dataset("fashion-mnist", CLASSES, train, test)
    raise DataNotFound(f"fashion-mnist: not found in {places.listing(roots)}: {WHERE} and put them there")


def _present(folder: Path, name: str) -> Path | None:
    return places.first_existing([folder], [f"{name}.gz", name, name.replace("-idx", ".idx")])


def _images(pixels: NDArray[np.uint8], labels: NDArray[np.uint8]) -> Images:
    if pixels.ndim != 3 or labels.ndim != 1:
        raise InputError(f"fashion-mnist: pictures {pixels.shape}, labels {labels.shape}; expected (N, H, W) and (N,)")
    return Images(labels.astype(np.int64), pixels[..., None])


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Returns the array of bytes in an idx file, gzipped or not.

    The format: two zero bytes, the type (8 = unsigned byte), the number of dimensions, each dimension as a
    big-endian 32-bit integer, then the bytes.

    Raises:
        InputError: no idx file of bytes, or one whose length differs from what its header says.
    """
    size = plain_file(path).st_size
    with decoding(path, "an idx file"), path.open("rb") as plain:
        zipped = plain.read(2) == b"\x1f\x8b"
        plain.seek(0)
        with gzip.open(plain) if zipped else contextlib.nullcontext(plain) as stream:
            head = stream.read(4)
            dims = head[3] if len(head) == 4 else 0
            sizes = stream.read(4 * dims)
            if head[:3] != b"\0\0\x08" or not 1 <= dims <= MOST_DIMENSIONS or len(sizes) < 4 * dims:
                raise InputError(f"{path}: not an idx file of unsigned bytes")
            shape = struct.unpack(f">{dims}I", sizes)
            expected = math.prod(shape)
            most = (size - 4 - 4 * dims) * (DEFLATE if zipped else 1)
            raw = stream.read(expected + 1) if expected <= most else b""
    if len(raw) != expected:
        raise InputError(f"{path}: its header {shape} needs {expected:,} bytes, it has others: cut short or damaged")
    return np.frombuffer(raw, np.uint8).reshape(shape)
