"""Pictures and labels in one `.npz` file: arrays of pixels, or the bytes of encoded pictures."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from askew.data import pictures, places, split
from askew.data.dataset import Dataset, Images
from askew.errors import DataNotFound, InputError

LAYOUTS = (
    "`images` (N, H, W[, C]) and `labels` (N,); or `x_train`, `y_train`, `x_test`, `y_test`; or `jpeg` (bytes), "
    "`offsets` (N + 1,) and `labels`; optionally `is_test` (N,) and `classes` (C,)"
)


def read(path: Path, test_fraction: float) -> Dataset:
    """Returns the data set of an `.npz` file.

    Layouts: `images` and `labels`; `x_train`, `y_train`, `x_test`, `y_test`; or `jpeg`, all pictures' bytes in a row,
    with `offsets` (picture i is `jpeg[offsets[i]:offsets[i + 1]]`) and `labels`. `is_test` (N,) marks the test set;
    without it and without `x_test` a share `test_fraction` of every class is held out, always the same one. `classes`
    (C,) names the classes; without it they are called by their numbers, or by their labels if those are text.

    Pixels are (N, H, W), (N, H, W, C) or (N, C, H, W) with C = 1 or 3: bytes, other integers from 0 to 255, or floats
    from 0 to 1. Encoded pictures are decoded once and then kept in the cache folder.

    Raises:
        DataNotFound: no such file.
        InputError: a damaged file, another layout, or values outside these ranges.
    """
    arrays = _open(path)
    if "jpeg" in arrays:
        pixels = _decoded(path, arrays)
    elif "images" in arrays:
        pixels = as_pixels(f"{path}: images", arrays["images"])
    elif "x_train" in arrays:
        return _two_splits(path, arrays)
    else:
        raise InputError(f"{path}: holds {', '.join(arrays) or 'nothing'}; expected {LAYOUTS}")
    labels, classes = as_classes(f"{path}: labels", _get(path, arrays, "labels"), arrays.get("classes"))
    if len(labels) != len(pixels):
        raise InputError(f"{path}: {len(pixels)} pictures but {len(labels)} labels")
    test = arrays.get("is_test")
    held = split.held_out(labels, test_fraction) if test is None else np.asarray(test).astype(bool).ravel()
    if len(held) != len(labels):
        raise InputError(f"{path}: is_test has {len(held)} entries for {len(labels)} pictures")
    images = Images(labels, pixels)
    return Dataset(path.stem, classes, images.take(np.flatnonzero(~held)), images.take(np.flatnonzero(held)))


def _open(path: Path) -> dict[str, NDArray[np.generic]]:
    if not path.is_file():
        raise DataNotFound(f"{path}: no such file; expected an .npz with {LAYOUTS}")
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (
        OSError,
        ValueError,
        EOFError,
        KeyError,
        zipfile.BadZipFile,
        zlib.error,
        TypeError,
        AttributeError,
    ) as error:
        raise InputError(f"{path}: cannot be read as an .npz of plain arrays: {error}") from error


def _get(path: Path, arrays: dict[str, NDArray[np.generic]], name: str) -> NDArray[np.generic]:
    if name not in arrays:
        raise InputError(f"{path}: has no array {name!r}; it holds {', '.join(arrays)}; expected {LAYOUTS}")
    return arrays[name]


def _two_splits(path: Path, arrays: dict[str, NDArray[np.generic]]) -> Dataset:
    train_x, test_x = (as_pixels(f"{path}: x_{s}", _get(path, arrays, f"x_{s}")) for s in ("train", "test"))
    train_y, test_y = (_get(path, arrays, f"y_{s}").ravel() for s in ("train", "test"))
    for part, x, y in (("train", train_x, train_y), ("test", test_x, test_y)):
        if len(x) != len(y):
            raise InputError(f"{path}: x_{part} has {len(x)} pictures, y_{part} {len(y)} labels")
    both, classes = as_classes(f"{path}: y", np.concatenate([train_y, test_y]), arrays.get("classes"))
    train, test = Images(both[: len(train_y)], train_x), Images(both[len(train_y) :], test_x)
    return Dataset(path.stem, classes, train, test)


def as_pixels(name: str, values: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Returns pictures as (N, H, W, C) uint8, from the shapes and ranges that `read` admits.

    Raises:
        InputError: another shape, or values that are neither 0–255 nor floats from 0 to 1.
    """
    array = values[..., None] if values.ndim == 3 else values
    if array.ndim != 4 or 0 in array.shape:
        raise InputError(f"{name}: expected (N, H, W), (N, H, W, C) or (N, C, H, W), got {values.shape}")
    if array.shape[-1] not in (1, 3) and array.shape[1] in (1, 3):
        array = array.transpose(0, 2, 3, 1)
    if array.shape[-1] not in (1, 3):
        raise InputError(f"{name}: {values.shape}: expected 1 or 3 channels")
    if array.dtype == np.uint8:
        return np.ascontiguousarray(array)
    if array.dtype.kind not in "biuf":
        raise InputError(f"{name}: expected numbers, got {array.dtype}")
    low, high = float(array.min()), float(array.max())
    top = 1.0 if array.dtype.kind == "f" else 255.0
    if not (low >= 0 and high <= top):
        raise InputError(f"{name}: {array.dtype} from {low:g} to {high:g}: expected bytes 0–255 or floats from 0 to 1")
    return np.rint(array * np.float64(255 / top)).astype(np.uint8)


def as_classes(
    name: str, labels: NDArray[np.generic], classes: NDArray[np.generic] | None
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Returns labels as (N,) int64 and the classes' names; text labels become classes in alphabetical order.

    Raises:
        InputError: labels that are neither whole numbers from 0 nor text, or outside the named classes.
    """
    flat = labels.ravel()
    if labels.size != len(labels) or len(flat) == 0:
        raise InputError(f"{name}: expected one label a picture, got shape {labels.shape}")
    if flat.dtype.kind in "US":
        names, numbers = np.unique(flat.astype(str), return_inverse=True)
        return numbers.astype(np.int64).ravel(), tuple(str(n) for n in names)
    if flat.dtype.kind not in "iu":
        raise InputError(f"{name}: expected whole numbers or text, got {flat.dtype}")
    if flat.min() < 0:
        raise InputError(f"{name}: {flat.min()} at picture {flat.argmin()} is negative: classes count from 0")
    known = tuple(str(c) for c in (classes.ravel() if classes is not None else range(int(flat.max()) + 1)))
    if flat.max() >= len(known):
        raise InputError(f"{name}: {flat.max()} at picture {flat.argmax()} is outside the {len(known)} classes")
    return flat.astype(np.int64), known


def _decoded(path: Path, arrays: dict[str, NDArray[np.generic]]) -> NDArray[np.uint8]:
    jpeg, offsets = arrays["jpeg"], _get(path, arrays, "offsets").astype(np.int64)
    if jpeg.dtype != np.uint8 or jpeg.ndim != 1 or offsets.ndim != 1 or len(offsets) < 2:
        raise InputError(f"{path}: jpeg must be (bytes,) uint8 and offsets (N + 1,)")
    if offsets[0] < 0 or offsets[-1] > len(jpeg) or (np.diff(offsets) <= 0).any():
        raise InputError(f"{path}: offsets must rise from 0 or more to at most the {len(jpeg)} bytes of jpeg")
    data, count = jpeg.tobytes(), len(offsets) - 1

    def one(i: int) -> NDArray[np.uint8]:
        try:
            return pictures.decode_bytes(data[offsets[i] : offsets[i + 1]])
        except InputError as error:
            raise InputError(f"{path}: picture {i}: {error}") from error

    def everything() -> NDArray[np.uint8]:
        return pictures.stack(pictures.in_threads(one, range(count)), count, one(0).shape)

    return places.cached(places.fingerprint([path], "jpeg"), everything)
