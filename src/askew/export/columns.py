"""Columns to a table on disk, CSV or Parquet."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from askew.data.cells import guarded
from askew.errors import MissingExtra, unknown

TABLES = ("parquet", "csv")


def write_table(columns: Mapping[str, Sequence[Any]], path: Path, *, kind: str | None = None) -> None:
    """Writes columns as Parquet or CSV, by the suffix.

    In CSV a text that a spreadsheet would take for a formula gets an apostrophe before it.

    Args:
        columns: by name, all of one length.
        path: the file.
        kind: the suffix that counts, for a path that has another one.

    Raises:
        InputError: another suffix.
        MissingExtra: Parquet without pyarrow.
    """
    kind = path.suffix if kind is None else kind
    if kind == ".csv":
        path.write_text(as_csv(columns), encoding="utf-8")
        return
    if kind != ".parquet":
        raise unknown("table", kind, TABLES)
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtra("writing Parquet", "video") from error
    pyarrow.parquet.write_table(pyarrow.table(dict(columns)), path)


def as_csv(columns: Mapping[str, Sequence[Any]]) -> str:
    """Returns columns as the text of a CSV file; what a spreadsheet would take for a formula gets an apostrophe.

    >>> as_csv({"file": ["=a.jpg"], "score": [None]})
    "file,score\\n'=a.jpg,\\n"
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    cells = ([guarded(v) if isinstance(v, str) else v for v in column] for column in columns.values())
    writer.writerows(zip(*cells, strict=True))
    return buffer.getvalue()
