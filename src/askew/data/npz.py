"""Pictures and labels in one `.npz` file: arrays of pixels, or the bytes of encoded pictures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from askew.arrays import Mask
from askew.data import split
from askew.data.dataset import Dataset, Images
from askew.data.encoded import Encoded
from askew.data.labels import MOST_CLASSES
from askew.data.npy import Arrays, open_npz
from askew.data.pixels import as_pixels
from askew.errors import InputError, one_line
from askew.pool import Pool

SPLITS = (("x_train", "y_train", "x_test", "y_test"), ("train_images", "train_labels", "test_images", "test_labels"))
"""What two splits are called: pictures and labels to train on, then those to test on."""

LAYOUTS = (
    "`images` (N, H, W[, C]) and `labels` (N,); or `x_train`, `y_train`, `x_test`, `y_test`; or `train_images`, "
    "`train_labels`, `test_images`, `test_labels`; or `jpeg` (bytes), `offsets` (N + 1,) and `labels`; optionally "
    "`is_test` (N,) and `classes` (C,)"
)


def read(path: Path, test_fraction: float, *, side_px: int | None = None, skip_unreadable: bool = False) -> Dataset:
    """Returns the data set of an `.npz` file.

    Layouts: `images` and `labels`; `x_train`, `y_train`, `x_test`, `y_test`; the same four as MedMNIST calls them,
    `train_images`, `train_labels`, `test_images`, `test_labels`; or `jpeg`, all pictures' bytes in a row, with
    `offsets` (picture i is `jpeg[offsets[i]:offsets[i + 1]]`) and `labels`. `is_test` (N,) marks the test set; without
    it and without a test split a share `test_fraction` of every class is held out, always the same one. `classes` (C,)
    names the classes; without it they are called by their numbers, or by their labels if those are text.

    MedMNIST's `val_images` and `val_labels` are not used: the pool is the training split and accuracy is measured on
    the test split, so that figures compare with published ones.

    Pixels are (N, H, W), (N, H, W, C) or (N, C, H, W) with C = 1 or 3: bytes, other integers from 0 to 255, or floats
    from 0 to 1. Labels are (N,) or (N, 1). Sizes are compared before pictures are
    unpacked.

    Encoded pictures are decoded once and then kept in the cache folder. If they have one size, with a shorter side of
    224 px at most, they keep it. If not, or if `side_px` is given, they become squares as the pictures of a folder do:
    of `side_px`, or of the median shorter side, 224 px at most. With `skip_unreadable`, those that cannot be decoded
    are left out, and listed in `Dataset.unreadable`.

    Raises:
        DataNotFound: no such file.
        InputError: a damaged file, another layout, values outside these ranges, or a side for arrays.
    """
    with open_npz(path) as arrays:
        if side_px is not None and "jpeg" not in arrays:
            raise InputError(f"image_side_px: pictures that are arrays keep their size: leave it out for {path}")
        names = next((four for four in SPLITS if four[0] in arrays), None)
        if names is not None and "images" not in arrays and "jpeg" not in arrays:
            return _two_splits(path, arrays, names)
        if "images" not in arrays and "jpeg" not in arrays:
            raise InputError(f"{path}: holds {arrays.names()}; expected {LAYOUTS}")
        if "labels" not in arrays:
            raise InputError(
                f"{path}: has no array 'labels', and an experiment needs the label of every picture; it holds "
                f"{arrays.names()}; askew.Images.of reads an unlabeled pool"
            )
        _require(path, arrays, *(["offsets"] if "jpeg" in arrays else []))
        labels, classes = as_classes(f"{path}: labels", arrays["labels"], arrays.get("classes"))
        _check_count(path, _n_pictures(arrays), labels)
        held = _held(path, arrays, labels, test_fraction)
        kept, pixels = _pixels(path, arrays, side_px, skip_unreadable)
    images, held = Images(labels[kept], pixels), held[kept]
    bad = tuple(Path(f"{path}: picture {item}") for item in np.delete(np.arange(len(labels)), kept).tolist())
    return Dataset(path.stem, classes, images.take(np.flatnonzero(~held)), images.take(np.flatnonzero(held)), bad)


def pool(path: Path, *, side_px: int | None = None, skip_unreadable: bool = False) -> Images:
    """Returns the pictures of an `.npz` file without a test part, labelled or not.

    `images`, or `jpeg` and `offsets`, are as `read` takes them. `labels` may be left out. -1, NaN and an empty text
    mean unlabeled. `classes` (C,) names the classes; without it they are called by their numbers, or by their labels if
    those are text.

    Raises:
        DataNotFound: no such file.
        InputError: a damaged file, one with a test part, another layout, or values outside the ranges.
    """
    with open_npz(path) as arrays:
        test = next((name for name in ("is_test", *(four[0] for four in SPLITS)) if name in arrays), None)
        if test is not None:
            raise InputError(
                f"{path}: {test} says that it holds a training and a test part: read both with askew.data.load.load, "
                "whose `train` is the pool"
            )
        if "images" not in arrays and "jpeg" not in arrays:
            raise InputError(f"{path}: holds {arrays.names()}; expected `images`, or `jpeg` and `offsets`")
        _require(path, arrays, *(["offsets"] if "jpeg" in arrays else []))
        count = _n_pictures(arrays)
        given = arrays["labels"] if "labels" in arrays else np.full(count, -1)
        labels, classes = _known(f"{path}: labels", given, arrays.get("classes"))
        _check_count(path, count, labels)
        kept, pixels = _pixels(path, arrays, side_px, skip_unreadable)
    return Images(labels[kept], pixels, classes=classes)


def _n_pictures(arrays: Arrays) -> int:
    """Returns how many pictures `images`, or `jpeg` with its `offsets`, holds, before any is read."""
    encoded = "jpeg" in arrays
    return sum(arrays.layout("offsets" if encoded else "images").shape[:1]) - encoded


def _check_count(path: Path, n_pictures: int, labels: NDArray[Any]) -> None:
    if n_pictures != len(labels):
        raise InputError(f"{path}: {n_pictures} pictures but {len(labels)} labels")


def _pixels(
    path: Path, arrays: Arrays, side_px: int | None, skip_unreadable: bool
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Returns which pictures are taken, and their pixels."""
    if "jpeg" not in arrays:
        pixels = as_pixels(f"{path}: images", arrays["images"])
        return np.arange(len(pixels)), pixels
    encoded = Encoded.of(path, arrays)
    kept = encoded.readable() if skip_unreadable else np.arange(len(encoded))
    return kept, encoded.pixels(kept, side_px)


def _known(name: str, labels: NDArray[Any], classes: NDArray[Any] | None) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Returns (N,) classes, -1 where there is no label, and the classes' names, as far as they are known."""
    flat = _one_a_picture(name, labels)
    if flat.dtype.kind in "US":
        there = _as_text(name, flat) != ""
    else:
        flat = Pool(flat).labels
        there = flat >= 0
    out = np.full(len(flat), -1, dtype=np.int64)
    if not there.any():
        return out, () if classes is None else tuple(map(str, _as_text(name, classes.ravel())))
    out[there], names = as_classes(name, flat[there], classes)
    return out, names


def _require(path: Path, arrays: Arrays, *names: str) -> None:
    for name in names:
        if name not in arrays:
            raise InputError(f"{path}: has no array {name!r}; it holds {arrays.names()}; expected {LAYOUTS}")


def _held(path: Path, arrays: Mapping[str, NDArray[Any]], labels: NDArray[np.int64], test_fraction: float) -> Mask:
    test = arrays.get("is_test")
    if test is None:
        return split.held_out(labels, test_fraction)
    if test.size != len(labels):
        raise InputError(f"{path}: is_test has {test.size} entries for {len(labels)} pictures")
    if test.dtype.kind not in "biuf" or not np.isin(test, (0, 1)).all():
        raise InputError(f"{path}: is_test: expected false and true, or 0 and 1")
    return test.astype(bool).ravel()


def _two_splits(path: Path, arrays: Arrays, names: tuple[str, str, str, str]) -> Dataset:
    _require(path, arrays, *names)
    for x, y in (names[:2], names[2:]):
        n_pictures, n_labels = (sum(arrays.layout(name).shape[:1]) for name in (x, y))
        if n_pictures != n_labels:
            raise InputError(f"{path}: {x} has {n_pictures} pictures, {y} {n_labels} labels")
    train_y, test_y = (_one_a_picture(f"{path}: {name}", arrays[name]) for name in (names[1], names[3]))
    both, classes = as_classes(f"{path}: {names[1]}", _joined(path, train_y, test_y), arrays.get("classes"))
    train_x, test_x = (as_pixels(f"{path}: {name}", arrays[name]) for name in (names[0], names[2]))
    train, test = Images(both[: len(train_y)], train_x), Images(both[len(train_y) :], test_x)
    return Dataset(path.stem, classes, train, test)


def _joined(path: Path, train: NDArray[Any], test: NDArray[Any]) -> NDArray[Any]:
    kinds = {"i": "number", "u": "number"}
    if kinds.get(train.dtype.kind, train.dtype.kind) != kinds.get(test.dtype.kind, test.dtype.kind):
        raise InputError(f"{path}: labels are {train.dtype} in the one split, {test.dtype} in the other")
    if {train.dtype.kind, test.dtype.kind} == {"i", "u"}:  # NumPy would join these as floats
        train, test = (a.astype(np.uint64) if a.size and a.min() >= 0 else a.astype(np.int64) for a in (train, test))
    return np.concatenate([train, test])


def _one_a_picture(name: str, labels: NDArray[Any]) -> NDArray[Any]:
    if labels.ndim == 2 and labels.shape[1] > 1:
        raise InputError(
            f"{name}: expected one label a picture, got {labels.shape[1]}, shape {labels.shape}: write one column"
        )
    if labels.ndim == 0 or labels.size != len(labels) or labels.size == 0:
        raise InputError(f"{name}: expected one label a picture, got shape {labels.shape}")
    return labels.ravel()


def as_classes(
    name: str, labels: NDArray[Any], classes: NDArray[Any] | None
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Returns labels as (N,) int64 and the classes' names; text labels become classes in alphabetical order.

    Raises:
        InputError: labels that are neither whole numbers from 0 nor text, or outside the named classes.
    """
    flat = _one_a_picture(name, labels)
    if flat.dtype.kind in "US":
        names, numbers = np.unique(_as_text(name, flat), return_inverse=True)
        return numbers.astype(np.int64).ravel(), tuple(str(n) for n in names)
    if flat.dtype.kind not in "iu":
        raise InputError(f"{name}: expected whole numbers or text, got {flat.dtype}")
    low, high = int(flat.min()), int(flat.max())
    if low < 0:
        what = "is negative: classes count from 0"
        if low == -1:
            what += ", and an experiment needs the label of every picture; askew.Images.of reads an unlabeled pool"
        raise InputError(f"{name}: {low} at picture {flat.argmin()} {what}")
    if classes is None and high >= MOST_CLASSES:
        raise InputError(
            f"{name}: {high} at picture {flat.argmax()} would mean {high + 1:,} classes; number them from 0, or name "
            "them in `classes`"
        )
    known = tuple(map(str, _as_text(name, classes.ravel()) if classes is not None else range(high + 1)))
    if high >= len(known):
        raise InputError(f"{name}: {high} at picture {flat.argmax()} is outside the {len(known)} classes")
    return flat.astype(np.int64), known


def _as_text(name: str, values: NDArray[Any]) -> NDArray[Any]:
    """Returns values as text; bytes are UTF-8."""
    if values.dtype.kind != "S":
        return values.astype(str)
    try:
        return np.array([value.decode() for value in values.tolist()], dtype=str)
    except UnicodeDecodeError as error:
        raise InputError(f"{name}: holds text that is not UTF-8: {one_line(error)}") from error
