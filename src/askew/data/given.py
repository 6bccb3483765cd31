"""Pictures as people have them, arrays, tensors, a folder, files, become `Images`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import array_api_compat
import numpy as np
from numpy.typing import NDArray

from askew.arrays import Indices, as_array, to_numpy
from askew.data import folder, npz, parquet, pictures
from askew.data import shards as in_shards
from askew.data.dataset import Images
from askew.data.npy import open_npy
from askew.data.pixels import as_pixels
from askew.data.reading import plain_file, reading
from askew.errors import DataNotFound, InputError, one_line
from askew.names import as_places, checked_classes, class_codes, class_numbers, label_cells
from askew.pool import Pool

KINDS = "an array, a tensor, a folder, an .npz, .npy or .parquet file, or a list of picture files"

TABLED = "a folder with metadata or a .parquet file"


def collect(
    given: Any, *, side_px: int | None = None, skip_unreadable: bool = False, label_column: str | None = None
) -> Images:
    """Returns pictures of any kind as `Images`; see `Images.of`.

    Args:
        side_px: the side that files and encoded pictures are brought to; arrays keep their size.
        skip_unreadable: leave out files that cannot be decoded.
        label_column: the column of labels, for a folder with metadata or for Parquet.

    Raises:
        InputError: nothing that holds pictures, or something with two meanings.
        DataNotFound: no such file or folder.
    """
    if isinstance(given, str | os.PathLike):
        return _of_path(Path(os.path.expanduser(given)), side_px, skip_unreadable, label_column)
    if _is_shards(given):
        shards = [Path(os.path.expanduser(one)) for one in given]
        return parquet.pool(shards, side_px=side_px, skip_unreadable=skip_unreadable, label_column=label_column)
    if label_column is not None:
        raise InputError(
            f"label_column: {TABLED} has columns, not {type(given).__name__}: pass labels, or leave it out"
        )
    if isinstance(given, Images):
        return given
    listed = _listed(given)
    if listed is None:
        return _unlabeled(_of_array(given))
    if len(listed) == 0:
        raise InputError("images: there is no picture")
    if all(isinstance(one, str | os.PathLike) for one in listed):
        return _of_files([Path(os.path.expanduser(one)) for one in listed], listed, side_px, skip_unreadable)
    if all(pictures.is_pillow(one) for one in listed):
        return _unlabeled(_of_pillow(listed, side_px))
    return _unlabeled(_of_arrays(listed))


def labelled(images: Images, labels: Any, classes: Sequence[Any] | None) -> Images:
    """Returns pictures with labels, numbers or names, and with the names of their classes.

    Raises:
        InputError: labels that are none of the classes, or not one a picture; classes that differ from those that the
            pictures bring without labels.

    >>> pair = Images(np.array([-1, -1]), np.zeros((2, 4, 4, 1), dtype=np.uint8))
    >>> labelled(pair, ["dog", None], ["dog", "cat"]).labels
    array([ 0, -1])
    """
    names = None if classes is None else checked_classes(classes, None, None)
    if labels is None:
        if names is not None and images.classes and images.classes != names:
            raise InputError(
                f"classes: the pictures bring theirs, {one_line(', '.join(images.classes), 100)}: leave classes out, "
                "or pass labels too"
            )
        return images if names is None else replace(images, classes=names)
    known, cells = names or images.classes, label_cells(labels)
    if cells is None:
        numbers = Pool(as_places(labels, class_numbers(names))).labels
        return replace(images, labels=numbers, classes=known)
    codes, found = class_codes("labels", cells, known or None)
    return replace(images, labels=Pool(codes).labels, classes=found or known)


def _is_shards(given: Any) -> bool:
    """Tells whether a list is one of Parquet files."""
    return (
        isinstance(given, list | tuple)
        and len(given) > 0
        and all(isinstance(one, str | os.PathLike) and Path(one).suffix.lower() == in_shards.SUFFIX for one in given)
    )


def _unlabeled(pixels: NDArray[np.uint8]) -> Images:
    return Images(np.full(len(pixels), -1, dtype=np.int64), pixels)


def _listed(given: Any) -> list[Any] | None:
    """Returns the parts of a list or of a column; None for an array of numbers."""
    if isinstance(given, list | tuple):
        return list(given)
    if isinstance(given, Iterator):
        raise InputError(f"images: a {type(given).__name__} can be read only once: pass a list, such as sorted(files)")
    if array_api_compat.is_torch_array(given):
        return None
    if pictures.is_pillow(given):
        return [given]
    if isinstance(given, np.ndarray) or hasattr(given, "__array__"):
        return list(given) if getattr(getattr(given, "dtype", None), "kind", "O") in "OUT" else None
    if array_api_compat.is_array_api_obj(given):
        return None
    raise InputError(f"images: expected {KINDS}, got {type(given).__name__}")


def _of_array(given: Any) -> NDArray[np.uint8]:
    array = to_numpy(as_array("images", given))
    single = f"images: {array.shape} may be one picture: "
    if array.ndim == 3 and array.shape[-1] in (1, 3, 4):
        raise InputError(f"{single}pass images[None], whose first axis counts the pictures")
    if array.ndim == 3 and array.shape[0] == 3:
        raise InputError(f"{single}pass images[None], or images[:, None] if they are three gray ones")
    return as_pixels("images", array)


def _of_arrays(listed: Sequence[Any]) -> NDArray[np.uint8]:
    arrays = [to_numpy(as_array(f"images[{i}]", one)) for i, one in enumerate(listed)]
    shapes = list(dict.fromkeys(one.shape for one in arrays))
    if len(shapes) > 1:
        raise InputError(f"images: pictures of several sizes, {shapes[0]} and {shapes[1]}: bring them to one size")
    if arrays[0].ndim not in (2, 3):
        raise InputError(f"images: expected {KINDS}, got a list of arrays {shapes[0]}")
    return as_pixels("images", np.stack(arrays))


def _of_pillow(listed: Sequence[Any], side_px: int | None) -> NDArray[np.uint8]:
    side = side_px or folder.side_for([min(one.size) for one in listed])
    return pictures.stack((pictures.squared(one, side) for one in listed), len(listed), (side, side, 3))


def _of_path(path: Path, side_px: int | None, skip_unreadable: bool, label_column: str | None) -> Images:
    name, suffix = one_line(path), path.suffix.lower()
    with reading(name):
        shards = [path] if suffix == in_shards.SUFFIX else []
        if path.is_dir():
            shards = in_shards.of_one_split(path) if in_shards.are_in(path) else []
            if not shards:
                return _of_folder(path, side_px, skip_unreadable, label_column)
    if shards:
        return parquet.pool(shards, side_px=side_px, skip_unreadable=skip_unreadable, label_column=label_column)
    if label_column is not None:
        raise InputError(f"label_column: {TABLED} has columns, not {name}: leave it out")
    if suffix == ".npz":
        return npz.pool(path, side_px=side_px, skip_unreadable=skip_unreadable)
    if suffix == ".npy":
        return _unlabeled(as_pixels(name, open_npy(path)))
    if suffix in pictures.SUFFIXES:
        return _of_files([path], [path], side_px, False)
    if not path.exists():
        raise DataNotFound(f"images: there is no file or folder {name}")
    raise InputError(f"images: {name} is no picture: expected {KINDS}")


def _of_folder(path: Path, side_px: int | None, skip_unreadable: bool, label_column: str | None) -> Images:
    classes, listing = folder.pool(path, label_column, skip_absent=skip_unreadable)
    names = [one.relative_to(path) for one in listing.paths]
    labels = np.array(listing.labels, dtype=np.int64)
    return _of_files(listing.paths, names, side_px, skip_unreadable, labels, classes)


def _of_files(
    paths: Sequence[Path],
    names: Sequence[Any],
    side_px: int | None,
    skip_unreadable: bool,
    labels: Indices | None = None,
    classes: tuple[str, ...] = (),
) -> Images:
    if not skip_unreadable:
        for path in paths:
            plain_file(path)
            pictures.check_heic(path)
    if labels is None:
        labels = np.full(len(paths), -1, dtype=np.int64)
    side = side_px or folder.default_side(tuple(paths))
    called = tuple(Path(one).as_posix() for one in names)
    found = Images(labels, paths=tuple(paths), side_px=side, names=called, classes=classes)
    return _readable(found) if skip_unreadable else found


def _readable(images: Images) -> Images:
    """Returns the pictures that can be decoded; every file is read for it."""
    bad = folder.damaged(images.paths or ())
    kept = [i for i, path in enumerate(images.paths or ()) if path not in bad]
    if not kept:
        raise InputError(next(iter(bad.values())))
    return images.take(kept)
