"""Columns of words for the command line: what files hold of ids and labels, as text."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from askew.data.npy import open_npy, open_npz
from askew.data.reading import check_memory, decoding, plain_file, read_text
from askew.errors import InputError, MissingExtra, one_line, unknown
from askew.names import GAPS, is_number

WORD_READERS = (".csv", ".npy", ".npz", ".parquet", ".txt")

USUAL = ("label", "labels", "class")
"""The column of a table of several that holds the labels, if none is named."""

_INDEX = re.compile(r"|Unnamed: \d+(\.\d+)?|__index_level_\d+__")


@dataclass(frozen=True)
class Words:
    """A table as text.

    Attributes:
        where: how messages call it.
        names: of its columns; None if the first row may hold them.
        rows: its cells, without the space around them; an empty list is a blank line.
    """

    where: str
    names: list[str] | None
    rows: list[list[str]]


def is_index(name: str) -> bool:
    """Tells whether pandas calls the column of an index without a name so.

    >>> is_index(""), is_index("Unnamed: 0"), is_index("file")
    (True, True, False)
    """
    return _INDEX.fullmatch(name) is not None


def place_of(where: str, names: Sequence[str], wanted: str | None) -> int | None:
    """Returns the place of a column; "index" is also pandas' index, whose column has no name.

    Raises:
        InputError: several columns have that name.
    """
    if wanted is None:
        return None
    if names.count(wanted) > 1:
        raise InputError(f"{where}: has {names.count(wanted)} columns called {one_line(wanted, 60)!r}")
    if wanted in names:
        return names.index(wanted)
    return next((i for i, name in enumerate(names) if is_index(name)), None) if wanted == "index" else None


def read_words(name: str, path: Path) -> Words:
    """Returns a .csv, .parquet, .txt (a row a line), .npy or .npz file as text.

    Raises:
        DataNotFound: no such file.
        InputError: another format, a file that is empty or damaged, or rows of several lengths.
        MissingExtra: a Parquet file, and pyarrow is not installed.
    """
    where, suffix = f"{name}: {one_line(path)}", path.suffix.lower()
    if suffix not in WORD_READERS:
        raise unknown("format", path.suffix or path.name, WORD_READERS)
    if plain_file(path, where).st_size == 0:
        raise InputError(f"{where} is empty (0 bytes)")
    if suffix == ".parquet":
        return _parquet_words(where, path)
    if suffix in (".npy", ".npz"):
        return _array_words(where, path, name)
    text = read_text(path, where).replace("\r\n", "\n").replace("\r", "\n")
    if suffix == ".txt":
        return Words(
            where, [name], [[line.strip()] if line.strip() else [] for line in text.removesuffix("\n").split("\n")]
        )
    with decoding(where, "a table"):
        rows = [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(text, newline=""), strict=True)]
    if not any(rows):
        raise InputError(f"{where} has no rows")
    widths = {len(row) for row in rows} - {0}
    if max(widths, default=1) > 1:
        while rows[-1] == []:
            rows.pop()
        first = next((i for i, row in enumerate(rows) if len(row) != len(rows[0])), None)
        if first is not None:
            raise InputError(
                f"{where}: row {first + 1} has {len(rows[first])} cells, the first has {len(rows[0])}: one line must "
                "be one row"
            )
    rows[0] = [cell.removeprefix("#").strip() if i == 0 else cell for i, cell in enumerate(rows[0])]
    return Words(where, None, rows)


def column(
    words: Words,
    wanted: str | None,
    *,
    n_items: int | None,
    ids: str | None = None,
    usual: Sequence[str] = (),
    is_row: Callable[[list[str]], bool] | None = None,
) -> tuple[list[str], list[str] | None]:
    """Returns the cells of one column, and those of the column of ids if the table has it.

    Whether the first row of a .csv or .txt holds names is settled, in this order, by a column that is asked for by
    name, by pandas' nameless index, by the number of items, and by `is_row`.

    Args:
        words: the table.
        wanted: the name of the column; without it, the one that is neither pandas' index nor the ids, or is in `usual`.
        n_items: how many rows there must be; None if nothing else tells.
        ids: the name of the column of ids.
        usual: names to look for in a table of several columns.
        is_row: takes the cells of a single column and tells whether the first one is a row.

    Raises:
        InputError: no such column, several candidates, or another number of rows.
    """
    names, rows = (words.names, words.rows) if words.names is not None else _headed(words, wanted, ids, usual, n_items)
    if names is None and len(max(rows, key=len, default=[])) <= 1:
        cells = [row[0] if row else "" for row in rows]
        if n_items is None and is_row is not None and not is_row(cells):
            cells = cells[1:]
        return cells, None
    if names is None:
        listed = one_line(", ".join(rows[0]), 100)
        raise InputError(f"{words.where}: line 1 is {listed}: name the column to read, as in FILE:COLUMN")
    rows = _as_many(words.where, rows, n_items)
    at_ids = place_of(words.where, names, ids)
    at = _chosen(words.where, names, wanted, at_ids, usual)
    if is_index(names[0]) and 0 not in (at, at_ids):
        _check_index(words.where, [row[0] for row in rows])
    return (
        [row[at] if row else "" for row in rows],
        None if at_ids is None else [row[at_ids] if row else "" for row in rows],
    )


def begins_with_label(classes: Sequence[str] | None, where: str) -> Callable[[list[str]], bool]:
    """Returns the test whether the first of the cells of a file of labels is a label, not the name of the column."""

    def is_row(cells: list[str]) -> bool:
        first, rest = cells[0], [cell for cell in cells[1:] if cell not in GAPS]
        if first in (classes or ()) or first in GAPS or is_number(first):
            return True
        if classes or first.lower() in USUAL or (rest and all(map(is_number, rest))):
            return False
        raise InputError(
            f"{where}: line 1, {one_line(first, 40)!r}, may be a class or the name of the column: pass --classes"
        )

    return is_row


def _headed(
    words: Words, wanted: str | None, ids: str | None, usual: Sequence[str], n_items: int | None
) -> tuple[list[str] | None, list[list[str]]]:
    """Returns the names of the columns, or None, and the rows; of a single column, as many as there are items."""
    first, rows = words.rows[0], list(words.rows)
    single = max(map(len, rows)) <= 1
    asked = [one for one in (wanted, ids, *(() if single else usual)) if one is not None]
    if any(place_of(words.where, first, one) is not None for one in asked) or (not single and is_index(first[0])):
        names: list[str] | None = first
        rows = rows[1:]
    elif not single:
        return (first, rows[1:]) if n_items is not None and len(rows) == n_items + 1 else (None, rows)
    else:
        names = None
        filled = max(i for i, row in enumerate(rows) if row) + 1 if any(rows) else 0
        if n_items is not None and filled == n_items + 1:
            rows = rows[1:]
        elif filled < len(rows):
            raise InputError(
                f"{words.where}: the last line is blank: take it out, or write -1 if it is an unlabeled item"
            )
    return names, _as_many(words.where, rows, n_items)


def _as_many(where: str, rows: list[list[str]], n_items: int | None) -> list[list[str]]:
    """Returns as many rows as there are items; blank lines beyond them are left out."""
    while n_items is not None and len(rows) > n_items and rows[-1] == []:
        rows = rows[:-1]
    if n_items is not None and len(rows) != n_items:
        raise InputError(f"{where} has {len(rows)} rows, the other arrays have {n_items} items")
    if n_items is None and rows and rows[-1] == []:
        raise InputError(f"{where}: the last line is blank: take it out, or write -1 if it is an unlabeled item")
    return rows


def _check_index(where: str, cells: list[str]) -> None:
    if cells != [str(i) for i in range(len(cells))]:
        raise InputError(
            f"{where}: the first column has no name, as pandas' index, and does not count the rows from 0: pass "
            "--ids index to carry it through as the ids of the items, or write the file with index=False"
        )


def _chosen(where: str, names: list[str], wanted: str | None, at_ids: int | None, usual: Sequence[str]) -> int:
    found = place_of(where, names, wanted)
    listed = one_line(", ".join(name or "(no name)" for name in names), 200)
    if found is not None:
        return found
    if wanted is not None:
        raise InputError(f"{where} has no column {one_line(wanted, 60)!r}; it has {listed}")
    left = [i for i, name in enumerate(names) if i != at_ids and not is_index(name)]
    named = [i for i in left if names[i].lower() in usual]
    if len(left) == 1 or len(named) == 1:
        return (named or left)[0]
    raise InputError(f"{where} has the columns {listed}: name one of them, as in FILE:COLUMN")


def _array_words(where: str, path: Path, name: str) -> Words:
    if path.suffix.lower() == ".npy":
        array = open_npy(path, where)
    else:
        with open_npz(path, where) as arrays:
            key = next(iter(arrays)) if len(arrays) == 1 else name
            if key not in arrays:
                raise InputError(f"{where} holds {arrays.names()}, none called {name!r}")
            array = arrays[key]
    if array.ndim != 1:
        raise InputError(f"{where}: expected shape (N,), got {array.shape}")
    text = [str(value, "utf-8", "replace") if isinstance(value, bytes) else str(value) for value in array.tolist()]
    return Words(where, [name], [[value] for value in text])


def _parquet_words(where: str, path: Path) -> Words:
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtra("reading Parquet", "parquet") from error
    with decoding(where, "a Parquet file"):
        about = pyarrow.parquet.read_metadata(path)
        check_memory(where, (about.num_rows, about.num_columns), 8)
        table = pyarrow.parquet.read_table(path, memory_map=True)
        table.validate(full=True)
        names = [str(name) for name in table.schema.names]
        columns = [
            ["" if value is None else str(value).strip() for value in part.to_pylist()] for part in table.columns
        ]
    if table.num_rows == 0 or table.num_columns == 0:
        raise InputError(f"{where} has no rows")
    return Words(where, names, [list(row) for row in zip(*columns, strict=True)])
