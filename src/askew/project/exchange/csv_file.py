"""CSV: a line a picture, or a line a box; holds everything. Plain tables of other tools are read, Parquet too."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from askew.data.cells import unguarded
from askew.data.columns import is_decimal, read_words, separator
from askew.data.reading import decoding, plain_file, reading
from askew.errors import InputError, one_line
from askew.export.columns import as_csv
from askew.names import GAPS
from askew.project.exchange.rows import KINDS, Box, Content, Holds, Row, about, classes_of

HOLDS = Holds(frozenset(KINDS))

COLUMNS = {
    "file": ("file", "file_name", "filename", "image", "image_name", "path", "filepath"),
    "kind": ("kind",),
    "label": ("label", "labels", "class", "class_name"),
    "left": ("left", "xmin"),
    "top": ("top", "ymin"),
    "right": ("right", "xmax"),
    "bottom": ("bottom", "ymax"),
    "guess": ("guess",),
    "confidence": ("confidence", "score"),
    "who": ("who", "annotator"),
    "at": ("at",),
    "width_px": ("width_px", "width"),
    "height_px": ("height_px", "height"),
    "hash": ("hash", "sha256"),
    "reason": ("reason",),
}
"""The columns, as they are written, and what others call them."""

TOLD = ("who", "at", "hash", "reason")

PARQUET = ".parquet"
"""The ending of a Parquet file."""

SIDES = ("left", "top", "right", "bottom")


def write(content: Content) -> str:
    """Returns rows as the text of a table; a model's guess stands in `guess`, and `label` is left to people."""
    columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    for row in content.rows:
        plain = {
            "file": row.name,
            "kind": "" if row.kind == "none" else row.kind,
            "guess" if row.guess else "label": row.class_name,
            "confidence": row.score,
            "who": row.who,
            "at": row.at,
            "hash": row.hash,
            "reason": row.reason,
            **dict(zip(("width_px", "height_px"), row.size or (None, None), strict=True)),
        }
        if row.guess and row.kind != "class":
            plain["guess"] = row.kind
        for box in row.boxes or (None,):
            line = plain if box is None else {**plain, **_box_cells(box, row.guess)}
            for name, cells in columns.items():
                cells.append(line.get(name))
    return as_csv(columns)


def _box_cells(box: Box, guess: bool) -> dict[str, Any]:
    sides = dict(zip(SIDES, box.sides, strict=True))
    return {("guess" if guess else "label"): box.class_name, "confidence": box.score, **sides}


def read(path: Path) -> Content:
    """Reads a table with a line of names: a column of files, one of labels, maybe four of boxes; see `COLUMNS`.

    Lines of one picture that have boxes, and the same who and when, are one row.

    Raises:
        DataNotFound: no such file.
        MissingExtra: a Parquet file, and pyarrow is not installed.
        InputError: it is no such table, or a cell is not what its column is for.
    """
    plain_file(path)
    lines = _rows_of_parquet(path) if path.suffix.lower() == PARQUET else _lines(path)
    with about(path):
        names, between = next(lines), next(lines)[0]
        at = _places(names)
        found: dict[Any, Row] = {}
        for number, cells in enumerate(lines, start=2):
            if not cells:
                continue
            if len(cells) != len(names):
                raise InputError(f"row {number} has {len(cells)} cells, the first has {len(names)}")
            with about(f"row {number}"):
                row = _row({name: unguarded(cells[i]) for name, i in at.items()}, between == ";")
            key = (row.name, row.kind, row.who, row.at, row.guess) if row.boxes else number
            before = found.get(key)
            found[key] = row if before is None else replace(before, boxes=before.boxes + row.boxes)
    content = Content(tuple(found.values()))
    return replace(content, classes=classes_of(content))


def _lines(path: Path) -> Iterator[list[str]]:
    """Yields the names of the columns, what stands between them, and the lines."""
    with reading(path), decoding(path, "a table in UTF-8"), path.open(encoding="utf-8-sig", newline="") as stream:
        between = separator(stream.readline())
        stream.seek(0)
        table = csv.reader(stream, strict=True, delimiter=between)
        yield next(table, [])
        yield [between]
        yield from table


def _rows_of_parquet(path: Path) -> Iterator[list[str]]:
    """Yields what `_lines` does, of a Parquet file."""
    words = read_words("labels", path)
    yield list(words.names or ())
    yield [","]
    yield from map(list, zip(*words.columns, strict=True))


def _places(names: list[str]) -> dict[str, int]:
    """Returns the place of each column that is there."""
    called = [name.strip().lower() for name in names]
    found = {}
    for column, known in COLUMNS.items():
        places = [i for i, name in enumerate(called) if name in known]
        if len(places) > 1:
            raise InputError(f"the columns {', '.join(names[i] for i in places)} may all be the {column}: keep one")
        if places:
            found[column] = places[0]
    if "file" not in found or not ({"label", "guess", "kind"} & set(found)):
        raise InputError(
            f"expected a line of names with a column {' or '.join(COLUMNS['file'][:4])} and one "
            f"{' or '.join(COLUMNS['label'])}, got {one_line(', '.join(names) or 'nothing', 100)}"
        )
    if 0 < len(set(SIDES) & set(found)) < len(SIDES):
        raise InputError(f"a box needs the columns {', '.join(SIDES)} (or xmin, ymin, xmax, ymax), all four")
    return found


def _row(cells: Mapping[str, str], decimal_comma: bool) -> Row:
    numbers = _numbers(decimal_comma)
    sides = [cells[side] for side in SIDES if cells.get(side)]
    label, guess, kind = (cells.get(name, "").strip() for name in ("label", "guess", "kind"))
    if kind == "" and label in GAPS and guess == "":
        label = ""
    said = label or guess
    kind = kind or ("boxes" if sides else "class" if said else "none")
    score = numbers(cells["confidence"], "confidence") if cells.get("confidence") else None
    told: dict[str, Any] = {name: cells[name] for name in TOLD if name in cells}
    if cells.get("width_px") and cells.get("height_px"):
        told["size"] = _size(numbers(cells["width_px"], "width_px"), numbers(cells["height_px"], "height_px"))
    told["guess"] = guess != "" or (score is not None and said != "")
    if kind == "class":
        return Row(cells["file"], kind, said or None, score=score, **told)
    if kind == "boxes" and sides:
        if len(sides) != len(SIDES) or not said:
            raise InputError(f"a box needs a label and four sides, got {one_line(', '.join([said, *sides]), 80)}")
        box = Box.of(said, [numbers(one, side) for side, one in zip(SIDES, sides, strict=True)], score)
        return Row(cells["file"], kind, boxes=(box,), **told)
    if label or sides:
        raise InputError(f"kind {one_line(kind, 40)!r} has neither a label nor a box")
    return Row(cells["file"], kind, **told)


def _size(width: float, height: float) -> tuple[int, int] | None:
    return (int(width), int(height)) if width.is_integer() and height.is_integer() and min(width, height) > 0 else None


def _numbers(decimal_comma: bool) -> Callable[[str, str], float]:
    """Returns what reads a cell as a finite number."""

    def read_number(cell: str, column: str) -> float:
        text = cell.strip()
        try:
            number = float(text.replace(",", ".") if decimal_comma and is_decimal(text) else text)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise InputError(f"{column}: expected a number, got {one_line(cell, 40)!r}")
        return number

    return read_number
