"""Arrays in and picks out: npy, npz, csv and Parquet for the command line; large npy files stay memory-mapped."""

from __future__ import annotations

import csv
import io
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from askew.arrays import Indices
from askew.errors import DataNotFound, InputError, MissingExtra, unknown

READERS = (".npy", ".npz", ".csv", ".parquet")
WRITERS = (".csv", ".json", ".npy")


def read_array(name: str, path: Path) -> NDArray[Any]:
    """Returns the array of a file; an .npy file is memory-mapped, so its rows are read when they are used.

    Args:
        name: what it is (`probs`), for messages; also the key looked for in an .npz of several arrays.
        path: .npy, .npz (one array, or one called `name`), .csv (numbers, with or without a header line; one column
            becomes a 1-D array) or .parquet (its numeric columns in order).

    Raises:
        DataNotFound: no such file.
        InputError: another format, or a file that is empty, truncated or not numeric.
    """
    if path.suffix.lower() not in READERS:
        raise unknown("format", path.suffix or path.name, READERS)
    if not path.is_file():
        raise DataNotFound(f"{name}: no file {path}")
    if path.stat().st_size == 0:
        raise InputError(f"{name}: {path} is empty (0 bytes)")
    reader = {".npy": _read_npy, ".npz": _read_npz, ".csv": _read_csv, ".parquet": _read_parquet}[path.suffix.lower()]
    return reader(name, path)


def read_integers(name: str, path: Path) -> NDArray[Any]:
    """Returns the array of a file whose numbers are whole; formats without integers (csv) are converted.

    Raises:
        InputError: see `read_array`; or a number that is not whole.
    """
    array = read_array(name, path)
    if array.dtype.kind != "f":
        return array
    bad = np.flatnonzero(~np.isfinite(array) | (array != np.floor(array)))
    if len(bad):
        raise InputError(f"{name}: {array.flat[bad[0]]:g} at item {bad[0]} of {path} is not a whole number")
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


def write_file(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all: into a neighbour, then renamed.

    Raises:
        DataNotFound: its folder does not exist.
    """
    if not path.parent.is_dir():
        raise DataNotFound(f"{path}: there is no folder {path.parent}")
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    os.replace(part, path)


def _read_npy(name: str, path: Path) -> NDArray[Any]:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise InputError(f"{name}: {path} is not a whole .npy file of numbers: {_one_line(error)}") from error
    if not isinstance(array, np.ndarray):
        raise InputError(f"{name}: {path} holds several arrays: rename it to .npz")
    return array


def _read_npz(name: str, path: Path) -> NDArray[Any]:
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            keys = list(archive.files)
            key = keys[0] if len(keys) == 1 else name
            if key not in keys:
                raise InputError(f"{name}: {path} holds {', '.join(keys) or 'nothing'}, none called {name!r}")
            return np.asarray(archive[key])
    except (zipfile.BadZipFile, EOFError, OSError) as error:
        raise InputError(f"{name}: {path} is not a whole .npz file: {_one_line(error)}") from error
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{name}: {path} does not hold plain numbers: {_one_line(error)}") from error


def _read_csv(name: str, path: Path) -> NDArray[Any]:
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            first = next(csv.reader(file), [])
        table = np.loadtxt(
            path, delimiter=",", skiprows=0 if _numeric(first) else 1, ndmin=2, dtype=np.float64, encoding="utf-8-sig"
        )
    except (ValueError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{name}: {path} is not a table of numbers: {_one_line(error)}") from error
    if table.size == 0:
        raise InputError(f"{name}: {path} has no rows")
    return table[:, 0] if table.shape[1] == 1 else table


def _read_parquet(name: str, path: Path) -> NDArray[Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtra("reading Parquet", "vision") from error
    try:
        table = pyarrow.parquet.read_table(path, memory_map=True)
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise InputError(f"{name}: {path} is not a whole Parquet file: {_one_line(error)}") from error
    words = [
        f.name for f in table.schema if not (pyarrow.types.is_floating(f.type) or pyarrow.types.is_integer(f.type))
    ]
    if words:
        raise InputError(f"{name}: column {words[0]!r} of {path} is not numeric")
    if table.num_rows == 0 or table.num_columns == 0:
        raise InputError(f"{name}: {path} has no rows")
    columns = [column.to_numpy() for column in table.columns]
    return columns[0] if len(columns) == 1 else np.stack(columns, axis=1)


def _numeric(cells: list[str]) -> bool:
    try:
        [float(cell) for cell in cells]
    except ValueError:
        return False
    return True


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:160]
