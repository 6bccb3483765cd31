"""What people call the items and the classes that arrays only count: ids, and names of classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from askew.arrays import Indices, is_whole, to_numpy
from askew.errors import InputError, one_line
from askew.pool import Pool, is_gap

GAPS = frozenset(("", "-1", "nan", "NaN", "NA", "N/A", "<NA>", "null", "NULL", "None"))
"""Labels that mean unlabeled, unless a class is called so."""

EXACT = 1 << 53
"""Whole numbers up to this one are exact as floating-point numbers."""


def class_codes(where: str, cells: list[str], classes: Sequence[str] | None) -> tuple[Indices, tuple[str, ...] | None]:
    """Returns (N,) class numbers, -1 where a cell is a gap, and the names of the classes if cells are names.

    Args:
        where: how messages call the labels.
        cells: whole numbers, or names of classes.
        classes: the names in order; without them the names are sorted.

    Raises:
        InputError: numbers and names mixed, a number that is not whole, a name that is not in `classes`, or cells that
            are other classes when read as names than when read as numbers.

    >>> class_codes("labels", ["dog", "", "cat"], None)
    (array([ 1, -1,  0]), ('cat', 'dog'))
    """
    known, distinct = set(classes or ()), dict.fromkeys(cells)
    filled = [cell for cell in distinct if cell not in GAPS or cell in known]
    strange = next((cell for cell in filled if cell not in known), None)
    word = next((cell for cell in filled if not is_number(cell)), None)
    digit = next((cell for cell in filled if is_number(cell)), None)
    if classes is None and word is not None and digit is not None:
        raise InputError(
            f"{where}: {one_line(word, 40)!r} at item {cells.index(word)} is a name, {digit!r} at item "
            f"{cells.index(digit)} a number: pass classes= with all names in order"
        )
    numbers = None if word is not None else _whole_numbers(where, cells, filled)
    if numbers is not None and (classes is None or (strange is not None and max(numbers.values()) < len(classes))):
        return _codes(cells, numbers), None
    if classes is not None and strange is not None:
        raise InputError(
            f"{where}: {one_line(strange, 40)!r} at item {cells.index(strange)} is none of the {len(known)} classes: "
            f"{one_line(', '.join(classes or ()), 100)}"
        )
    names = tuple(classes) if classes is not None else tuple(sorted(filled))
    place = {name: code for code, name in enumerate(names)}
    codes = {cell: place[cell] for cell in filled}
    if numbers is not None and max(numbers.values(), default=0) < len(names) and numbers != codes:
        raise InputError(
            f"{where}: the labels are numbers and so are the names of the classes, in another order: name the classes "
            "with words, or number the labels from 0"
        )
    return _codes(cells, codes), names


def _codes(cells: list[str], codes: Mapping[str, int]) -> Indices:
    """Returns the code of each cell, -1 for what has none."""
    return np.fromiter((codes.get(cell, -1) for cell in cells), np.int64, len(cells))


def label_cells(labels: Any) -> list[str] | None:
    """Returns the labels of items as text, "" for a gap, if one of them is a name; None if none is.

    >>> label_cells(["dog", None, float("nan")]), label_cells([1, None])
    (['dog', '', ''], None)
    """
    if isinstance(labels, np.ma.MaskedArray):
        return None
    try:
        array = to_numpy(labels)
    except (TypeError, ValueError):
        return None
    if array.ndim != 1 or array.dtype.kind not in "USOT":
        return None
    values = array.tolist()
    if not any(isinstance(value, str) for value in values):
        return None
    return ["" if is_gap(value) else str(value).strip() for value in values]


def as_places(labels: Any, classes: Any) -> Any:
    """Returns labels that are numbers as places in `classes`, where those are numbers too; others as they are.

    `classes_` of a scikit-learn model that has not seen every class yet is such an array.

    Raises:
        InputError: a label is none of the classes.

    >>> as_places([3, None, 0], np.array([0, 1, 3]))
    array([ 2, -1,  0])
    """
    values = to_numpy(classes).tolist()
    whole = all(is_whole(one) or (isinstance(one, float) and one.is_integer()) for one in values)
    if labels is None or not values or not whole or label_cells(labels) is not None:
        return labels
    known = Pool(labels).labels
    place = {int(value): code for code, value in enumerate(values)}
    strange = np.flatnonzero((known >= 0) & ~np.isin(known, list(place)))
    if len(strange):
        listed = one_line(", ".join(map(str, place)), 100)
        raise InputError(f"labels: {known[strange[0]]} at item {strange[0]} is none of the classes: {listed}")
    return np.fromiter((place.get(label, -1) for label in known.tolist()), np.int64, len(known))


def checked_classes(classes: Iterable[Any], columns: Sequence[str] | None, n_classes: int | None) -> tuple[str, ...]:
    """Returns the names of the classes, in the order of the columns of P.

    Args:
        classes: the names.
        columns: what a table of P calls its columns, if it does.
        n_classes: C, where it is known.

    Raises:
        InputError: a name is empty or there twice, there are not C, or the table has them in another order.
    """
    names = tuple(str(one).strip() for one in classes)
    if len(set(names)) < len(names) or "" in names:
        raise InputError("classes: expected distinct names, none of them empty")
    if n_classes is not None and len(names) != n_classes:
        raise InputError(f"classes: {len(names)} names for {n_classes} classes")
    if columns is not None and set(columns) == set(names) and tuple(columns) != names:
        raise InputError(
            f"classes: are in another order than the columns of probs=: {one_line(', '.join(columns), 100)}"
        )
    return names


def named_columns(columns: Sequence[Any] | None) -> tuple[str, ...] | None:
    """Returns the names of the columns of P if they are names of classes, not numbers.

    >>> named_columns(["cat", "dog"]), named_columns(["0", "1"]), named_columns([0, 1])
    (('cat', 'dog'), None, None)
    """
    if not columns or not all(isinstance(one, str) and not is_number(one) for one in columns):
        return None
    return tuple(columns)


def check_ids(ids: Sequence[Hashable], n_items: int) -> None:
    """Refuses ids that do not tell the items apart.

    Raises:
        InputError: another number than items, an empty or doubled one, or one of several lines.
    """
    if len(ids) != n_items:
        raise InputError(f"ids: there are {len(ids)}, the other arrays have {n_items} items")
    if _plainly_distinct(ids):
        return
    for item, one in enumerate(ids):
        if one == "" or is_gap(one):
            raise InputError(f"ids: is empty at item {item}")
        if isinstance(one, str) and ("\n" in one or "\r" in one):
            raise InputError(f"ids: has several lines at item {item}")
    twice = next(((one, count) for one, count in Counter(ids).items() if count > 1), None)
    if twice:
        places = [i for i, one in enumerate(ids) if one == twice[0]]
        shown = one_line(twice[0], 60) if isinstance(twice[0], str) else twice[0]
        raise InputError(f"ids: {shown!r} is the id of items {places[0]} and {places[1]}")


def _plainly_distinct(ids: Sequence[Hashable]) -> bool:
    """Tells in a glance whether ids are distinct texts of one line, none of them empty."""
    distinct = set(ids)
    if len(distinct) < len(ids) or "" in distinct or set(map(type, ids)) != {str}:
        return False
    joined = "".join(map(str, ids))
    return "\n" not in joined and "\r" not in joined


def agreed(found: Mapping[str, Sequence[Hashable]], way_out: str = "") -> Sequence[Hashable]:
    """Returns the ids of all items that several arrays bring, which must be the same ones.

    Args:
        found: the name of an array to its N ids; at least one.
        way_out: what the message ends with.

    Raises:
        InputError: two arrays call one row differently.
    """
    first, ids = next(iter(found.items()))
    for name, other in found.items():
        differs = next((i for i, (a, b) in enumerate(zip(ids, other, strict=False)) if a != b), None)
        if differs is not None:
            raise InputError(
                f"ids: item {differs} is {ids[differs]!r} in {first}= and {other[differs]!r} in {name}=: the rows are "
                f"in another order{way_out}"
            )
    return ids


def index_of(value: Any) -> Sequence[Hashable] | None:
    """Returns the index of a table or column of pandas or of a library like it; None if there is none."""
    index: Any = getattr(value, "index", None)
    return list(index.tolist()) if hasattr(value, "iloc") and hasattr(index, "tolist") else None


def ids_of(arrays: Mapping[str, Any]) -> Sequence[Hashable] | None:
    """Returns the ids of all items that the indexes of arrays bring; None if they bring none.

    The index 0, 1, 2, … that pandas makes by itself is no id. Beside another index of numbers it is refused all the
    same: such tables were cut or sorted, and their rows may be other items.

    Raises:
        InputError: two indexes differ.
    """
    found = {name: index for name, value in arrays.items() if (index := index_of(value)) is not None}
    named = {name: index for name, index in found.items() if list(index) != list(range(len(index)))}
    if not named:
        return None
    whole = any(isinstance(one, int) for index in named.values() for one in index[:1])
    agreed(found if whole else named, "; if they are not, leave the index out, as .to_numpy() does")
    return next(iter(named.values()))


def is_number(cell: str) -> bool:
    """Tells whether a cell is a number, `nan` and `inf` included."""
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _whole_numbers(where: str, cells: list[str], filled: list[str]) -> dict[str, int]:
    """Returns the number that each of the cells that are filled says."""
    values = np.array([float(cell) for cell in filled])
    with np.errstate(invalid="ignore"):
        bad = np.flatnonzero(~(np.abs(values) <= EXACT) | (values != np.floor(values)))
    if len(bad):
        cell = filled[bad[0]]
        raise InputError(f"{where}: {one_line(cell, 40)} at item {cells.index(cell)} is not a whole number up to 2^53")
    return dict(zip(filled, values.astype(np.int64).tolist(), strict=True))
