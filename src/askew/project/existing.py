"""Labels that exist already: those of class folders, and of a table of file names and classes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from askew.data import labels as told_labels
from askew.data.cells import unguarded
from askew.data.columns import Words, is_index, read_words
from askew.data.folder import UNLABELED
from askew.data.split import TEST, TRAIN
from askew.errors import InputError, one_line, unknown
from askew.names import GAPS
from askew.project import items, labels
from askew.project.labels import Answer
from askew.project.store import Store, checked_classes, class_names

FILE_NAMES = ("file_name", "filename", "file", "path", "image", "picture", "name")
"""What the column of file names may be called, in any case."""

MOST_CLASSES = 1_000
"""More classes than this are not taken from folders or a table: they have to be named."""


@dataclass(frozen=True)
class Told:
    """What is said of pictures.

    Attributes:
        where: who says it: "folders", or the table's name.
        cells: the class of each picture, by the path of its file.
        strangers: what names no picture of the project.
    """

    where: str
    cells: Mapping[str, str]
    strangers: tuple[str, ...] = ()

    def classes(self) -> tuple[str, ...]:
        """Returns the names of the classes, sorted.

        Raises:
            InputError: a name that no class can have, or more than `MOST_CLASSES`.
        """
        found = sorted(set(self.cells.values()))
        if len(found) > MOST_CLASSES:
            raise InputError(f"{self.where}: has {len(found):,} classes, first {found[0]!r:.60}: name them: --classes")
        return checked_classes(found)


@dataclass(frozen=True)
class Taken:
    """What became of labels that existed.

    Attributes:
        n: how many pictures have a label by them now.
        unlike: files of pictures that are said to be of several classes: they got no label.
        strangers: what names no picture of the project.
    """

    n: int
    unlike: tuple[str, ...]
    strangers: tuple[str, ...]


def of_folders(folders: Iterable[Path], paths: Iterable[str]) -> Told:
    """Returns the class of each file that lies in a folder CLASS below one of the folders.

    A file directly in one, or in a folder `unlabeled`, has none.

    Raises:
        InputError: there are folders of a training and a test part.
    """
    above = [os.path.abspath(folder).rstrip(os.sep) + os.sep for folder in folders]
    cells: dict[str, str] = {}
    for path in paths:
        inside = next((path.removeprefix(one) for one in above if path.startswith(one)), "")
        name, _, rest = inside.partition(os.sep)
        if rest and name.lower() not in UNLABELED:
            cells[path] = name.strip()
    parts = {name.lower() for name in cells.values()}
    if parts & set(TRAIN) and parts & set(TEST):
        raise InputError(
            f"images: there are folders of a training and a test part, {', '.join(sorted(parts)[:3])}: pass each of "
            "them, as in --images photos/train --images photos/test"
        )
    return Told("folders", cells)


def of_table(table: Path, folders: Sequence[Path], paths: Iterable[str]) -> Told:
    """Returns the class of each file that a table names: a .csv or .parquet with a column of files and one of labels.

    A file is named by its path, whole, or from one of the folders, or from the table's own; or by its name alone, if
    no other file has it. Rows without a label are passed over.

    Raises:
        DataNotFound: there is no such table.
        InputError: it cannot be read, lacks a column, or names one file twice with two classes.
    """
    words = read_words("labels", table)
    files, cells = _columns(words)
    finder = _Finder([*folders, table.parent], paths)
    found: dict[str, str] = {}
    strangers: list[str] = []
    for row, (name, cell) in enumerate(zip(files, cells, strict=True), start=2):
        label = unguarded(cell).strip()
        if not name or label in GAPS:
            continue
        path = finder.find(unguarded(name))
        if path is None:
            strangers.append(name)
        elif found.setdefault(path, label) != label:
            raise InputError(
                f"{words.where}: row {row}: {one_line(name, 100)} is {one_line(label, 40)!r} here, "
                f"{one_line(found[path], 40)!r} above: keep one"
            )
    return Told(one_line(table.name, 100), found, tuple(strangers))


def take(store: Store, told: Told) -> Taken:
    """Adds the labels to the store; what was taken before is not taken again, so that it may be corrected since.

    Raises:
        InputError: a class that the project does not have; nothing is added then.
    """
    known = class_names(store)
    where = items.places(store)
    by_item: dict[int, dict[str, str]] = {}
    for path, name in told.cells.items():
        if name not in known:
            raise _stranger(told, name, known)
        if path in where:
            by_item.setdefault(where[path], {})[name] = path
    answers = [
        Answer(item, "class", name, who=told.where, how="import", key=_key(told.where, item, name))
        for item, names in by_item.items()
        if len(names) == 1
        for name in names
    ]
    unlike = tuple(path for names in by_item.values() if len(names) > 1 for path in names.values())
    labels.record(store, answers)
    return Taken(len(answers), unlike, told.strangers)


def _stranger(told: Told, name: str, known: Sequence[str]) -> InputError:
    error = unknown("class", name, known)
    return InputError(f"{told.where}: {error}")


def _key(where: str, item: int, name: str) -> str:
    return f"import {hashlib.sha256(f'{where} {item} {name}'.encode()).hexdigest()}"


def _columns(words: Words) -> tuple[list[str], list[str]]:
    """Returns the column of files and that of labels."""
    names, first = (words.row(0), 1) if words.names is None else (words.names, 0)
    called = [name.strip().lower() for name in names]
    wanted = next((name for name in FILE_NAMES if name in called), None)
    if wanted is None:
        raise InputError(
            f"{words.where}: its first row has {told_labels.listed(names)}: expected a column called file, path or "
            "file_name, and one called label"
        )
    others = [name for name, lower in zip(names, called, strict=True) if lower != wanted and not is_index(name)]
    label = told_labels.label_column(words.where, others, None)
    if label is None:
        raise InputError(f"{words.where}: has {told_labels.listed(names)}: expected a column called label")
    if words.n_filled == first:
        raise InputError(f"{words.where}: has no rows")
    files, cells = words.columns[called.index(wanted)], words.columns[list(names).index(label)]
    return files[first : words.n_filled], cells[first : words.n_filled]


class _Finder:
    """Finds the file of the project that a cell of a table means."""

    def __init__(self, folders: Sequence[Path], paths: Iterable[str]) -> None:
        self._folders = [os.path.abspath(folder) for folder in folders]
        self._paths = set(paths)
        self._by_name: dict[str, str | None] = {}
        for path in self._paths:
            name = os.path.basename(path)
            self._by_name[name] = None if name in self._by_name else path

    def find(self, cell: str) -> str | None:
        """Returns the path; None if no file, or no single one, is meant. Nothing is looked up on the disk."""
        name = cell.replace("\\", "/")
        for folder in self._folders:
            path = os.path.normpath(os.path.join(folder, name))
            if path in self._paths:
                return path
        return self._by_name.get(name)
