"""Pictures in Parquet files, as Hugging Face's hub has them, become a data set or a pool."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from askew.arrays import Indices
from askew.data import folder, labels, pictures, places, split
from askew.data import shards as in_shards
from askew.data.dataset import Dataset, Images
from askew.data.reading import check_memory
from askew.data.shards import Part, rows
from askew.errors import InputError, one_line

MEASURED = 10_000
"""Pictures whose sizes say to which side all are brought, if nobody says."""

EMBED = "ds.with_format('arrow').map(datasets.table.embed_table_storage, batched=True)"


def read(
    source: Path,
    *,
    side_px: int | None = None,
    skip_unreadable: bool = False,
    test_fraction: float = 0.2,
    label_column: str | None = None,
) -> Dataset:
    """Returns the data set of a Parquet file, or of a folder of shards, whose pictures are encoded bytes.

    A shard is of the split that its name or its folder's name says: `train-00000-of-00002.parquet`, `test/0.parquet`. A
    validation split stands in for the test split if there is none, else it is not used. Without either, a share
    `test_fraction` of every class is held out, always the same one.

    The column of pictures holds bytes, or structs of `bytes` and `path`. The column of labels is the one that is asked
    for, or the only one of type `ClassLabel`, or the one called `label`, `labels` or `class`. Classes are named by the
    `ClassLabel`, else by their words in alphabetical order, else by their numbers.

    Pictures become upright RGB squares of `side_px`; without it, of the median shorter side of the first 10,000, 224 px
    at most. They are decoded once and then kept in the cache folder.

    Raises:
        DataNotFound: no such file.
        InputError: a damaged file, no column of pictures or labels, shards that differ, a row without a label, or a
            picture that has no bytes or cannot be decoded.
        MissingExtra: pyarrow is not installed.
    """
    parts = {name: in_shards.part_of(shards, label_column) for name, shards in in_shards.splits(source).items()}
    layout = parts["train"].layout
    if layout.label is None:
        raise InputError(
            f"{one_line(source)}: no column is called label, labels or class; there are "
            f"{labels.listed(layout.others)}: say which one holds the classes with label_column; askew.Images.of reads "
            "an unlabeled pool"
        )
    codes, classes = in_shards.codes(one_line(source), parts)
    for name, numbers in codes.items():
        gaps = np.flatnonzero(numbers < 0)
        if len(gaps):
            raise InputError(
                f"{one_line(source)}: {len(gaps)} of {len(numbers)} pictures have no label, first in row {gaps[0]} of "
                f"the {name} part: an experiment needs the label of every picture; askew.Images.of reads an unlabeled "
                "pool"
            )
    side = side_px or _default_side(parts["train"])
    found: dict[str, Images] = {}
    unreadable: list[Path] = []
    for name, part in parts.items():
        kept = _readable(part) if skip_unreadable else np.arange(len(part))
        found[name] = Images(codes[name][kept], _pixels(part, side, kept))
        unreadable += [Path(row_name) for row_name in np.delete(_row_names(part), kept).tolist()]
    train, test = found["train"], found.get("test")
    if test is None:
        held = split.held_out(train.labels, test_fraction)
        train, test = train.take(np.flatnonzero(~held)), train.take(np.flatnonzero(held))
    return Dataset(source.stem, classes, train, test, tuple(unreadable))


def pool(
    shards: Sequence[Path],
    *,
    side_px: int | None = None,
    skip_unreadable: bool = False,
    label_column: str | None = None,
) -> Images:
    """Returns the pictures of Parquet files as one pool, labelled or not; see `read`.

    A row whose label is null or -1 is unlabeled, and so are all if there is no column of labels. Pictures are called by
    their `path`, or by file and row if paths do not tell them apart.

    Raises:
        InputError, DataNotFound, MissingExtra: see `read`.
    """
    part = in_shards.part_of(shards, label_column)
    codes, classes = np.full(len(part), -1, dtype=np.int64), part.layout.classes or ()
    if part.layout.label is not None:
        found, classes = in_shards.codes(one_line(shards[0]), {"": part})
        codes = found[""]
    kept = _readable(part) if skip_unreadable else np.arange(len(part))
    names = _names(part)
    pixels = _pixels(part, side_px or _default_side(part), kept)
    return Images(codes[kept], pixels, names=tuple(names[i] for i in kept.tolist()), classes=classes)


def _bytes(row: tuple[str, Any]) -> bytes:
    """Returns the encoded picture of a row.

    Raises:
        InputError: it has none.
    """
    where, value = row
    data = value.get("bytes") if isinstance(value, dict) else value
    if isinstance(data, bytes):
        return data
    path = value.get("path") if isinstance(value, dict) else None
    if path:
        raise InputError(
            f"{where}: has the path {one_line(path, 100)} and no bytes: pass that folder, or write the bytes: {EMBED}"
        )
    raise InputError(
        f"{where}: has no picture: pass --skip-unreadable (in Python: skip_unreadable=True) to leave it out"
    )


def _decoded(row: tuple[str, Any], side_px: int) -> NDArray[np.uint8]:
    data = _bytes(row)
    try:
        return pictures.decode_bytes(data, side_px)
    except InputError as error:
        raise InputError(f"{row[0]}: {error}; --skip-unreadable leaves such pictures out") from error


def _readable(part: Part) -> Indices:
    """Returns which rows have a picture that can be decoded; each is read for it, once."""

    def good(row: tuple[str, Any]) -> bool:
        try:
            _decoded(row, 8)
        except InputError:
            return False
        return True

    def everything() -> NDArray[np.uint8]:
        return np.fromiter(pictures.in_threads(good, rows(part, part.layout.picture)), np.uint8)

    key = places.fingerprint(part.shards, "parquet readable", part.layout.picture)
    kept = np.flatnonzero(places.cached(key, everything))
    if not len(kept):
        _decoded(next(rows(part, part.layout.picture)), 8)
    return kept


def _default_side(part: Part) -> int:
    def side(row: tuple[str, Any]) -> int | None:
        try:
            return pictures.shorter_side_of(_bytes(row))
        except InputError:
            return None

    first = itertools.islice(rows(part, part.layout.picture), MEASURED)
    sides = [one for one in pictures.in_threads(side, first) if one is not None]
    if not sides:
        _decoded(next(rows(part, part.layout.picture)), 8)
    return folder.side_for(sides)


def _pixels(part: Part, side_px: int, kept: Indices) -> NDArray[np.uint8]:
    """Returns the pictures of the rows that are kept as (N, side_px, side_px, 3), from the cache folder if there."""
    check_memory(one_line(part.shards[0]), (len(kept), side_px, side_px, 3), 1)

    def everything() -> NDArray[np.uint8]:
        mask = np.zeros(len(part), dtype=bool)
        mask[kept] = True
        chosen = itertools.compress(rows(part, part.layout.picture), mask)
        squares = pictures.in_threads(lambda row: _decoded(row, side_px), chosen)
        return pictures.stack(squares, len(kept), (side_px, side_px, 3))

    everyone = len(kept) == len(part)
    return places.cached(places.fingerprint(part.shards, "parquet", part.layout.picture, side_px, everyone), everything)


def _row_names(part: Part) -> list[str]:
    return [f"{path}:{i}" for path, count in zip(part.shards, part.counts, strict=True) for i in range(count)]


def _names(part: Part) -> list[str]:
    """Returns what the pictures are called."""
    if part.layout.paths:
        found = rows(part, f"{part.layout.picture}.path")
        paths = [value.get("path") if isinstance(value, dict) else None for _, value in found]
        if all(paths) and len(set(paths)) == len(paths):
            return [str(path) for path in paths]
    return [f"{path.name}:{i}" for path, count in zip(part.shards, part.counts, strict=True) for i in range(count)]
