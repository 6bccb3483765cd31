"""What the files of `askew pick` hold: the model's words, who is labelled, and what items and classes are called."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from askew.pool import Pool
    from askew.predictions import Predictions


@dataclass(frozen=True, eq=False)
class Given:
    """What was read.

    Attributes:
        pred: what the model says of the items.
        pool: who is labelled.
        classes: names of the C classes in the order of the columns of P, or None.
        ids: what the N items are called, or None.
    """

    pred: Predictions
    pool: Pool
    classes: tuple[str, ...] | None
    ids: list[str] | None


def read(arguments: argparse.Namespace) -> Given:
    """Reads all files that the arguments name, but the target's.

    Raises:
        InputError: one of them is not what its option takes, they do not fit each other, or none tells the pool's size.
    """
    from askew.errors import InputError
    from askew.pool import Pool
    from askew.predictions import FIELDS, Predictions

    ids_file, ids_column = source(arguments.ids)
    tables = {name: _read(field, arguments, ids_column) for name, field in FIELDS.items()}
    given = {name: table for name, table in tables.items() if table is not None}
    pred = Predictions(**{name: table.values for name, table in given.items()})
    classes = _classes(arguments.classes, given.get("probs"), pred.n_classes)
    found = {name: table.ids for name, table in given.items()}
    table: Any = None
    if arguments.labels:
        labels, classes, found["labels"], table = _labels(arguments, ids_column, pred, classes)
        pool = Pool(labels)
    elif pred.n_items is not None:
        if set(pred) == {"draws"}:
            pred.check_passes(None)
        pool = Pool.without_labels(pred.n_items)
    else:
        raise InputError("nothing was given that says how large the pool is: pass --labels or another array")
    ids = _ids(arguments.ids, ids_file, ids_column, found, len(pool))
    if ids is not None:
        _check_order(arguments, ids, table)
    return Given(pred, pool, classes, ids)


def source(text: str | None) -> tuple[Path | None, str | None]:
    """Returns the file and the column that FILE, FILE:COLUMN or COLUMN names."""
    from askew.data.columns import WORD_READERS

    if text is None:
        return None, None
    file, colon, column = text.rpartition(":")
    if colon and Path(file).suffix.lower() in WORD_READERS:
        return Path(file), column
    return (Path(text), None) if Path(text).suffix.lower() in WORD_READERS else (None, text)


def same_file(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.samefile(other)


def target(text: str | None) -> Any:
    """Returns shares in the order of the classes, or by their names where the file has them."""
    import askew.data.tables as tables
    from askew.data.columns import named_shares, read_words
    from askew.errors import InputError

    if text is None:
        return None
    path = Path(text)
    if path.suffix.lower() not in tables.READERS:
        try:
            return [float(part) for part in text.split(",")]
        except ValueError as error:
            raise InputError(
                f"--target: expected numbers such as 0.5,0.3,0.2 in the order of the columns of --probs, or a file, "
                f"such as a .csv of class and share, got {text!r}"
            ) from error
    named = named_shares(read_words("target", path)) if path.suffix.lower() in (".csv", ".parquet") else None
    if named is not None:
        return named
    table = tables.read_table("target", path, items=False)
    if table.values.ndim != 2 or len(table.values) != 1:
        return table.values
    if table.names is None or len(set(table.names)) < len(table.names):
        return table.values[0]
    return dict(zip(table.names, table.values[0].tolist(), strict=True))


def _read(field: Any, arguments: argparse.Namespace, ids: str | None) -> Any:
    """Returns the table of a field; what the same file holds of labels and ids is left out."""
    import askew.data.tables as tables
    from askew.data.columns import USUAL

    given: Path | None = getattr(arguments, field.name)
    if given is None:
        return None
    path, picked = source(str(given))
    path = path or given
    without: list[str] = []
    for text, usual in ((arguments.labels, USUAL), (arguments.ids, ())):
        file, column = source(text)
        if file is not None and (file.absolute() == path.absolute() or same_file(file, path)):
            without += usual if column is None else [column]
    only = None if picked is None else [one.strip() for one in picked.split(",")]
    table = tables.read_table(field.name, path, ids=ids, only=only, without=without)
    if not field.integers:
        return table
    gaps = len(field.dims) > 1
    return replace(table, values=tables.whole_numbers(field.name, path, table.values, gaps=gaps))


def _classes(text: str | None, probs: Any, n_classes: int | None) -> tuple[str, ...] | None:
    """Returns the names of the classes in the order of the columns of P, where there are any."""
    from askew.data.columns import read_words
    from askew.names import checked_classes, named_columns

    columns = named_columns(probs.names if probs is not None else None)
    if text is None:
        return columns
    file, _ = source(text)
    if file is None:
        classes = text.split(",")
    else:
        classes = read_words("classes", file).columns[0]
        classes = classes[:-1] if classes[-1] == "" else classes
    return checked_classes(classes, columns, n_classes)


def _labels(
    arguments: argparse.Namespace, ids_column: str | None, pred: Any, classes: tuple[str, ...] | None
) -> tuple[Any, tuple[str, ...] | None, list[str] | None, Any]:
    """Returns (N,) class numbers, the names of the classes, the ids that stand beside the labels, and the table."""
    from askew.data import columns, tables
    from askew.errors import InputError, one_line
    from askew.names import as_places, class_codes, class_numbers

    path, wanted = source(arguments.labels)
    path = path or Path(arguments.labels)
    if path.suffix.lower() in (".npy", ".npz"):
        array = tables.read_array("labels", path)
        if array.dtype.kind not in "US":
            whole = tables.whole_numbers("labels", path, array, gaps=True)
            return as_places(whole, class_numbers(classes)), classes, None, None
    where = f"labels: {one_line(path)}"
    table = columns.read_words("labels", path)
    cells, ids = columns.column(
        table,
        wanted,
        n_items=pred.n_items,
        ids=ids_column,
        usual=columns.USUAL,
        is_row=columns.begins_with_label(classes, where),
    )
    codes, names = class_codes(where, cells, classes)
    if names is not None and classes is None and pred.n_classes not in (None, len(names)):
        raise InputError(
            f"{where} has {len(names)} names of classes, the other arrays have {pred.n_classes} classes: pass "
            "--classes with all names in the order of the columns"
        )
    return codes, names or classes, ids, table


def _ids(
    text: str | None, file: Path | None, column: str | None, found: dict[str, list[str] | None], n_items: int
) -> list[str] | None:
    """Returns the ids of all items from their file or from the tables that have their column, which must agree."""
    from askew.data import columns
    from askew.errors import InputError
    from askew.names import agreed, check_ids

    if text is None:
        return None
    sources = {name: words for name, words in found.items() if words is not None}
    if file is not None:
        sources = {"ids": columns.column(columns.read_words("ids", file), column, n_items=n_items)[0], **sources}
    if not sources:
        raise InputError(
            f"--ids: {text!r} is no .txt, .csv, .npy or .parquet file, and no table has a column so called"
        )
    check_ids(next(iter(sources.values())), n_items)
    agreed(sources)
    return next(iter(sources.values()))


def _check_order(arguments: argparse.Namespace, ids: list[str], labels: Any) -> None:
    """Refuses a table that has the ids in another order, in a column that nobody named."""
    from askew.data.columns import read_words, same_names
    from askew.names import agreed
    from askew.predictions import FIELDS

    tables = {} if labels is None else {"labels": labels}
    for name in FIELDS:
        path, picked = source(None if getattr(arguments, name) is None else str(getattr(arguments, name)))
        if path is not None and picked is not None:
            tables[name] = read_words(name, path)
    for name, words in tables.items():
        other = same_names(words, ids)
        if other is not None:
            agreed({"ids": ids, name: other})
