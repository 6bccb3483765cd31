"""The one way to a data set: by name, by folder or by file."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from askew.data import cifar, digits, fashion, fetch, folder, npz, parquet, places, shards, split, tiny_imagenet
from askew.data.dataset import Dataset
from askew.data.reading import reading
from askew.errors import DataNotFound, InputError, one_line, unknown

NAMES = ("digits", "fashion-mnist", "cifar10", "cifar100", "tiny-imagenet")


def load(
    source: str | Path,
    *,
    root: str | Path | None = None,
    download: bool = False,
    image_side_px: int | None = None,
    skip_unreadable: bool = False,
    test_fraction: float = 0.2,
    label_column: str | None = None,
) -> Dataset:
    """Returns the data set that `source` names.

    Args:
        source: "digits" (comes with scikit-learn), "fashion-mnist", "cifar10", "cifar100", "tiny-imagenet", or the
            path of a folder of pictures (see `folder.read`), of an `.npz` file (see `npz.read`), or of a Parquet file
            or a folder of such (see `parquet.read`).
        root: the folder in which the files of a named data set lie; without it `$ASKEW_DATA`, `./data` and the cache
            folder are searched. A relative path is also looked for below it.
        download: get a named data set from its public address if it is not on disk (see `fetch.fetch`).
        image_side_px: the side to which pictures in files, or encoded in one, are brought; see `folder.read` for what
            it is otherwise.
        skip_unreadable: leave out encoded pictures that cannot be decoded, and list them.
        test_fraction: the share of every class that is held out where there is no test set.
        label_column: the column of labels in a folder's metadata or in Parquet; else the one called `label`, `labels`
            or `class`.

    Raises:
        DataNotFound: nothing there; the message says where to get it and what to put where.
        InputError: an unknown name, a setting that has no meaning for this source, or damaged files.
    """
    split.check_fraction(test_fraction)
    if image_side_px is not None and image_side_px < 4:
        raise InputError(f"image_side_px: at least 4, got {image_side_px}")
    for name, value in (("source", source), ("root", root)):
        if not isinstance(value, str | Path | None) or "\0" in str(value):
            raise InputError(f"{name}: {one_line(value)} cannot be the name of a file")
    source, root = str(source), None if root is None else Path(root)
    with reading(source):
        if (source in NAMES or Path(source).suffix.lower() == ".npz") and label_column is not None:
            raise InputError(f"label_column: {source} has no columns: leave it out")
        if source in NAMES:
            if image_side_px is not None:
                raise InputError(f"image_side_px: pictures of {source} have a fixed size; leave it out")
            return _named(source, root, test_fraction, download)
        path = _path(source, root)
        if path.suffix.lower() == ".npz":
            found = npz.read(path, test_fraction, side_px=image_side_px, skip_unreadable=skip_unreadable)
            return replace(found, name=source)
        sharded = path.suffix.lower() == shards.SUFFIX or (path.is_dir() and shards.are_in(path))
        read = parquet.read if sharded else folder.read
        found = read(
            path,
            side_px=image_side_px,
            skip_unreadable=skip_unreadable,
            test_fraction=test_fraction,
            label_column=label_column,
        )
        return replace(found, name=source)


def _path(source: str, root: Path | None) -> Path:
    """Returns the path that `source` is; what neither exists nor looks like one is taken for a misspelt name."""
    for path in (Path(os.path.expanduser(source)), *([root / source] if root is not None else [])):
        if path.exists():
            return path
    path = Path(os.path.expanduser(source))
    if path.suffix.lower() not in (".npz", shards.SUFFIX) and len(path.parts) == 1:
        raise unknown("data set", source, [*NAMES, "a folder of pictures", "an .npz or .parquet file"])
    return path


def _named(name: str, root: Path | None, test_fraction: float, may_download: bool) -> Dataset:
    if name == "digits":
        return digits.read(test_fraction)
    try:
        return _read(name, places.roots(root), root)
    except DataNotFound:
        if not may_download:
            raise
        target = root if root is not None else places.data_folder()
        fetch.fetch(name, target)
        return _read(name, [target], root)


def _read(name: str, roots: list[Path], root: Path | None) -> Dataset:
    if name == "fashion-mnist":
        return fashion.read(roots, explicit_root=root is not None)
    if name == "tiny-imagenet":
        return tiny_imagenet.read(roots)
    return cifar.read(name, roots)
