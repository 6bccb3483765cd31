"""`askew pick`: arrays from files in, the items to label out."""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any


def add(commands: Any) -> None:
    """Adds the subcommand to the parser."""
    from askew.predictions import FIELDS
    from askew.strategies.registry import strategies

    parser = commands.add_parser(
        "pick",
        help="pick the items to label next, from arrays in files",
        description="Picks the n unlabeled items that a person should label next, best first. Arrays come from .npy "
        "(memory-mapped), .npz, .csv or .parquet files; row i of each is pool item i. A .csv may begin with a line of "
        "names, and a nameless first column that counts the rows (pandas' index) is left out. FILE:cat,dog reads these "
        "columns alone, and what labels and ids take of the same file is no feature. Labels may be names of "
        "classes, and an empty cell is unlabeled.",
    )
    parser.add_argument("strategy", help="a name from `askew strategies`")
    parser.add_argument("-n", type=int, required=True, metavar="N", help="how many items to pick")
    parser.add_argument(
        "--labels",
        metavar="FILE[:COLUMN]",
        help="(N,) classes, as numbers from 0 or as names; -1, an empty cell, NaN, NA and null are unlabeled",
    )
    parser.add_argument(
        "--classes",
        metavar="NAMES",
        help="names of the classes in the order of the columns of --probs: cat,dog,emu or a .txt with one a line "
        "(the columns' names, else the labels' names, sorted)",
    )
    parser.add_argument(
        "--ids",
        metavar="FILE|COLUMN",
        help="ids or file names to answer with: a .txt with one a line, FILE:COLUMN of a table, or a column of the "
        'other tables, which then is no feature; "index" is also pandas\' nameless index',
    )
    wanted = {"probs"}.union(*(entry.needs for entry in strategies().values()))
    parser.set_defaults(**{name: None for name in FIELDS if name not in wanted})
    for field in (field for field in FIELDS.values() if field.name in wanted):
        flag = f"--{field.name.replace('_', '-')}"
        parser.add_argument(
            flag, dest=field.name, type=Path, metavar="FILE[:COLUMNS]", help=f"{field.shape} {field.doc}"
        )
    parser.add_argument("--balance", metavar="WEIGHT", help='λ of the class balance, a number or "auto"; needs --probs')
    parser.add_argument(
        "--target",
        metavar="SHARES",
        help="class distribution wanted: numbers like 0.5,0.3,0.2 in the order of the classes, or a file, in that "
        "order or with names: a table of class and share, or one row below the names of the classes",
    )
    parser.add_argument(
        "--balance-by",
        choices=["probs", "predicted"],
        default="probs",
        help='"predicted": quotas of predicted classes, without a weight',
    )
    parser.add_argument(
        "--balance-distance",
        choices=["l1", "l2", "wasserstein"],
        default="l1",
        help="how the balance measures what the classes lack or have too much (l1)",
    )
    parser.add_argument(
        "--balance-ground-metric", type=Path, metavar="FILE", help="(C, C) cost of one class for another; wasserstein"
    )
    parser.add_argument(
        "--balance-per-class", action="store_true", help="divide λ by the number of classes; greedy strategies"
    )
    parser.add_argument(
        "--balance-curve",
        type=Path,
        metavar="FILE",
        help="write every λ that --balance auto tried, with the sum of the chosen scores and the distance of the "
        "classes to those wanted, as .csv (Fig. 4.4)",
    )
    parser.add_argument(
        "--around-labeled", type=int, metavar="K", help="frames left out next to labelled ones; needs --videos (3)"
    )
    parser.add_argument(
        "--around-picked", type=int, metavar="K", help="frames left out next to picked ones; needs --videos (5)"
    )
    parser.add_argument(
        "--order", choices=["videos", "global"], help="videos in turn, or frames by score alone; needs --videos"
    )
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a parameter of the strategy")
    parser.add_argument("--seed", type=int, default=0, help="settles ties and random strategies (0)")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help=".csv, .json or .npy (items alone); without it, items or ids go to stdout",
    )
    parser.add_argument("--json", action="store_true", help="print the picks and what the balance says as JSON")
    parser.set_defaults(call=call)


def call(arguments: argparse.Namespace) -> int:
    """Picks and prints, or writes; what is wrong is said in the words of the command line."""
    from askew.cli.flags import as_flags
    from askew.errors import InputError

    try:
        return _pick(arguments)
    except InputError as error:
        error.args = (as_flags(str(error), set(vars(arguments)) - {"call", "command", "strategy", "set", "out"}),)
        raise


def _pick(arguments: argparse.Namespace) -> int:
    import askew.data.tables as tables
    from askew.errors import InputError, unknown
    from askew.files import write_whole
    from askew.plan import Plan
    from askew.pool import Pool
    from askew.predictions import FIELDS, Predictions
    from askew.query import select
    from askew.strategies.registry import get

    out: Path | None = arguments.out
    if out is not None and out.suffix not in tables.WRITERS:
        raise unknown("format of --out", out.suffix or out.name, tables.WRITERS)
    ids_file, ids_column = _source(arguments.ids)
    _refuse_curve(arguments)
    _refuse_to_overwrite("--out", out, arguments)
    _refuse_to_overwrite("--balance-curve", arguments.balance_curve, arguments)
    if arguments.balance is None and arguments.balance_by == "probs":
        _refuse_settings_without_weight(arguments)
    plan = Plan(get(arguments.strategy), _parameters(arguments.set), spacing=_spacing(arguments))
    read = {name: _read(field, arguments, ids_column) for name, field in FIELDS.items()}
    given = {name: table for name, table in read.items() if table is not None}
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
    balance = _balance(arguments, classes, pred.n_classes)
    plan = replace(plan, balance=balance)
    ids = _ids(arguments.ids, ids_file, ids_column, found, len(pool))
    if ids is not None:
        _check_order(arguments, ids, table)
    selection = select(plan, arguments.n, pred, pool, seed=arguments.seed)
    details = {} if balance is None else _details(selection)
    if details:
        print(_lines(details, classes), file=sys.stderr)
    if selection.proof is not None:
        print(selection.proof.line(), file=sys.stderr)
        details["proof"] = selection.proof.record()
    about = {"strategy": plan.strategy.name, "n": arguments.n, "seed": arguments.seed, **details}
    if classes is not None:
        about["classes"] = list(classes)
    if arguments.balance_curve is not None and selection.curve is not None:
        write_whole(arguments.balance_curve, _as_csv(selection.curve.rows()))
    rows = selection.named(ids, classes).rows()
    if out is not None:
        write_whole(out, tables.picks_as_text(rows, about, out.suffix))
    if arguments.json:
        sys.stdout.write(tables.picks_as_text(rows, about, ".json").decode())
    elif out is None:
        sys.stdout.write("".join(f"{row.get('id', row['item'])}\n" for row in rows))
    return 0


def _balance(arguments: argparse.Namespace, classes: tuple[str, ...] | None, n_classes: int | None) -> Any:
    import askew.data.tables as tables
    from askew.names import in_class_order
    from askew.plan import balance_of

    metric = arguments.balance_ground_metric
    return balance_of(
        None if arguments.balance is None else _weight(arguments.balance),
        target=in_class_order(_target(arguments.target), classes, n_classes),
        by=arguments.balance_by,
        distance=arguments.balance_distance,
        ground_metric=None if metric is None else tables.read_array("balance_ground_metric", metric, items=False),
        per_class=arguments.balance_per_class,
    )


def _source(text: str | None) -> tuple[Path | None, str | None]:
    """Returns the file and the column that FILE, FILE:COLUMN or COLUMN names."""
    from askew.data.columns import WORD_READERS

    if text is None:
        return None, None
    file, colon, column = text.rpartition(":")
    if colon and Path(file).suffix.lower() in WORD_READERS:
        return Path(file), column
    return (Path(text), None) if Path(text).suffix.lower() in WORD_READERS else (None, text)


def _as_csv(rows: list[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _refuse_curve(arguments: argparse.Namespace) -> None:
    """Refuses a file for the λ curve where no λ is tuned, one that is no .csv, and the one of the picks."""
    from askew.errors import InputError

    curve: Path | None = arguments.balance_curve
    if curve is None:
        return
    if arguments.balance != "auto":
        raise InputError("--balance-curve needs --balance auto: with one weight, or none, there is no curve")
    if curve.suffix != ".csv":
        raise InputError(f"--balance-curve: {curve} is no .csv file")
    if arguments.out is not None and arguments.out.absolute() == curve.absolute():
        raise InputError(f"--balance-curve: {curve} is what --out writes: choose another file")


def _refuse_to_overwrite(flag: str, out: Path | None, arguments: argparse.Namespace) -> None:
    from askew.errors import InputError
    from askew.predictions import FIELDS

    if out is None:
        return
    for name in (*FIELDS, "labels", "ids", "classes", "target", "balance_ground_metric"):
        given = getattr(arguments, name)
        path = _source(None if given is None else str(given))[0]
        path = given if path is None and isinstance(given, Path) else path
        if path is not None and (path.absolute() == out.absolute() or _same_file(path, out)):
            raise InputError(f"{flag}: {out} is what --{name.replace('_', '-')} reads: choose another file")


def _same_file(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.samefile(other)


def _classes(text: str | None, probs: Any, n_classes: int | None) -> tuple[str, ...] | None:
    """Returns the names of the classes in the order of the columns of P, where there are any."""
    from askew.data.columns import read_words
    from askew.names import checked_classes, named_columns

    columns = named_columns(probs.names if probs is not None else None)
    if text is None:
        return columns
    file, _ = _source(text)
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

    path, wanted = _source(arguments.labels)
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
        path, picked = _source(None if getattr(arguments, name) is None else str(getattr(arguments, name)))
        if path is not None and picked is not None:
            tables[name] = read_words(name, path)
    for name, words in tables.items():
        other = same_names(words, ids)
        if other is not None:
            agreed({"ids": ids, name: other})


def _read(field: Any, arguments: argparse.Namespace, ids: str | None) -> Any:
    """Returns the table of a field; what the same file holds of labels and ids is left out."""
    import askew.data.tables as tables
    from askew.data.columns import USUAL

    given: Path | None = getattr(arguments, field.name)
    if given is None:
        return None
    path, picked = _source(str(given))
    path = path or given
    without: list[str] = []
    for text, usual in ((arguments.labels, USUAL), (arguments.ids, ())):
        file, column = _source(text)
        if file is not None and (file.absolute() == path.absolute() or _same_file(file, path)):
            without += usual if column is None else [column]
    only = None if picked is None else [one.strip() for one in picked.split(",")]
    table = tables.read_table(field.name, path, ids=ids, only=only, without=without)
    return replace(table, values=tables.whole_numbers(field.name, path, table.values)) if field.integers else table


def _spacing(arguments: argparse.Namespace) -> Any:
    from askew.errors import InputError
    from askew.plan import Spacing

    names = ("around_labeled", "around_picked", "order")
    given = {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}
    if given and not arguments.videos:
        raise InputError(f"--{next(iter(given)).replace('_', '-')} needs --videos FILE: which video each frame is of")
    return Spacing(**given) if arguments.videos else None


def _refuse_settings_without_weight(arguments: argparse.Namespace) -> None:
    from askew.errors import InputError

    given = {
        "--target": arguments.target is not None,
        "--balance-distance": arguments.balance_distance != "l1",
        "--balance-ground-metric": arguments.balance_ground_metric is not None,
        "--balance-per-class": arguments.balance_per_class,
    }
    for flag, there in given.items():
        if there:
            raise InputError(f"{flag} needs --balance WEIGHT, or --balance auto")


def _weight(text: str) -> Any:
    from askew.errors import InputError

    if text == "auto":
        return text
    try:
        return float(text)
    except ValueError as error:
        raise InputError(f'--balance: expected a number from 0 or "auto", got {text!r}') from error


def _target(text: str | None) -> Any:
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


def _parameters(pairs: list[str]) -> dict[str, Any]:
    from askew.errors import InputError

    found: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise InputError(f"--set: expected KEY=VALUE, got {pair!r}")
        try:
            found[key] = json.loads(value)
        except json.JSONDecodeError:
            found[key] = value
    return found


def _details(selection: Any) -> dict[str, Any]:
    from askew.pick.balance import l1_score

    return {
        "demand": [round(float(v), 3) for v in selection.demand],
        "expected_counts": [round(float(v), 3) for v in selection.expected],
        "l1_score": l1_score(selection.expected),
        "weight": selection.weight,
        "objective": selection.objective,
        "bound": selection.bound,
        "gap": selection.gap,
    }


def _lines(details: dict[str, Any], classes: tuple[str, ...] | None) -> str:
    def number(value: float | None) -> str:
        return "-" if value is None else f"{value:.6g}"

    pairs = zip(details["expected_counts"], details["demand"], strict=True)
    names = classes or range(len(details["demand"]))
    counts = "  ".join(f"{label}: {got:.1f}/{want:.1f}" for label, (got, want) in zip(names, pairs, strict=True))
    return (
        f"class counts, expected of these picks/wanted to reach the target  {counts}\n"
        f"L1 score {number(details['l1_score'])}   weight {number(details['weight'])}   "
        f"objective {number(details['objective'])}   gap {number(details['gap'])}"
    )
