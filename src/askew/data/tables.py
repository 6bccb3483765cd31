"""Arrays in and picks out: npy, npz, csv and Parquet for the command line; large npy files stay memory-mapped."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from askew.data.columns import is_decimal, is_index, place_of, separator, with_plain_line_ends
from askew.data.npy import open_npy, open_npz
from askew.data.reading import check_memory, decoding, plain_file, read_text
from askew.errors import InputError, MissingExtra, one_line, unknown
from askew.names import EXACT, is_number

READERS = (".npy", ".npz", ".csv", ".parquet")
WRITERS = (".csv", ".json", ".npy")

_GAP = r'(^|{0})[^\S\n\t]*(?:"")?[^\S\n\t]*(?={0}|$)'
"""An empty cell, between what stands between cells."""

ID_NAMES = frozenset(("id", "ids", "idx", "index", "item"))
"""Names of a first column that is no feature, whatever it holds."""


@dataclass(frozen=True)
class Table:
    """What a file of numbers holds.

    Attributes:
        values: its array.
        names: of its columns, where they have some.
        ids: the words of the column of ids, where it was asked for and is there.
    """

    values: NDArray[Any]
    names: tuple[str, ...] | None = None
    ids: list[str] | None = None


def read_array(name: str, path: Path, *, items: bool = True) -> NDArray[Any]:
    """Returns the array of a file; see `read_table`."""
    return read_table(name, path, items=items).values


def read_table(
    name: str,
    path: Path,
    *,
    ids: str | None = None,
    items: bool = True,
    only: Sequence[str] | None = None,
    without: Collection[str] = (),
) -> Table:
    """Returns the array of a file; an .npy file is memory-mapped, so its rows are read when they are used.

    Row i is pool item i, so whatever would shift rows is refused:

    - .npy, or .npz with one array or one called `name`.
    - .csv: a line a row, numbers with commas between; or with semicolons or tabs, and then maybe decimal commas. One
      column becomes a 1-D array. The first line may hold the columns' names. Names that are numbers are refused if
      there are several (0, 1, 2, … are what pandas writes for columns without a name); a single column has no way to
      tell and is read as numbers. First columns without a name are pandas' index: they are left out if they count the
      rows from 0, else refused, and so is a first column that is called `id` or counts the rows. Blank lines and lines
      with `#` are refused, but for a first line with `#` that holds the names and blank lines at the end.
    - .parquet: its numeric columns in order, pandas' index as in .csv.

    An empty cell is NaN, which means that the model was not asked.

    Args:
        name: what it is (`probs`), for messages; also the key looked for in an .npz of several arrays.
        path: the file.
        ids: a column to keep apart as words, if the table has it; "index" is also pandas' index, whatever it holds.
        items: whether rows are items, so that a first column may be their index.
        only: the columns to read, in order, of a table that has others too.
        without: columns to leave out where the table has them, capitals or not, if `only` is None.

    Raises:
        DataNotFound: no such file.
        InputError: another format, or a file that is empty, truncated, not numeric, or has two meanings.
        MissingExtra: a Parquet file, and pyarrow is not installed.
    """
    suffix = path.suffix.lower()
    if suffix not in READERS:
        raise unknown("format", path.suffix or path.name, READERS)
    if plain_file(path, f"{name}: {one_line(path)}").st_size == 0:
        raise InputError(f"{name}: {path} is empty (0 bytes)")
    if suffix in (".npy", ".npz"):
        if only is not None:
            raise InputError(f"{name}: {one_line(path)} has no columns with names: leave :{','.join(only)} out")
        return Table((_read_npy if suffix == ".npy" else _read_npz)(name, path))
    where, columns = f"{name}: {one_line(path)}", _Columns(ids, only, tuple(without))
    return (_read_csv if suffix == ".csv" else _read_parquet)(where, path, columns, items and only is None)


@dataclass(frozen=True)
class _Columns:
    """Which columns of a table are numbers to read."""

    ids: str | None
    only: Sequence[str] | None
    without: tuple[str, ...]

    def are_named(self, first: Sequence[str]) -> bool:
        """Tells whether the first row must hold names, as something asks for one of them."""
        return self.only is not None or any(self._left_out(one) for one in first)

    def kept(self, where: str, names: Sequence[str], at: int | None) -> list[int]:
        """Returns the places of the columns, `at` being the one of the ids."""
        if self.only is None:
            return [i for i, name in enumerate(names) if i != at and not self._left_out(name)]
        places = [place_of(where, names, one) for one in self.only]
        for one, place in zip(self.only, places, strict=True):
            if place is None or places.count(place) > 1:
                what = "has no column" if place is None else "is asked twice for column"
                raise InputError(f"{where} {what} {one_line(one, 60)!r}; it has {one_line(', '.join(names), 200)}")
        return [place for place in places if place is not None]

    def _left_out(self, name: str) -> bool:
        return name in self.without or name.lower() in self.without


def whole_numbers(name: str, path: Path, array: NDArray[Any], *, gaps: bool = False) -> NDArray[Any]:
    """Returns an array whose floating-point numbers are whole as integers; others come back as they are.

    Args:
        name: what it is, for messages.
        path: the file that it is from, for messages.
        array: of any type.
        gaps: whether NaN is -1, a gap in labels or in a table of classes.

    Raises:
        InputError: a number that is not whole, or too large to be exact.
    """
    if array.dtype.kind != "f":
        return array
    if gaps:
        array = np.where(np.isnan(array), -1, array)
    with np.errstate(invalid="ignore"):
        bad = np.flatnonzero(~(np.abs(array) <= EXACT) | (array != np.floor(array)))
    if len(bad):
        item = bad[0] * len(array) // array.size
        raise InputError(f"{name}: {array.flat[bad[0]]:g} at item {item} of {path} is not a whole number up to 2^53")
    return array.astype(np.int64)


def picks_as_text(rows: Sequence[Mapping[str, Any]], details: Mapping[str, Any], suffix: str) -> bytes:
    """Returns picks in the format of a file suffix: .csv (the rows), .json (also `details`) or .npy (int64 items)."""
    items = [row["item"] for row in rows]
    if suffix == ".npy":
        buffer = io.BytesIO()
        np.save(buffer, np.array(items, dtype=np.int64))
        return buffer.getvalue()
    if suffix == ".json":
        plain = [{key: None if _is_infinite(value) else value for key, value in row.items()} for row in rows]
        return (json.dumps({"items": items, "picks": plain, **details}, indent=2) + "\n").encode()
    if suffix == ".csv":
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue().encode()
    raise unknown("format", suffix, WRITERS)


def _is_infinite(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _read_npy(name: str, path: Path) -> NDArray[Any]:
    return open_npy(path, f"{name}: {one_line(path)}")


def _read_npz(name: str, path: Path) -> NDArray[Any]:
    with open_npz(path, f"{name}: {one_line(path)}") as arrays:
        key = next(iter(arrays)) if len(arrays) == 1 else name
        if key not in arrays:
            raise InputError(f"{name}: {path} holds {arrays.names()}, none called {name!r}")
        return arrays[key]


def _read_csv(where: str, path: Path, columns: _Columns, items: bool) -> Table:
    text = with_plain_line_ends(read_text(path, where))
    stop = len(text)
    while stop and text[stop - 1] == "\n":
        stop -= 1
    line, n_lines = _line(text, 0, stop), text.count("\n", 0, stop) + 1
    between = separator(line)
    first = _cells(where, line, between)
    at = place_of(where, first, columns.ids)
    named = at is not None or columns.are_named(first)
    header = named or (bool(first) and _is_header(where, first, square=not items and n_lines == len(first)))
    if n_lines == header or not first:
        raise InputError(f"{where} has no rows" if n_lines == 1 else f"{where}: line 1 is blank: take it out")
    start = len(line) + 1 if header else 0
    kept = columns.kept(where, first, at)
    _check_lines(where, text, start, stop, header, words=named)
    if between != "," and not named and text.find(",", start, stop) >= 0 and text.find(".", start, stop) >= 0:
        raise InputError(f"{where}: its numbers have points and commas: write them with a decimal point alone")
    if header:
        _check_names(where, first, _cells(where, _line(text, start, stop), between), kept)
    words = None
    gaps = _has_gaps(text, start, stop, between)
    if not named and between == "," and not gaps:
        table = _numbers(where, path, skip=int(header), between=between)
    else:
        lines = text[start:stop].split("\n")
        cells = _id_cells(where, lines, at or 0, len(first), between) if named else None
        words = None if at is None else cells
        if between != ",":
            lines = text[start:stop].replace(",", ".").split("\n")
        if gaps:
            gap = re.compile(_GAP.format(between))
            lines = [gap.sub(r"\1nan", line) for line in lines]
        table = _numbers(where, lines, between=between, columns=kept if named else None)
    n_rows = n_lines - header
    if len(table) != n_rows:
        raise InputError(f"{where}: has {n_rows} lines but {len(table)} rows: one line must be one row")
    if header and len(kept) != table.shape[1]:
        raise InputError(f"{where}: line 1 names {len(kept)} columns, line 2 has {table.shape[1]}")
    names = [first[i].removeprefix("#").strip() for i in kept] if header else None
    table, names = _without_index(where, table, names) if items else (table, names)
    return Table(table[:, 0] if table.shape[1] == 1 else table, None if names is None else tuple(names), words)


def _has_gaps(text: str, start: int, stop: int, between: str) -> bool:
    """Tells whether rows may have empty cells; searches for what surrounds such a cell, which is quick, tell."""
    bare = text[start:stop].replace(" ", "")
    if between != "\t":
        bare = bare.replace("\t", "")
    ends = (between + between, between + "\n", "\n" + between, '""')
    return bare.startswith(between) or bare.endswith(between) or any(one in bare for one in ends)


def _line(text: str, start: int, stop: int) -> str:
    """Returns the line of a text that begins at `start`."""
    end = text.find("\n", start, stop)
    return text[start : stop if end < 0 else end]


def _numbers(
    where: str, source: Path | list[str], *, skip: int = 0, between: str, columns: list[int] | None = None
) -> NDArray[np.float64]:
    """Returns the numbers of a file, which NumPy reads in blocks, or of lines."""
    with decoding(where, "a table of numbers"):
        return np.loadtxt(
            str(source) if isinstance(source, Path) else source,
            delimiter=between,
            ndmin=2,
            dtype=np.float64,
            comments=None,
            quotechar='"',
            usecols=columns,
            skiprows=skip,
            encoding="utf-8-sig",
        )


def _cells(where: str, line: str, between: str) -> list[str]:
    """Returns the cells of a line, numbers with a point in place of a decimal comma."""
    with decoding(where, "a table of numbers"):
        cells = [cell.strip() for cell in next(csv.reader([line], delimiter=between), [])]
    return cells if between == "," else [cell.replace(",", ".") if is_decimal(cell) else cell for cell in cells]


def _id_cells(where: str, lines: list[str], at: int, width: int, between: str) -> list[str]:
    with decoding(where, "a table"):
        rows = list(csv.reader(lines, strict=True, delimiter=between))
    bad = next((i for i, row in enumerate(rows) if len(row) != width), None)
    if bad is not None or len(rows) != len(lines):
        raise InputError(f"{where}: line {(bad or 0) + 2} does not have the {width} cells of line 1")
    return [row[at].strip() for row in rows]


def _check_names(where: str, names: list[str], row: list[str], kept: list[int]) -> None:
    """Refuses a column of words, if each column has a name."""
    if not kept:
        raise InputError(f"{where}: has no other column")
    words = [i for i in kept if len(names) == len(row) and row[i] and not is_number(row[i])]
    if words and row[words[0]].endswith("%") and is_number(row[words[0]][:-1]):
        raise InputError(
            f"{where}: {_described(names[words[0]])} holds percentages, {one_line(row[words[0]], 40)!r} first: write "
            "shares from 0 to 1"
        )
    if words:
        name = names[words[0]]
        raise InputError(
            f"{where}: {_described(name)} holds words, {one_line(row[words[0]], 40)!r} first: {_as_ids(name)}, or name "
            "the columns to read, as in FILE:cat,dog"
        )


def _described(name: str) -> str:
    return "a column without a name, as pandas' index," if is_index(name) else f"column {one_line(name, 60)!r}"


def _as_ids(name: str) -> str:
    return f"pass --ids {'index' if is_index(name) else one_line(name, 60)} if it names the items, or take it out"


def _is_header(where: str, cells: list[str], *, square: bool) -> bool:
    """Whether the first line holds names; refuses it if that cannot be told."""
    numeric = [is_number(cell) for cell in cells]
    counting = [str(i) for i in range(len(cells))]
    if not any(cells):
        return False
    if all(numeric):
        if len(cells) > 1 and cells == counting and not square:
            raise InputError(
                f"{where}: line 1, {one_line(','.join(cells), 40)}, may be pandas' names of columns or the first row: "
                "write the file with header=False, or give the columns names that are words; if it is a row, write 0.0"
            )
        return False
    if not any(numeric) or (is_index(cells[0]) and cells[1:] == counting[:-1]):
        return True
    word = cells[numeric.index(False)]
    raise InputError(f"{where}: line 1 mixes names and numbers, first {one_line(word, 40)!r}: is it names or a row?")


def _check_lines(where: str, text: str, start: int, stop: int, header: bool, *, words: bool) -> None:
    """Refuses blank lines and such with a #; a search of the whole text rules most out without a look at each line."""
    spaced = not text.isascii() or " " in text or "\t" in text
    blank = text.find("\n\n", start, stop) >= 0 or text[start : start + 1] in ("", "\n")
    if not spaced and not blank and text.find("#", start, stop) < 0:
        return
    for i, line in enumerate(text[start:stop].split("\n")):
        if not line.strip() or "#" in (line.lstrip()[:1] if words else line):
            what = "is blank" if not line.strip() else f"holds a #: {one_line(line, 40)}"
            raise InputError(f"{where}: line {i + 1 + header} {what}: every line is a row; take it out")


def _without_index(where: str, table: NDArray[Any], names: list[str] | None) -> tuple[NDArray[Any], list[str] | None]:
    """Returns a table and its names without pandas' index: first columns that have no name and count the rows."""
    while table.shape[1] > 1 and names is not None and is_index(names[0]):
        if not np.array_equal(table[:, 0], np.arange(len(table))):
            raise InputError(
                f"{where}: the first column has no name, as pandas' index, and does not count the rows from 0: pass "
                "--ids index to carry it through as the ids of the items, or write the file with index=False"
            )
        table, names = table[:, 1:], names[1:]
    if table.shape[1] == 1:
        return table, names
    counts = len(table) > 2 and any(np.array_equal(table[:, 0], np.arange(len(table)) + start) for start in (0, 1))
    if names is None and counts and table[0, 0] == 0:
        raise InputError(
            f"{where}: the first column counts the rows: write the file with index=False, or name the columns in "
            "line 1 if it is one of the numbers"
        )
    if names is not None and (counts or names[0].lower() in ID_NAMES):
        what = "counts the rows" if counts else "is no number of the model's"
        raise InputError(f"{where}: {_described(names[0])} {what}: {_as_ids(names[0])}")
    return table, names


def _read_parquet(where: str, path: Path, columns: _Columns, items: bool) -> Table:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtra("reading Parquet", "parquet") from error
    with decoding(where, "a Parquet file"):
        about = pyarrow.parquet.read_metadata(path)
        check_memory(where, (about.num_rows, about.num_columns), 8)
        schema = pyarrow.parquet.read_schema(path)
    names = [str(field.name) for field in schema]
    at = place_of(where, names, columns.ids)
    kept = columns.kept(where, names, at)
    for i, field in enumerate(schema):
        if i in kept and not (pyarrow.types.is_floating(field.type) or pyarrow.types.is_integer(field.type)):
            kind = one_line(field.type, 60)
            raise InputError(f"{where}: {_described(field.name)} is not numeric but {kind}: {_as_ids(field.name)}")
    with decoding(where, "a Parquet file"):
        table = pyarrow.parquet.read_table(path, memory_map=True)
        table.validate(full=True)
        words = None if at is None else ["" if v is None else str(v).strip() for v in table.columns[at].to_pylist()]
    order = kept if columns.only is not None else sorted(kept, key=lambda i: not is_index(names[i]))
    if table.num_rows == 0 or not order:
        raise InputError(f"{where} has no rows")
    values = np.stack([table.columns[i].to_numpy() for i in order], axis=1)  # pandas puts its index last
    called: list[str] | None = [names[i] for i in order]
    if items:
        values, called = _without_index(where, values, called)
    return Table(values[:, 0] if values.shape[1] == 1 else values, None if called is None else tuple(called), words)
