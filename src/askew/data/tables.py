"""Arrays in and picks out: npy, npz, csv and Parquet for the command line; large npy files stay memory-mapped."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from askew.arrays import Indices
from askew.data.npy import open_npy, open_npz
from askew.data.reading import check_memory, decoding, one_line, plain_file, read_text
from askew.errors import InputError, MissingExtra, unknown

READERS = (".npy", ".npz", ".csv", ".parquet")
WRITERS = (".csv", ".json", ".npy")

EXACT = 1 << 53
"""Whole numbers up to this one are exact as floating-point numbers."""

UNNAMED = ("", "Unnamed: 0", "__index_level_0__")
"""How pandas calls the column of its index."""


def read_array(name: str, path: Path) -> NDArray[Any]:
    """Returns the array of a file; an .npy file is memory-mapped, so its rows are read when they are used.

    Row i is pool item i, so whatever would shift rows is refused:

    - .npy, or .npz with one array or one called `name`.
    - .csv: a line a row, numbers with commas between. One column becomes a 1-D array. The first line may hold the
      columns' names. Names that are numbers are refused if there are several (0, 1, 2, … are what pandas writes for
      columns without a name); a single column has no way to tell and is read as numbers. A first column without a name
      is pandas' index: it is left out if it counts the rows from 0, else refused. Blank lines and lines with `#` are
      refused, but for a first line with `#` that holds the names and blank lines at the end.
    - .parquet: its numeric columns in order, pandas' index as in .csv; empty cells are refused.

    Args:
        name: what it is (`probs`), for messages; also the key looked for in an .npz of several arrays.
        path: the file.

    Raises:
        DataNotFound: no such file.
        InputError: another format, or a file that is empty, truncated, not numeric, or has two meanings.
    """
    if path.suffix.lower() not in READERS:
        raise unknown("format", path.suffix or path.name, READERS)
    if plain_file(path, f"{name}: {one_line(path)}").st_size == 0:
        raise InputError(f"{name}: {path} is empty (0 bytes)")
    reader = {".npy": _read_npy, ".npz": _read_npz, ".csv": _read_csv, ".parquet": _read_parquet}[path.suffix.lower()]
    return reader(name, path)


def read_integers(name: str, path: Path) -> NDArray[Any]:
    """Returns the array of a file whose numbers are whole; formats without integers (csv) are converted.

    Raises:
        InputError: see `read_array`; or a number that is not whole, or too large to be exact.
    """
    array = read_array(name, path)
    if array.dtype.kind != "f":
        return array
    with np.errstate(invalid="ignore"):
        bad = np.flatnonzero(~(np.abs(array) <= EXACT) | (array != np.floor(array)))
    if len(bad):
        raise InputError(f"{name}: {array.flat[bad[0]]:g} at item {bad[0]} of {path} is not a whole number up to 2^53")
    return array.astype(np.int64)


def picks_as_text(chosen: Indices, details: Mapping[str, Any], suffix: str) -> bytes:
    """Returns picks in the format of a file suffix: .csv (rank, item), .json (items and `details`) or .npy (int64)."""
    if suffix == ".npy":
        buffer = io.BytesIO()
        np.save(buffer, chosen)
        return buffer.getvalue()
    if suffix == ".json":
        return (json.dumps({"items": chosen.tolist(), **details}, indent=2) + "\n").encode()
    if suffix == ".csv":
        rows = "".join(f"{rank},{item}\n" for rank, item in enumerate(chosen.tolist(), start=1))
        return f"rank,item\n{rows}".encode()
    raise unknown("format", suffix, WRITERS)


def _read_npy(name: str, path: Path) -> NDArray[Any]:
    return open_npy(path, f"{name}: {one_line(path)}")


def _read_npz(name: str, path: Path) -> NDArray[Any]:
    with open_npz(path, f"{name}: {one_line(path)}") as arrays:
        key = next(iter(arrays)) if len(arrays) == 1 else name
        if key not in arrays:
            raise InputError(f"{name}: {path} holds {arrays.names()}, none called {name!r}")
        return arrays[key]


def _read_csv(name: str, path: Path) -> NDArray[Any]:
    where = f"{name}: {one_line(path)}"
    lines = read_text(path, where).replace("\r\n", "\n").replace("\r", "\n").rstrip("\n").split("\n")
    first = _cells(where, lines[0])
    header = bool(first) and _is_header(where, first)
    if len(lines) == header or not first:
        raise InputError(f"{where} has no rows" if len(lines) == 1 else f"{where}: line 1 is blank: take it out")
    _check_lines(where, lines[header:], header)
    with decoding(where, "a table of numbers"):
        table = np.loadtxt(lines[header:], delimiter=",", ndmin=2, dtype=np.float64, comments=None, quotechar='"')
    if len(table) != len(lines) - header:
        raise InputError(f"{where}: has {len(lines) - header} lines but {len(table)} rows: one line must be one row")
    if header and len(first) != table.shape[1]:
        raise InputError(f"{where}: line 1 names {len(first)} columns, line 2 has {table.shape[1]}")
    if table.shape[1] > 1:
        table = _without_index(where, table, named=first[0] not in UNNAMED if header else None)
    return table[:, 0] if table.shape[1] == 1 else table


def _cells(where: str, line: str) -> list[str]:
    with decoding(where, "a table of numbers"):
        return [cell.strip() for cell in next(csv.reader([line]), [])]


def _is_header(where: str, cells: list[str]) -> bool:
    """Whether the first line holds names; refuses it if that cannot be told."""
    numeric = [_is_number(cell) for cell in cells]
    counting = [str(i) for i in range(len(cells))]
    if all(numeric):
        if len(cells) > 1 and cells == counting:
            raise InputError(
                f"{where}: line 1, {one_line(','.join(cells), 40)}, may be pandas' names of columns or the first row: "
                "write the file with header=False, or give the columns names that are words; if it is a row, write 0.0"
            )
        return False
    if not any(numeric) or (cells[0] in UNNAMED and cells[1:] == counting[:-1]):
        return True
    word = cells[numeric.index(False)]
    raise InputError(f"{where}: line 1 mixes names and numbers, first {one_line(word, 40)!r}: is it names or a row?")


def _check_lines(where: str, lines: list[str], header: bool) -> None:
    for i, line in enumerate(lines):
        if not line.strip() or "#" in line:
            what = "is blank" if not line.strip() else f"holds a #: {one_line(line, 40)}"
            raise InputError(f"{where}: line {i + 1 + header} {what}: every line is a row; take it out")


def _without_index(where: str, table: NDArray[Any], *, named: bool | None) -> NDArray[Any]:
    """Returns a table without pandas' index, its first column if that has no name.

    Args:
        named: whether the first column has a name; None if none has.
    """
    counts = np.array_equal(table[:, 0], np.arange(len(table)))
    if named is None and counts and len(table) > 2:
        raise InputError(
            f"{where}: the first column counts the rows: write the file with index=False, or name the columns in "
            "line 1 if it is one of the numbers"
        )
    if named is None or named:
        return table
    if not counts:
        raise InputError(
            f"{where}: the first column has no name, as pandas' index, and does not count the rows from 0: sort the "
            "rows by item and write the file with index=False"
        )
    return table[:, 1:]


def _read_parquet(name: str, path: Path) -> NDArray[Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtra("reading Parquet", "vision") from error
    where = f"{name}: {one_line(path)}"
    with decoding(where, "a Parquet file"):
        about = pyarrow.parquet.read_metadata(path)
        check_memory(where, (about.num_rows, about.num_columns), 8)
        schema = pyarrow.parquet.read_schema(path)
    for field in schema:
        if not (pyarrow.types.is_floating(field.type) or pyarrow.types.is_integer(field.type)):
            raise InputError(
                f"{where}: column {one_line(field.name, 60)!r} is not numeric but {one_line(field.type, 60)}"
            )
    with decoding(where, "a Parquet file"):
        table = pyarrow.parquet.read_table(path, memory_map=True)
        table.validate(full=True)
        empty = {
            field.name: column for field, column in zip(table.schema, table.columns, strict=True) if column.null_count
        }
    for column_name, column in empty.items():
        first = column.is_null().to_numpy().argmax()
        raise InputError(
            f"{where}: column {one_line(column_name, 60)!r} has {column.null_count} empty cells, first at item {first}"
        )
    if table.num_rows == 0 or table.num_columns == 0:
        raise InputError(f"{where} has no rows")
    columns = [column.to_numpy() for column in table.columns]
    unnamed = [i for i, field in enumerate(table.schema) if field.name in UNNAMED]
    if unnamed and len(columns) > 1:  # pandas puts its index last
        rest = [column for i, column in enumerate(columns) if i != unnamed[-1]]
        columns = list(_without_index(where, np.stack([columns[unnamed[-1]], *rest], axis=1), named=False).T)
    return columns[0] if len(columns) == 1 else np.stack(columns, axis=1)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
