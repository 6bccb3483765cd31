"""The tables beside the pictures of a Hugging Face `imagefolder`, which say the class of each picture."""

from __future__ import annotations

import itertools
import json
import os
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from askew.data import labels
from askew.data.columns import read_words
from askew.data.reading import decoding, plain_file, read_text, reading
from askew.data.split import TEST, TRAIN
from askew.errors import DataNotFound, InputError, one_line

FILES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
"""What the tables are called. One may lie in each folder; it speaks of the pictures in that folder and below it."""

SPLITS = (*TRAIN, *TEST)

FILE_NAME = "file_name"
"""The column with a picture's path, relative to the folder of the table."""


@dataclass(frozen=True)
class Told:
    """What the tables of a folder say.

    Attributes:
        where: the tables, for messages.
        cells: the label of each picture that a row names, as text; "" if it has none.
        labelled: whether any table has a column of labels.
        columns: what the tables call their columns, but for that of the file names.
    """

    where: str
    cells: dict[Path, str]
    labelled: bool
    columns: tuple[str, ...]


def tables(folder: Path) -> list[Path]:
    """Returns the tables in a folder and below it, sorted; hidden folders are passed over.

    The folder of a split, such as `train`, may have its table beside it.
    """
    found: list[Path] = []
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        found += [Path(parent, file) for file in files if file in FILES]
    if not found and folder.name.lower() in SPLITS:
        found = [folder.parent / file for file in FILES if (folder.parent / file).is_file()]
    return sorted(found)


def read(folder: Path, pictures: Sequence[Path], label_column: str | None, *, skip_absent: bool = False) -> Told | None:
    """Returns what the tables of a folder say of its pictures; None if it has no table.

    The column of labels is the one that is asked for, or the one called `label`, `labels` or `class`. Labels are whole
    numbers or words; an empty one, null, NaN or -1 is none. A table without labels and without `file_name` is passed
    over: it is about something else.

    Args:
        folder: the folder of pictures.
        pictures: those below it.
        label_column: the name of the column of labels; "" for none.
        skip_absent: let rows name pictures that are not there.

    Raises:
        DataNotFound: a picture that a row names is not there.
        InputError: two tables in one folder, a damaged one, one without file names, a path that leads out of the
            folder, a picture that is named twice, no column called `label_column`, or
            without it one whose name is like that of labels.
        MissingExtra: a Parquet table, and pyarrow is not installed.
    """
    found = tables(folder)
    if not found:
        if not label_column:
            return None
        raise InputError(
            f"label_column: {one_line(folder)} has no {FILES[0]} whose column {label_column!r} could be read"
        )
    there = {_normal(path): path for path in pictures}
    told = Told(_named(found), {}, False, ())
    for table in found:
        told = _with_table(told, table, there, label_column)
    told = replace(told, cells={path: cell for path, cell in told.cells.items() if path.is_relative_to(folder)})
    absent = [] if skip_absent else [path for path in told.cells if _normal(path) not in there and not _is_file(path)]
    if absent:
        raise DataNotFound(
            f"{told.where}: {len(absent)} of {len(told.cells)} pictures are not there, first "
            f"{one_line(absent[0], 200)}: put them there, take their rows out, or pass "
            "--skip-unreadable (in Python: skip_unreadable=True)"
        )
    return told


def _is_file(path: Path) -> bool:
    with reading(path):
        return path.is_file()


def _named(found: list[Path]) -> str:
    twice = next((folder for folder, count in Counter(one.parent for one in found).items() if count > 1), None)
    if twice is not None:
        beside = " and ".join(one.name for one in found if one.parent == twice)
        raise InputError(f"{one_line(twice)}: {beside} lie beside each other: keep one")
    return one_line(found[0]) + (f" and {len(found) - 1} more" if len(found) > 1 else "")


def _with_table(told: Told, table: Path, there: dict[str, Path], label_column: str | None) -> Told:
    """Returns what is told with one table more."""
    where = one_line(table)
    names, rows = _rows(table)
    others = [name for name in names if name != FILE_NAME]
    if FILE_NAME not in names and label_column is None and not labels.usual(others):
        return told
    column = labels.label_column(where, others, label_column)
    if names.count(FILE_NAME) != 1:
        if column is None and FILE_NAME not in names:
            return told
        raise InputError(f"{where}: expected one column called {FILE_NAME!r}; it has {labels.listed(names)}")
    cells = dict(told.cells)
    for line, row in rows:
        path = _place(f"{where}: {line}", table.parent, row.get(FILE_NAME))
        path = there.get(_normal(path), path)
        if path in cells:
            raise InputError(f"{where}: {line}: {one_line(row[FILE_NAME], 100)} is named a second time: keep one row")
        cells[path] = labels.cell(f"{where}: {line}", None if column is None else row.get(column))
    columns = tuple(dict.fromkeys((*told.columns, *others)))
    return Told(told.where, cells, told.labelled or column is not None, columns)


def _normal(path: Path) -> str:
    """Returns a path as text in which letters with marks are written in one way, as no two systems write them."""
    return unicodedata.normalize("NFC", str(path))


def _place(where: str, folder: Path, name: object) -> Path:
    """Returns the path of a picture, which lies in the folder of the table or below it."""
    if not isinstance(name, str) or not name.strip():
        raise InputError(f"{where}: names no file: got {one_line(name, 60) or 'an empty cell'}")
    inside = PurePosixPath(name.strip())
    if inside.is_absolute() or ".." in inside.parts or not inside.parts or "\0" in name:
        raise InputError(
            f"{where}: {one_line(name, 100)!r} leads out of the folder: expected a path relative to the folder of "
            "the table, without .."
        )
    return folder / inside


def _rows(table: Path) -> tuple[list[str], Iterator[tuple[str, dict[str, Any]]]]:
    """Returns the names of the columns, and the rows, each with what messages call it."""
    if table.suffix == ".jsonl":
        records = list(_lines(table))
        return list(dict.fromkeys(name for _, record in records for name in record)), iter(records)
    plain_file(table)
    words = read_words("metadata", table)
    names, first = (words.row(0), 1) if words.names is None else (words.names, 0)
    if words.n_rows == first:
        raise InputError(f"{one_line(table)}: has no rows")
    rows = itertools.islice(zip(*words.columns, strict=True), first, None)
    named = (
        (f"row {i}", dict(zip(names, row, strict=True))) for i, row in enumerate(rows, start=first + 1) if any(row)
    )
    return names, named


def _lines(table: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    where = one_line(table)
    for number, line in enumerate(read_text(table).split("\n"), start=1):
        if not line.strip():
            continue
        with decoding(f"{where}: line {number}", "JSON"):
            record = json.loads(line)
        if not isinstance(record, dict):
            raise InputError(f'{where}: line {number}: expected an object such as {{"file_name": "a.jpg"}}')
        yield f"line {number}", record
