"""A folder of picture files, one folder a class: found, checked, and brought into memory where they fit."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from askew.arrays import Mask
from askew.data import labels as told_labels
from askew.data import metadata, pictures, places, split
from askew.data.dataset import Dataset, Images
from askew.data.reading import decoding, reading
from askew.data.split import TEST, TRAIN
from askew.errors import DataNotFound, InputError, one_line
from askew.files import cache_root, write_whole

IN_MEMORY_BYTES = 1_500_000_000
"""Folders whose resized pictures are larger than this stay on disk."""

LARGEST_DEFAULT_PX = 224
"""The side to which pictures are brought at most if the caller names none."""

UNLABELED = ("unlabeled", "unlabelled")
EXPECTED = (
    "expected CLASS/picture.jpg, or train/CLASS/picture.jpg and test/CLASS/picture.jpg, or a metadata.csv with the "
    "columns file_name and label"
)


@dataclass(frozen=True)
class Listing:
    """The picture files of one split in order, and the class of each."""

    paths: tuple[Path, ...]
    labels: tuple[int, ...]

    def keep(self, mask: Sequence[bool] | Mask) -> Listing:
        chosen = np.flatnonzero(mask)
        return Listing(tuple(self.paths[i] for i in chosen), tuple(self.labels[i] for i in chosen))


def read(
    folder: Path, *, side_px: int | None, skip_unreadable: bool, test_fraction: float, label_column: str | None = None
) -> Dataset:
    """Returns the data set of a folder of pictures, every one of which was decoded once.

    Layouts: `CLASS/…/picture.jpg`, of which a share `test_fraction` of every class is held out (always the same files;
    it depends on their names alone, so that added files do not reshuffle the others), or `train/CLASS/…` beside
    `test/CLASS/…` (`val` if there is no `test`). Hidden files, other kinds of file, class folders without pictures
    and what has no label (pictures beside the class folders, or in a folder `unlabeled`) are passed over.

    Where a `metadata.csv`, `metadata.jsonl` or `metadata.parquet` beside the pictures has a column of labels, that says
    the classes, as in a Hugging Face `imagefolder`, and not the folders; see `metadata.read`. A picture that it does
    not name has no label.

    Pictures become upright RGB squares of `side_px`; without it, of the median shorter side, 224 px at most. If all fit
    in 1.5 GB they are kept in memory (and in the cache folder for the next run), else they stay paths.

    Args:
        skip_unreadable: leave out the pictures that are not there or cannot be decoded, and list them in
            `Dataset.unreadable`.
        label_column: the column of labels in the metadata; else the one called `label`, `labels` or `class`.

    Raises:
        DataNotFound: no such folder, or a picture that the metadata names and that is not there.
        InputError: another layout, fewer than two classes, too few pictures to hold any out, a picture without a label
            in the metadata, or an unreadable picture.
    """
    if not folder.is_dir():
        raise DataNotFound(f"{folder}: no such folder; {EXPECTED}")
    classes, train, test = find(folder, label_column, skip_absent=skip_unreadable)
    bad = damaged(train.paths + (test.paths if test else ()))
    if bad and not skip_unreadable:
        first, why = next(iter(bad.items()))
        raise InputError(
            f"{why}; {len(bad)} of {len(train.paths) + (len(test.paths) if test else 0)} pictures are unreadable: mend "
            f"or remove {one_line(first.name)}, or pass --skip-unreadable to leave such pictures out"
        )
    if bad:
        train = train.keep([p not in bad for p in train.paths])
        test = test.keep([p not in bad for p in test.paths]) if test else None
    if test is None:
        held = held_out(folder, train, test_fraction)
        train, test = train.keep(~held), train.keep(held)
    _check(folder, classes, train, test)
    side = side_px or default_side(train.paths)
    in_memory = (len(train.paths) + len(test.paths)) * side * side * 3 <= IN_MEMORY_BYTES
    splits = [images(part, side, in_memory=in_memory) for part in (train, test)]
    return Dataset(Path(os.path.realpath(folder)).name, classes, splits[0], splits[1], tuple(bad))


def find(
    folder: Path, label_column: str | None = None, *, skip_absent: bool = False
) -> tuple[tuple[str, ...], Listing, Listing | None]:
    """Returns the classes' names in order, the pictures, and those of the test folder if the folder has one.

    Raises:
        InputError: no class folder with a picture, a class that is in the test folder alone, or metadata that leave a
            picture without a label.
    """
    below = {f.name.lower(): f for f in _folders(folder)}
    train, test = _parts(below)
    told = metadata.read(folder, pictures.find(folder), label_column, skip_absent=skip_absent)
    if told is not None and told.labelled:
        return _find_told(folder, told, train, test)
    if train is None or not _folders(train) or (test is None and len(below) > 1):
        train = folder
    if train is folder or test is None:
        return (*listing(train, told), None)
    found, found_test = _classes(train, told), _classes(test, told)
    alone = [c for c in found_test if c not in found]
    if alone:
        raise InputError(f"{folder}: class {alone[0]!r} has pictures in {test.name} but none in {train.name}")
    return tuple(found), _listing(found, tuple(found)), _listing(found_test, tuple(found))


def _find_told(
    folder: Path, told: metadata.Told, train: Path | None, test: Path | None
) -> tuple[tuple[str, ...], Listing, Listing | None]:
    """Returns what `find` does, of pictures whose labels the metadata say."""
    if train is None or test is None:
        train, test = folder, None
    parts = {part: sorted(p for p in told.cells if p.is_relative_to(part)) for part in (train, test) if part}
    cells = {str(part): [told.cells[path] for path in paths] for part, paths in parts.items()}
    numbers, classes = told_labels.coded(f"{told.where}: labels", cells)
    everything = [path for paths in parts.values() for path in paths]
    gaps = [path for part, paths in parts.items() for path, c in zip(paths, numbers[str(part)], strict=True) if c < 0]
    if gaps:
        raise InputError(
            f"{told.where}: {len(gaps)} of {len(everything)} pictures have no label, first "
            f"{one_line(gaps[0].relative_to(folder), 100)}: an experiment needs the label of every picture: take them "
            "out; askew.Images.of reads an unlabeled pool"
        )
    found = [Listing(tuple(paths), tuple(numbers[str(part)].tolist())) for part, paths in parts.items()]
    return classes, found[0], found[1] if test else None


def pool(
    folder: Path, label_column: str | None = None, *, skip_absent: bool = False
) -> tuple[tuple[str, ...], Listing]:
    """Returns the names of the classes in order, and all pictures below a folder, sorted by path.

    Where metadata have a column of labels, those count; see `metadata.read`. Else a picture in `CLASS/…` is of that
    class, and one that lies directly in the folder, or below a folder called `unlabeled`, has the label -1.

    Raises:
        InputError: no pictures, or folders of a training and a test part.
    """
    train, test = _parts({f.name.lower(): f for f in _folders(folder)})
    if train is not None and test is not None:
        raise InputError(
            f"{folder}: holds a training and a test part, {train.name} and {test.name}: pass "
            f"{folder / train.name}, or read both with askew.data.load.load"
        )
    paths = pictures.find(folder)
    told = metadata.read(folder, paths, label_column, skip_absent=skip_absent)
    if not paths and not (told and told.cells):
        raise InputError(f"{folder}: has no pictures: expected picture.jpg or CLASS/picture.jpg")
    if told is not None and told.labelled:
        paths = sorted({*paths, *told.cells})
        numbers, classes = told_labels.coded(
            f"{told.where}: labels", {"": [told.cells.get(path, "") for path in paths]}
        )
        return classes, Listing(tuple(paths), tuple(numbers[""].tolist()))
    owners = [_owner(path.relative_to(folder)) for path in paths]
    classes = tuple(sorted({one for one in owners if one is not None}))
    number = {name: c for c, name in enumerate(classes)}
    return classes, Listing(tuple(paths), tuple(-1 if one is None else number[one] for one in owners))


def _parts(below: Mapping[str, Path]) -> tuple[Path | None, Path | None]:
    """Returns the folders called as a training and a test part, of folders by their names in lower case."""
    train, test = (next((below[n] for n in names if n in below), None) for names in (TRAIN, TEST))
    return train, test


def _owner(path: Path) -> str | None:
    name = path.parts[0]
    return None if len(path.parts) == 1 or name.lower() in UNLABELED else name


def listing(folder: Path, told: metadata.Told | None = None) -> tuple[tuple[str, ...], Listing]:
    """Returns the names of the class folders that hold pictures, in order, and those pictures.

    Args:
        told: what metadata say that have no labels, for the message.

    Raises:
        InputError: there is none.
    """
    found = _classes(folder, told)
    return tuple(found), _listing(found, tuple(found))


def _folders(folder: Path) -> list[Path]:
    with reading(folder):
        entries = sorted(folder.iterdir())
    return [f for f in entries if f.is_dir() and not f.name.startswith(".") and f.name != "__MACOSX"]


def _classes(folder: Path, told: metadata.Told | None = None) -> dict[str, list[Path]]:
    found = {f.name: pictures.find(f) for f in _folders(folder) if f.name.lower() not in UNLABELED}
    filled = {name: paths for name, paths in found.items() if paths}
    if not filled:
        loose = len(pictures.find(folder))
        if loose and told is not None:
            raise InputError(
                f"{told.where}: has no column called label, labels or class, but {told_labels.listed(told.columns)}: "
                "say which one holds the classes with label_column"
            )
        if loose:
            raise InputError(
                f"{folder}: has {loose} pictures directly in it, which belong to no class; {EXPECTED}; "
                "askew.Images.of reads them as an unlabeled pool"
            )
        raise InputError(f"{folder}: has no pictures; {EXPECTED}")
    return filled


def _listing(found: dict[str, list[Path]], classes: tuple[str, ...]) -> Listing:
    pairs = [(path, classes.index(name)) for name, paths in found.items() for path in paths]
    return Listing(tuple(p for p, _ in pairs), tuple(c for _, c in pairs))


def damaged(paths: tuple[Path, ...]) -> dict[Path, str]:
    """Returns the files that cannot be decoded and why; every file is decoded in full, in threads.

    The answer is kept in the cache folder for as long as no file changes.
    """
    memo = cache_root() / "checked" / f"{places.fingerprint(paths)}.json"
    with contextlib.suppress(InputError), decoding(memo, "a list of what was damaged"):
        return {Path(p): str(why) for p, why in json.loads(memo.read_bytes()).items()}
    found = {p: why for p, why in pictures.in_threads(_why_not, paths) if why}
    with contextlib.suppress(InputError, OSError):
        memo.parent.mkdir(parents=True, exist_ok=True)
        write_whole(memo, json.dumps({str(p): why for p, why in found.items()}))
    return found


def _why_not(path: Path) -> tuple[Path, str]:
    try:
        pictures.read_square(path, 8)
    except InputError as error:
        return path, str(error)
    return path, ""


def held_out(folder: Path, listing: Listing, fraction: float) -> Mask:
    """Returns the mask of the test set: of every class the share whose names' hashes are lowest.

    How many a class gives, `split.share` says.
    """
    digests = [hashlib.sha256(os.fsencode(p.relative_to(folder).as_posix())).digest() for p in listing.paths]
    labels, mask = np.array(listing.labels), np.zeros(len(listing.labels), dtype=bool)
    for c in np.unique(labels):
        members = sorted(np.flatnonzero(labels == c), key=digests.__getitem__)
        mask[members[: split.share(len(members), fraction)]] = True
    return mask


def _check(folder: Path, classes: tuple[str, ...], train: Listing, test: Listing) -> None:
    if len(classes) < 2:
        raise InputError(f"{folder}: only one class folder has pictures ({classes[0]}); at least two are needed")
    empty = sorted(set(range(len(classes))) - set(train.labels))
    if empty:
        raise InputError(f"{folder}: class {classes[empty[0]]!r} has no readable picture to train on")
    if not test.paths:
        raise InputError(f"{folder}: {len(train.paths)} pictures are too few to hold any out for a test")


def default_side(paths: tuple[Path, ...]) -> int:
    """Returns the median shorter side of the pictures, 224 at most.

    Raises:
        InputError: none of them has a header that can be read.
    """
    sides = [side for side in pictures.in_threads(pictures.shorter_side, paths) if side is not None]
    if not sides:
        pictures.read_square(paths[0], 8)
    return side_for(sides)


def side_for(sides: Sequence[int]) -> int:
    """Returns the side for pictures of these shorter sides."""
    return min(LARGEST_DEFAULT_PX, round(statistics.median(sides)))


def images(listing: Listing, side_px: int, *, in_memory: bool = True) -> Images:
    """Returns the pictures of a listing as squares of `side_px`, in memory or to be read when needed."""
    labels = np.array(listing.labels, dtype=np.int64)
    names = tuple(f"{path.parent.name}/{path.name}" for path in listing.paths)
    if not in_memory:
        return Images(labels, paths=listing.paths, side_px=side_px, names=names)

    def everything() -> NDArray[np.uint8]:
        squares = pictures.in_threads(lambda path: pictures.read_square(path, side_px), listing.paths)
        return pictures.stack(squares, len(listing.paths), (side_px, side_px, 3))

    return Images(labels, places.cached(places.fingerprint(listing.paths, "folder", side_px), everything), names=names)
