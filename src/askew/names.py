"""What people call the items and the classes that arrays only count: ids, and names of classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from askew.arrays import Indices, is_whole, to_numpy
from askew.errors import InputError, one_line
from askew.pool import Pool, is_gap

GAPS = frozenset(("", "-1", "nan", "NaN", "NA", "N/A", "<NA>", "null", "NULL", "None")) | {
    write(word) for word in ("unlabeled", "unlabelled") for write in (str.lower, str.capitalize, str.upper)
}
"""Labels that mean unlabeled, unless a class is called so."""

EXACT = 1 << 53
"""Whole numbers up to this one are exact as floating-point numbers."""


def class_codes(where: str, cells: list[str], classes: Sequence[str] | None) -> tuple[Indices, tuple[str, ...] | None]:
    """Returns (N,) class numbers, -1 where a cell is a gap, and the names of the classes if cells are names.

    Args:
        where: how messages call the labels.
        cells: whole numbers, or names of classes.
        classes: the names in order; without them the names are sorted. Where they are whole numbers, so are labels: 3
            is the class called 3, wherever its column is.

    Raises:
        InputError: numbers and names mixed, a number that is not whole, or a label that is not in `classes`.

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
    called = class_numbers(classes)
    if numbers is not None and called is not None and set(numbers.values()) <= set(called):
        return _codes(cells, {cell: called.index(number) for cell, number in numbers.items()}), tuple(classes or ())
    if (
        numbers is not None
        and called is None
        and (classes is None or (strange is not None and max(numbers.values()) < len(classes)))
    ):
        return _codes(cells, numbers), None
    if classes is not None and strange is not None:
        raise InputError(
            f"{where}: {one_line(strange, 40)!r} at item {cells.index(strange)} is none of the {len(known)} classes: "
            f"{one_line(', '.join(classes or ()), 100)}"
        )
    names = tuple(classes) if classes is not None else tuple(sorted(filled))
    place = {name: code for code, name in enumerate(names)}
    return _codes(cells, {cell: place[cell] for cell in filled}), names


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


def class_numbers(classes: Iterable[Any] | None) -> list[int] | None:
    """Returns the whole numbers that classes are called by, in order; None if some are called otherwise.

    >>> class_numbers(["2", 1, 0.0]), class_numbers(["cat", "1"]), class_numbers(None)
    ([2, 1, 0], None, None)
    """
    numbers = [_whole(one) for one in classes or ()]
    found = [one for one in numbers if one is not None]
    return found if found and len(set(found)) == len(numbers) else None


def _whole(value: Any) -> int | None:
    if isinstance(value, str):
        value = float(value) if is_number(value) else None
    if is_whole(value):
        return int(value)
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) <= EXACT else None


def as_places(labels: Any, numbers: Sequence[int] | None, name: str = "labels") -> Any:
    """Returns labels that are numbers as places in the numbers of classes; names of classes as they are.

    `classes_` of a scikit-learn model that has not seen every class yet is such an array.

    Args:
        labels: (N,) of the numbers, -1 or a gap where unlabeled; or names.
        numbers: see `class_numbers`; None if classes have names or are not known.
        name: how messages call the labels.

    Raises:
        InputError: a label is none of the classes, or -1 is one.

    >>> as_places([3, None, 0], [0, 1, 3])
    array([ 2, -1,  0])
    """
    if labels is None or numbers is None or label_cells(labels) is not None:
        return labels
    known = Pool(labels).labels
    if -1 in numbers:
        raise InputError(
            f"{name}: -1 is unlabeled, and a class is called so: pass {name} and classes as text, '-1' and the others, "
            "None where unlabeled"
        )
    strange = np.flatnonzero((known >= 0) & ~np.isin(known, numbers))
    if len(strange):
        listed = one_line(", ".join(map(str, numbers)), 100)
        raise InputError(f"{name}: {known[strange[0]]} at item {strange[0]} is none of the classes: {listed}")
    place = {number: code for code, number in enumerate(numbers)}
    return np.fromiter((place.get(label, -1) for label in known.tolist()), np.int64, len(known))


def in_class_order(target: Any, classes: Sequence[str] | None, n_classes: int | None) -> Any:
    """Returns the shares of a target in the order of the classes; shares without names come back as they are.

    Args:
        target: a dict of class to share; a column of pandas, whose index holds the classes unless it only counts from
            0; or (C,) shares in order.
        classes: C names, in the order of the columns of P; without them classes are called 0 to C - 1.
        n_classes: C, where it is known.

    Raises:
        InputError: a name that is no class, or there twice, or a class without a share.

    >>> in_class_order({"dog": 0.25, "cat": 0.75}, ["cat", "dog"], 2)
    [0.75, 0.25]
    """
    keys = list(target) if isinstance(target, Mapping) else index_of(target)
    if keys is None or len(getattr(target, "shape", "N")) != 1:
        return target
    shares = list(target.values()) if isinstance(target, Mapping) else to_numpy(target).tolist()
    wanted = list(map(_called, range(n_classes or len(keys)) if classes is None else classes))
    given = list(map(_called, keys))
    if not isinstance(target, Mapping) and list(keys) == list(range(len(keys))):
        if given != wanted and set(given) == set(wanted):
            raise InputError("target: its index may be classes or their places: pass a dict of class to share")
        return shares
    listed = one_line(", ".join(wanted), 100)
    for one in given:
        if one not in wanted:
            hint = ", as no names of theirs are known" if classes is None else ""
            raise InputError(f"target: {one_line(one, 40)!r} is none of the classes, {listed}{hint}")
        if given.count(one) > 1:
            raise InputError(f"target: has {given.count(one)} shares of {one_line(one, 40)!r}")
    lacking = [one for one in wanted if one not in given]
    if lacking:
        raise InputError(f"target: has no share of {one_line(', '.join(lacking), 100)}: write 0 if none is wanted")
    return [shares[given.index(one)] for one in wanted]


def _called(name: Any) -> str:
    """Returns the name of a class as text, a whole number without its zeros."""
    number = _whole(name)
    return str(name).strip() if number is None else str(number)


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
    """Returns the names of the columns of P if they are names of classes, whole numbers too, unless they only count.

    Raises:
        InputError: two columns have one name.

    >>> named_columns(["cat", "dog"]), named_columns([2, 1]), named_columns(["0", "1"]), named_columns(["0.2", "0.8"])
    (('cat', 'dog'), ('2', '1'), None, None)
    """
    if not columns:
        return None
    twice = next((one for one, count in Counter(map(str, columns)).items() if count > 1), None)
    if twice is not None:
        raise InputError(f"probs: {list(map(str, columns)).count(twice)} columns are called {one_line(twice, 40)!r}")
    numbers = class_numbers(columns)
    if numbers is not None:
        return None if numbers == list(range(len(numbers))) else tuple(map(str, numbers))
    return tuple(columns) if all(isinstance(one, str) and not is_number(one) for one in columns) else None


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
        InputError: two arrays call one row differently, or have different numbers of rows.
    """
    first, ids = next(iter(found.items()))
    for name, other in found.items():
        if len(other) != len(ids):
            raise InputError(f"ids: there are {len(ids)} rows in {first}= and {len(other)} in {name}=")
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
