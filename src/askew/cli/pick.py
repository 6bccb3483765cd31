"""`askew pick`: arrays from files in, the items to label out."""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from askew.cli.pick_files import read, same_file, source, target

if TYPE_CHECKING:
    from askew.plan import Plan
    from askew.selection import Selection

SPACING = ("around_labeled", "around_picked", "order")
"""The settings of frames' spacing."""


def add(commands: Any) -> None:
    """Adds the subcommand to the parser."""
    parser = commands.add_parser(
        "pick",
        help="pick the items to label next, from arrays in files",
        description="Picks the n unlabeled items that a person should label next, best first. Arrays come from .npy "
        "(memory-mapped), .npz, .csv or .parquet files; row i of each is pool item i. A .csv may begin with a line of "
        "names, and a nameless first column that counts the rows (pandas' index) is left out. FILE:cat,dog reads these "
        "columns alone, and what labels and ids take of the same file is no feature. Labels may be names of "
        "classes, and an empty cell is unlabeled.",
    )
    parser.add_argument(
        "strategy", help="a name from `askew strategies`; auto is what `askew advise` says of what is given"
    )
    parser.add_argument("-n", type=int, required=True, metavar="N", help="how many items to pick")
    _add_names(parser)
    _add_fields(parser)
    _add_balance(parser)
    _add_spacing(parser)
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


def _add_names(parser: argparse.ArgumentParser) -> None:
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


def _add_fields(parser: argparse.ArgumentParser) -> None:
    from askew.predictions import FIELDS
    from askew.strategies.registry import strategies

    wanted = {"probs"}.union(*((*entry.needs, *entry.instead) for entry in strategies().values()))
    parser.set_defaults(**{name: None for name in FIELDS if name not in wanted})
    for field in (field for field in FIELDS.values() if field.name in wanted):
        flag = f"--{field.name.replace('_', '-')}"
        parser.add_argument(
            flag, dest=field.name, type=Path, metavar="FILE[:COLUMNS]", help=f"{field.shape} {field.doc}"
        )


def _add_balance(parser: argparse.ArgumentParser) -> None:
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


def _add_spacing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--around-labeled", type=int, metavar="K", help="frames left out next to labelled ones; needs --videos (3)"
    )
    parser.add_argument(
        "--around-picked", type=int, metavar="K", help="frames left out next to picked ones; needs --videos (5)"
    )
    parser.add_argument(
        "--order", choices=["videos", "global"], help="videos in turn, or frames by score alone; needs --videos"
    )


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
    from askew.errors import unknown
    from askew.files import write_whole
    from askew.query import advised, select

    out: Path | None = arguments.out
    if out is not None and out.suffix not in tables.WRITERS:
        raise unknown("format of --out", out.suffix or out.name, tables.WRITERS)
    _refuse_curve(arguments)
    _refuse_to_overwrite("--out", out, arguments)
    _refuse_to_overwrite("--balance-curve", arguments.balance_curve, arguments)
    plan = _plan(arguments)
    given = read(arguments)
    advice = None
    if plan is None:
        n_classes = None if given.classes is None else len(given.classes)
        advice = advised(arguments.n, given.pred, given.pool, n_classes)
        plan = advice.plan
    else:
        plan = replace(plan, balance=_balance(arguments, given.classes, given.pred.n_classes))
    selection = replace(select(plan, arguments.n, given.pred, given.pool, seed=arguments.seed), advice=advice)
    found = _details(selection)
    _say(selection, found, given.classes)
    about = {"strategy": plan.strategy.name, "n": arguments.n, "seed": arguments.seed, **found}
    if given.classes is not None:
        about["classes"] = list(given.classes)
    if arguments.balance_curve is not None and selection.curve is not None:
        write_whole(arguments.balance_curve, _as_csv(selection.curve.rows()))
    rows = selection.named(given.ids, given.classes).rows()
    if out is not None:
        write_whole(out, tables.picks_as_text(rows, about, out.suffix))
    if arguments.json:
        sys.stdout.write(tables.picks_as_text(rows, about, ".json").decode())
    elif out is None:
        sys.stdout.write("".join(f"{row.get('id', row['item'])}\n" for row in rows))
    return 0


def _plan(arguments: argparse.Namespace) -> Plan | None:
    """Returns what is asked for, without the balance, which needs the names of the classes; None for `auto`."""
    from askew.errors import InputError
    from askew.plan import Plan
    from askew.query import AUTO, refuse_beside_auto
    from askew.strategies.registry import get

    if arguments.strategy == AUTO:
        refuse_beside_auto(
            {
                "balance": arguments.balance is not None,
                "balance_by": arguments.balance_by != "probs",
                **_settings_of_weight(arguments),
                **{name: getattr(arguments, name) is not None for name in SPACING},
                "--set": bool(arguments.set),
            }
        )
        return None
    if arguments.balance is None and arguments.balance_by == "probs":
        for name, is_set in _settings_of_weight(arguments).items():
            if is_set:
                raise InputError(f"--{name.replace('_', '-')} needs --balance WEIGHT, or --balance auto")
    return Plan(get(arguments.strategy), _parameters(arguments.set), spacing=_spacing(arguments))


def _settings_of_weight(arguments: argparse.Namespace) -> dict[str, bool]:
    """Returns the settings of a balance that has a weight, and whether each is set."""
    return {
        "target": arguments.target is not None,
        "balance_distance": arguments.balance_distance != "l1",
        "balance_ground_metric": arguments.balance_ground_metric is not None,
        "balance_per_class": arguments.balance_per_class,
    }


def _balance(arguments: argparse.Namespace, classes: tuple[str, ...] | None, n_classes: int | None) -> Any:
    import askew.data.tables as tables
    from askew.names import in_class_order
    from askew.plan import balance_of

    metric = arguments.balance_ground_metric
    return balance_of(
        None if arguments.balance is None else _weight(arguments.balance),
        target=in_class_order(target(arguments.target), classes, n_classes),
        by=arguments.balance_by,
        distance=arguments.balance_distance,
        ground_metric=None if metric is None else tables.read_array("balance_ground_metric", metric, items=False),
        per_class=arguments.balance_per_class,
    )


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
        path = source(None if given is None else str(given))[0]
        path = given if path is None and isinstance(given, Path) else path
        if path is not None and (path.absolute() == out.absolute() or same_file(path, out)):
            raise InputError(f"{flag}: {out} is what --{name.replace('_', '-')} reads: choose another file")


def _spacing(arguments: argparse.Namespace) -> Any:
    from askew.errors import InputError
    from askew.plan import Spacing

    given = {name: getattr(arguments, name) for name in SPACING if getattr(arguments, name) is not None}
    if given and not arguments.videos:
        raise InputError(f"--{next(iter(given)).replace('_', '-')} needs --videos FILE: which video each frame is of")
    return Spacing(**given) if arguments.videos else None


def _weight(text: str) -> Any:
    from askew.errors import InputError

    if text == "auto":
        return text
    try:
        return float(text)
    except ValueError as error:
        raise InputError(f'--balance: expected a number from 0 or "auto", got {text!r}') from error


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


def _details(selection: Selection) -> dict[str, Any]:
    """Returns what the selection says of itself, for JSON."""
    from askew.pick.balance import l1_score

    found: dict[str, Any] = {}
    if selection.demand is not None and selection.expected is not None:
        found = {
            "demand": [round(float(v), 3) for v in selection.demand],
            "expected_counts": [round(float(v), 3) for v in selection.expected],
            "l1_score": l1_score(selection.expected),
            "weight": selection.weight,
            "objective": selection.objective,
            "bound": selection.bound,
            "gap": selection.gap,
        }
    if selection.proof is not None:
        found["proof"] = selection.proof.record()
    if selection.advice is not None:
        found["advice"] = selection.advice.in_short()
    return found


def _say(selection: Selection, found: dict[str, Any], classes: tuple[str, ...] | None) -> None:
    """Writes to stderr what a person wants to know of the selection: why, how balanced, how well proved."""
    advice = selection.advice
    if advice is not None:
        print(f"asked with {advice.name} ({advice.confidence}). {advice.why}", file=sys.stderr)
    if selection.demand is not None:
        print(_lines(found, classes), file=sys.stderr)
    if selection.proof is not None:
        print(selection.proof.line(), file=sys.stderr)


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
