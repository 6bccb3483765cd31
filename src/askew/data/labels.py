"""Labels of pictures as tables hold them: which column, what a cell says, and the classes of all of them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from askew.arrays import Indices
from askew.data.columns import USUAL
from askew.errors import InputError, one_line
from askew.names import class_codes

MOST_CLASSES = 100_000
"""Labels that are larger than this are taken for a mistake, unless that many classes have names."""


ALIKE = re.compile(r"label|class|target|categor|^(y|species|truth|ground_truth)$")
"""What the name of a column has in it that may well hold labels and is not called as usual."""


def usual(names: Sequence[str]) -> list[str]:
    """Returns the columns that are called as labels usually are: label, labels or class."""
    return [name for name in names if name.lower() in USUAL]


def label_column(where: str, names: Sequence[str], asked: str | None, typed: Collection[str] = ()) -> str | None:
    """Returns the column of labels: the one that is asked for, else the only one called label, labels or class.

    Args:
        where: the table, for messages.
        names: its columns.
        asked: the column that was asked for; "" for none of them.
        typed: columns that are classes by their type; one alone is it where none is called as usual.

    Raises:
        InputError: no column, or several, are called as asked; or none was asked for, and it is not plain which of the
            columns holds labels.

    >>> label_column("a.csv", ["width", "Label"], None), label_column("a.csv", ["width", "target"], "")
    ('Label', None)
    """
    if asked == "":
        return None
    if asked is not None:
        if names.count(asked) != 1:
            count = "no column" if asked not in names else f"{names.count(asked)} columns"
            raise InputError(
                f"label_column: {where} has {count} called {one_line(asked, 60)!r}; it has {listed(names)}"
            )
        return asked
    found = usual(names)
    if len(found) != 1:
        found = list(typed) if len(typed) == 1 and not found else found
    if len(found) == 1:
        return found[0]
    alike = [name for name in names if ALIKE.search(name.lower()) or name in typed]
    if alike:
        called = "several columns are" if found else "no column is"
        which = f"there is {alike[0]!r}" if len(alike) == 1 else f"there are {one_line(', '.join(alike), 100)}"
        raise InputError(
            f"{where}: {called} called label, labels or class; {one_line(which, 120)}: pass "
            f"label_column={one_line(alike[0], 60)!r} if it holds the classes, label_column='' if no column does"
        )
    return None


def listed(names: Sequence[str]) -> str:
    """Returns names of columns for a message."""
    return one_line(", ".join(names) or "nothing else", 200)


def cell(where: str, value: Any) -> str:
    """Returns a label as text, "" for none.

    Raises:
        InputError: it is a list or another thing that is not one class.

    >>> cell("line 2", " cat "), cell("line 3", 1), cell("line 4", None)
    ('cat', '1', '')
    """
    if value is None:
        return ""
    if isinstance(value, str | bool | int | float):
        return str(value).strip()
    raise InputError(f"{where}: expected one class a picture, got {one_line(value, 60)}")


def coded(where: str, cells: Mapping[str, list[str]]) -> tuple[dict[str, Indices], tuple[str, ...]]:
    """Returns the classes of several parts, numbered together, -1 for a gap, and the names of the classes.

    Words become classes in alphabetical order. Numbers stay as they are, and the classes are called by them.

    Args:
        where: how messages call the labels.
        cells: labels as text, by part.

    Raises:
        InputError: numbers and words mixed, or numbers that are no classes.

    >>> coded("metadata.csv", {"train": ["dog", ""], "test": ["cat"]})
    ({'train': array([ 1, -1]), 'test': array([0])}, ('cat', 'dog'))
    """
    codes, names = class_codes(where, [one for part in cells.values() for one in part], None)
    low = int(codes.min()) if len(codes) else 0
    if low < -1:
        raise InputError(f"{where}: {low}: expected classes from 0; -1 is unlabeled")
    ends = np.cumsum([len(part) for part in cells.values()])[:-1]
    parts = dict(zip(cells, np.split(codes, ends), strict=True))
    return parts, numbered(where, codes) if names is None else names


def numbered(where: str, codes: Indices) -> tuple[str, ...]:
    """Returns the names of classes that have none: their numbers from 0 to the highest.

    Raises:
        InputError: there would be more than `MOST_CLASSES`.
    """
    high = int(codes.max()) if len(codes) else -1
    if high >= MOST_CLASSES:
        raise InputError(
            f"{where}: {high} at picture {codes.argmax()} would mean {high + 1:,} classes: number them from 0, or give "
            "them names"
        )
    return tuple(map(str, range(high + 1)))
