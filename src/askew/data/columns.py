"""Columns of words for the command line: what files hold of ids and labels, as text."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from askew.data.npy import open_npy, open_npz
from askew.data.reading import check_memory, decoding, plain_file, read_text
from askew.errors import InputError, MissingExtra, one_line, unknown
from askew.names import GAPS, is_number

WORD_READERS = (".csv", ".npy", ".npz", ".parquet", ".txt")

USUAL = ("label", "labels", "class")
"""The column of a table of several that holds the labels, if none is named."""

LAST_IS_BLANK = "the last line is blank: take it out, or write -1 if it is an unlabeled item"

_INDEX = re.compile(r"|Unnamed: \d+(\.\d+)?|__index_level_\d+__")


_DECIMAL = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")


@dataclass(frozen=True)
class Words:
    """A table as text.

    Attributes:
        where: how messages call it.
        names: of its columns; None if the first row may hold them.
        columns: their cells, without the space around them; "" on a blank line.
        n_filled: how many rows there are up to the last one that is no blank line.
    """

    where: str
    names: list[str] | None
    columns: list[list[str]]
    n_filled: int

    @property
    def n_rows(self) -> int:
        """How many rows there are."""
        return len(self.columns[0])

    def row(self, number: int) -> list[str]:
        """Returns the cells of one row."""
        return [column[number] for column in self.columns]

    def part(self, start: int, stop: int) -> Words:
        """Returns the rows from `start` to before `stop`."""
        kept = [column[start:stop] for column in self.columns]
        return replace(self, columns=kept, n_filled=min(self.n_filled, stop) - start)


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

    A .csv may have semicolons or tabs between its cells in place of commas.

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
    text = with_plain_line_ends(read_text(path, where))
    if suffix == ".txt":
        return _lines_as_words(where, [name], text)
    between = separator(text[: text.find("\n")] if "\n" in text else text)
    if '"' not in text and between not in text:
        found = _lines_as_words(where, None, text)
    else:
        found = _plain_cells(where, text, between) or _any_cells(where, text, between)
    if found.n_filled == 0:
        raise InputError(f"{where} has no rows")
    found.columns[0][0] = found.columns[0][0].removeprefix("#").strip()
    return found


def with_plain_line_ends(text: str) -> str:
    r"""Returns a text whose lines all end in \n."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def separator(line: str) -> str:
    r"""Returns what stands between the cells of a table, judged by its first line.

    That is a semicolon or a tab where the cells between them have no commas, or only such as stand in numbers.

    >>> [separator(line) for line in ("a,b", "a;b", "0,5;0,25", "a;b,c", '"x,y";z', "a\tb", '"a;b"')]
    [',', ';', ';', ',', ';', '\t', ',']
    """
    for one in (";", "\t"):
        cells = next(csv.reader([line.strip()], delimiter=one), []) if one in line else []
        if len(cells) > 1 and all("," not in c or is_decimal(c.strip()) or f'"{c}"' in line for c in cells):
            return one
    return ","


def is_decimal(cell: str) -> bool:
    """Tells whether a cell is a number with a decimal comma."""
    return _DECIMAL.fullmatch(cell) is not None


def _lines_as_words(where: str, names: list[str] | None, text: str) -> Words:
    """Returns a table of one column, a cell a line."""
    lines = text.removesuffix("\n").split("\n")
    n_blank = next((i for i, line in enumerate(reversed(lines)) if line), len(lines))
    return Words(where, names, [list(map(str.strip, lines))], len(lines) - n_blank)


def _plain_cells(where: str, text: str, between: str) -> Words | None:
    """Returns a table without quotes whose lines all have the same number of cells; None if it is no such table."""
    text = text.rstrip("\n")
    if '"' in text:
        return None
    raw = np.frombuffer(text.encode() + b"\n", np.uint8)
    at_end = raw[(raw == ord(between)) | (raw == ord("\n"))] == ord("\n")
    width = int(at_end.argmax()) + 1
    n_rows = int(at_end.sum())
    if len(at_end) != n_rows * width or not at_end[width - 1 :: width].all():
        return None
    cells = text.replace("\n", between).split(between)
    columns = [list(map(str.strip, cells[i::width])) for i in range(width)]
    return Words(where, None, columns, len(columns[0]))


def _any_cells(where: str, text: str, between: str) -> Words:
    with decoding(where, "a table"):
        reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=between)
        rows = [[cell.strip() for cell in row] for row in reader]
    n_filled = len(rows) - next((i for i, row in enumerate(reversed(rows)) if row), len(rows))
    width = len(rows[0]) or 1
    if max(map(len, rows), default=1) > 1:
        rows = rows[:n_filled]
        first = next((i for i, row in enumerate(rows) if len(row) != len(rows[0])), None)
        if first is not None:
            raise InputError(
                f"{where}: row {first + 1} has {len(rows[first])} cells, the first has {len(rows[0])}: one line must "
                "be one row"
            )
    return Words(where, None, [[row[i] if row else "" for row in rows] for i in range(width)], n_filled)


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
    names, table = (words.names, words) if words.names is not None else _headed(words, wanted, ids, usual, n_items)
    if names is None and len(table.columns) == 1:
        cells = table.columns[0]
        if n_items is None and is_row is not None and not is_row(cells):
            cells = cells[1:]
        return cells, None
    if names is None:
        listed = one_line(", ".join(table.row(0)), 100)
        raise InputError(f"{words.where}: line 1 is {listed}: name the column to read, as in FILE:COLUMN")
    table = _as_many(table, n_items)
    at_ids = place_of(words.where, names, ids)
    at = _chosen(words.where, names, wanted, at_ids, usual)
    if is_index(names[0]) and 0 not in (at, at_ids):
        _check_index(words.where, table.columns[0])
    return table.columns[at], None if at_ids is None else table.columns[at_ids]


def named_shares(words: Words) -> dict[str, float] | None:
    """Returns the shares of classes that a table of two columns, class and share, holds; None if it is another table.

    The columns are told apart by the words in one of them; where both hold numbers, the first is the class.

    Raises:
        InputError: a class is there twice, or a share is no number.
    """
    rows = list(zip(*words.columns, strict=True))[: words.n_filled] if len(words.columns) == 2 else []
    if words.names is None and rows and not any(map(_is_share, rows[0])):
        rows = rows[1:]
    elif words.names is None and all(map(_is_share, rows[0] if rows else ())):
        return None
    if not rows or (len(rows) == 1 and all(map(_is_share, rows[0]))):
        return None
    turned = any(not _is_share(second) for _, second in rows) and all(_is_share(first) for first, _ in rows)
    found: dict[str, float] = {}
    for name, share in (row[::-1] if turned else row for row in rows):
        if name in found or not _is_share(share):
            what = "is there twice" if name in found else f"has the share {one_line(share, 40)!r}, which is no number"
            raise InputError(f"{words.where}: class {one_line(name, 40)!r} {what}")
        found[name] = float(share.replace(",", "."))
    return found


def _is_share(cell: str) -> bool:
    return is_decimal(cell) or is_number(cell)


def same_names(words: Words, ids: Sequence[str]) -> list[str] | None:
    """Returns the cells of a column that holds all of the ids, in another order; None if no column does."""
    for column in words.columns if len(words.columns) > 1 else ():
        cells = column[int(words.names is None) :][: len(ids)]
        if cells != list(ids) and sorted(cells) == sorted(ids):
            return cells
    return None


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
) -> tuple[list[str] | None, Words]:
    """Returns the names of the columns, or None, and the rows; of a single column, as many as there are items."""
    first, below, single = words.row(0), words.part(1, words.n_rows), len(words.columns) == 1
    asked = [one for one in (wanted, ids, *(() if single else usual)) if one is not None]
    if any(place_of(words.where, first, one) is not None for one in asked) or (not single and is_index(first[0])):
        return first, _as_many(below, n_items)
    if not single:
        return (first, below) if n_items is not None and below.n_rows == n_items else (None, words)
    if n_items is not None and words.n_filled == n_items + 1:
        return None, _as_many(below, n_items)
    if words.n_filled < words.n_rows:
        if below.n_rows == n_items and first[0].lower() in usual:
            return None, below
        raise InputError(f"{words.where}: {LAST_IS_BLANK}")
    return None, _as_many(words, n_items)


def _as_many(words: Words, n_items: int | None) -> Words:
    """Returns as many rows as there are items; blank lines beyond them are left out."""
    if n_items is None:
        if words.n_filled < words.n_rows:
            raise InputError(f"{words.where}: {LAST_IS_BLANK}")
        return words
    n_rows = words.n_rows if words.n_rows <= n_items else max(n_items, words.n_filled)
    if n_rows != n_items:
        raise InputError(f"{words.where} has {n_rows} rows, the other arrays have {n_items} items")
    return words.part(0, n_rows)


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
    return Words(where, [name], [text], len(text))


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
    return Words(where, names, columns, table.num_rows)
