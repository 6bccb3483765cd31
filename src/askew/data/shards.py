"""Shards of Parquet files with pictures as bytes: which split they are of, their layout, their labels, their rows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from askew.arrays import Indices
from askew.data import labels, metadata, pictures
from askew.data.reading import check_memory, decoding, plain_file
from askew.data.split import TEST, TRAIN
from askew.errors import InputError, MissingExtra, one_line

SUFFIX = ".parquet"

USUAL_PICTURES = ("image", "img", "picture")
"""The column of pictures, where several hold bytes."""

BATCH = 512
"""Rows that are read at a time."""


@dataclass(frozen=True)
class Layout:
    """Where a shard has its pictures and labels.

    Attributes:
        picture: the column of encoded pictures.
        paths: whether its values are structs of `bytes` and `path`, as the `datasets` library writes them.
        label: the column of labels, if there is one.
        classes: the names of the classes, if the file has them.
        others: what the other columns are called.
    """

    picture: str
    paths: bool
    label: str | None
    classes: tuple[str, ...] | None
    others: tuple[str, ...]


@dataclass(frozen=True)
class Part:
    """The shards of one split, how many rows each has, and the layout that all share."""

    shards: tuple[Path, ...]
    counts: tuple[int, ...]
    layout: Layout

    def __len__(self) -> int:
        return sum(self.counts)


def find(source: Path) -> list[Path]:
    """Returns the Parquet files in a folder and below it, sorted; metadata and what is hidden are passed over."""
    found = [path for path in source.rglob(f"*{SUFFIX}") if path.name not in metadata.FILES]
    return sorted(p for p in found if not any(part.startswith(".") for part in p.relative_to(source).parts))


def are_in(source: Path) -> bool:
    """Tells whether a folder holds Parquet files and no picture file."""
    return bool(find(source)) and not pictures.find(source)


def of_one_split(source: Path) -> list[Path]:
    """Returns the shards of a folder that are of one split.

    Raises:
        InputError: they are of several.
    """
    kinds = _kinds(source)
    if len(kinds) > 1:
        first = next(iter(kinds))
        raise InputError(
            f"{one_line(source)}: holds several splits, {', '.join(map(str, kinds))}: pass the files of one, such as "
            f"sorted(Path({str(source)!r}).rglob('*{first}*.parquet')), or read both with askew.data.load.load"
        )
    return next(iter(kinds.values()))


def splits(source: Path) -> dict[str, list[Path]]:
    """Returns the shards to train on and, if there are any, those to test on."""
    if not source.is_dir():
        return {"train": [source]}
    kinds = _kinds(source)
    if set(kinds) == {None}:
        return {"train": kinds[None]}
    if None in kinds or "train" not in kinds:
        strange = kinds[None][0] if None in kinds else next(iter(kinds.values()))[0]
        raise InputError(
            f"{one_line(strange)}: names no split, as the others do: call it train-…, or move it away"
            if None in kinds
            else f"{one_line(source)}: has no shards of a train split, only such as {one_line(strange.name)}"
        )
    test = next((kinds[name] for name in TEST if name in kinds), None)
    return {"train": kinds["train"], **({} if test is None else {"test": test})}


def _kinds(source: Path) -> dict[str | None, list[Path]]:
    """Returns the shards of a folder by the split that their names, or else their folders' names, say."""
    found: dict[str | None, list[Path]] = {}
    for path in find(source):
        inside = path.relative_to(source).with_suffix("").parts
        words = [word for name in reversed(inside) for word in re.split("[^a-z0-9]+", name.lower())]
        kind = next((word for word in words if word in (*TRAIN, *TEST)), None)
        found.setdefault("train" if kind in TRAIN else kind, []).append(path)
    return found


def part_of(shards: Sequence[Path], label_column: str | None) -> Part:
    found = [_layout(path, label_column) for path in shards]
    differs = next((i for i, (layout, _) in enumerate(found) if layout != found[0][0]), None)
    if differs is not None:
        raise InputError(
            f"{one_line(shards[differs])}: has other columns or classes than {one_line(shards[0].name)}: pass the "
            "shards of one data set"
        )
    if not any(count for _, count in found):
        raise InputError(f"{one_line(shards[0])}: has no rows")
    return Part(tuple(shards), tuple(count for _, count in found), found[0][0])


def _layout(path: Path, label_column: str | None) -> tuple[Layout, int]:
    """Returns the layout of a shard and how many rows it has, from its footer."""
    arrow, where = _arrow(), one_line(path)
    plain_file(path)
    with decoding(path, "a Parquet file"):
        about = arrow.parquet.read_metadata(path)
        schema = about.schema.to_arrow_schema()
    check_memory(where, (about.num_rows,), 8)
    names = [str(name) for name in schema.names]
    types = dict(zip(names, schema.types, strict=True))
    held = [name for name, kind in types.items() if _is_nested(kind) or _is_bytes(kind)]
    usual = [name for name in held if name.lower() in USUAL_PICTURES]
    if len(types) < len(names) or not (len(held) == 1 or len(usual) == 1):
        what = "no column" if not held else "several columns"
        raise InputError(
            f"{where}: {what} of pictures, as bytes or as structs of bytes and path; there are {labels.listed(names)}"
        )
    picture = (usual if len(usual) == 1 else held)[0]
    others = tuple(name for name in names if name not in held)
    classes = {c: one for c, one in _class_names(where, schema.metadata or {}).items() if c in others}
    label = labels.label_column(where, others, label_column, classes)
    if label is not None and arrow.types.is_nested(types.get(label)):
        raise InputError(f"{where}: column {one_line(label, 60)!r} is {one_line(types[label], 60)}: expected one class")
    paths = _is_nested(types[picture]) and any(one.name == "path" for one in types[picture])
    return Layout(picture, paths, label, classes.get(label or ""), others), about.num_rows


def _is_bytes(kind: Any) -> bool:
    types = _arrow().types
    return bool(types.is_binary(kind) or types.is_large_binary(kind))


def _is_nested(kind: Any) -> bool:
    return bool(_arrow().types.is_struct(kind)) and any(one.name == "bytes" and _is_bytes(one.type) for one in kind)


def _class_names(where: str, about: Mapping[bytes, bytes]) -> dict[str, tuple[str, ...]]:
    """Returns the names of the classes by column, from what the `datasets` library writes beside the schema."""
    with decoding(where, "a Parquet file of the datasets library"):
        written = json.loads(about.get(b"huggingface", b"{}"))
    found = {}
    for key in ("info", "features"):
        written = written.get(key) if isinstance(written, dict) else None
    for column, feature in written.items() if isinstance(written, dict) else ():
        names = feature.get("names") if isinstance(feature, dict) and feature.get("_type") == "ClassLabel" else None
        if isinstance(names, list) and names and all(isinstance(name, str) for name in names):
            found[column] = tuple(names)
    return found


def codes(where: str, parts: Mapping[str, Part]) -> tuple[dict[str, Indices], tuple[str, ...]]:
    """Returns the classes of all parts, -1 where a label is missing, and their names."""
    columns = {name: _labels(part) for name, part in parts.items()}
    classes = next(iter(parts.values())).layout.classes
    if not all(isinstance(column, np.ndarray) for column in columns.values()):
        text = {name: [labels.cell(where, one) for one in column] for name, column in columns.items()}
        return labels.coded(f"{where}: labels", text)
    everything = np.concatenate(list(columns.values()))
    high = np.inf if classes is None else len(classes) - 1
    bad = np.flatnonzero((everything < -1) | (everything > high))
    if len(bad):
        known = "" if classes is None else f" to {high}"
        raise InputError(f"{where}: label {everything[bad[0]]} at picture {bad[0]}: expected classes from 0{known}")
    return columns, labels.numbered(where, everything) if classes is None else classes


def _labels(part: Part) -> Any:
    """Returns the labels of a part: (N,) int64 with -1 for null, or if they are no integers, a list."""
    arrow, found = _arrow(), []
    for path, count in zip(part.shards, part.counts, strict=True):
        with decoding(path, "a Parquet file"):
            column = arrow.parquet.read_table(path, columns=[part.layout.label]).column(0)
            column.validate(full=True)
            whole = arrow.types.is_integer(column.type)
            found.append(column.cast(arrow.int64()).fill_null(-1).to_numpy() if whole else column.to_pylist())
        _check_count(path, len(found[-1]), count)
    if all(isinstance(one, np.ndarray) for one in found):
        return np.concatenate(found)
    return [value for one in found for value in (one.tolist() if isinstance(one, np.ndarray) else one)]


def _check_count(path: Path, there: int, declared: int) -> None:
    if there != declared:
        raise InputError(f"{one_line(path)}: is damaged: it declares {declared} rows and has {there}")


def rows(part: Part, column: str) -> Iterator[tuple[str, Any]]:
    """Yields what messages call each row, and what it holds in a column, read batch by batch."""
    arrow = _arrow()
    for path, count in zip(part.shards, part.counts, strict=True):
        with decoding(path, "a Parquet file"):
            file = arrow.parquet.ParquetFile(path, memory_map=True)
        with file:
            batches, done = file.iter_batches(BATCH, columns=[column]), 0
            while True:
                with decoding(path, "a Parquet file"):
                    batch = next(batches, None)
                    if batch is None:
                        break
                    batch.validate(full=True)
                    values = batch.column(0).to_pylist()
                yield from ((f"{one_line(path)}:{done + i}", value) for i, value in enumerate(values))
                done += len(values)
        _check_count(path, done, count)


def _arrow() -> Any:
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtra("reading Parquet", "parquet") from error
    return pyarrow
