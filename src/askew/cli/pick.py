"""`askew pick`: arrays from files in, the items to label out."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any


def add(commands: Any) -> None:
    """Adds the subcommand to the parser."""
    from askew.predictions import FIELDS

    parser = commands.add_parser(
        "pick",
        help="pick the items to label next, from arrays in files",
        description="Picks the n unlabeled items that a person should label next, best first. Arrays come from .npy "
        "(memory-mapped), .npz, .csv or .parquet files; row i of each is pool item i. A .csv may begin with a line of "
        "names, and a nameless first column that counts the rows (pandas' index) is left out.",
    )
    parser.add_argument("strategy", help="a name from `askew strategies`")
    parser.add_argument("-n", type=int, required=True, metavar="N", help="how many items to pick")
    parser.add_argument("--labels", type=Path, metavar="FILE", help="(N,) classes from 0, -1 is unlabeled")
    for field in FIELDS.values():
        flag = f"--{field.name.replace('_', '-')}"
        parser.add_argument(flag, dest=field.name, type=Path, metavar="FILE", help=f"{field.shape} {field.doc}")
    parser.add_argument("--balance", metavar="WEIGHT", help='λ of the class balance, a number or "auto"; needs --probs')
    parser.add_argument(
        "--target", metavar="SHARES", help="class distribution wanted: a file, or numbers like 0.5,0.3,0.2"
    )
    parser.add_argument(
        "--balance-by",
        choices=["probs", "predicted"],
        default="probs",
        help='"predicted": quotas of predicted classes, without a weight',
    )
    parser.add_argument("--balance-distance", choices=["l1", "l2", "wasserstein"], default="l1", help="its distance")
    parser.add_argument(
        "--balance-ground-metric", type=Path, metavar="FILE", help="(C, C) cost of one class for another; wasserstein"
    )
    parser.add_argument(
        "--balance-per-class", action="store_true", help="divide λ by the number of classes; greedy strategies"
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
    parser.add_argument("--out", type=Path, metavar="FILE", help=".csv, .json or .npy; without it, items go to stdout")
    parser.set_defaults(call=call)


def call(arguments: argparse.Namespace) -> int:
    """Picks and prints, or writes."""
    import askew.data.tables as tables
    from askew.errors import InputError, unknown
    from askew.files import write_whole
    from askew.plan import Plan, balance_of
    from askew.pool import Pool
    from askew.predictions import FIELDS, Predictions
    from askew.query import select
    from askew.strategies.registry import get

    out: Path | None = arguments.out
    if out is not None and out.suffix not in tables.WRITERS:
        raise unknown("format of --out", out.suffix or out.name, tables.WRITERS)
    if arguments.balance is None and arguments.balance_by == "probs":
        _refuse_settings_without_weight(arguments)
    metric = arguments.balance_ground_metric
    balance = balance_of(
        None if arguments.balance is None else _weight(arguments.balance),
        target=_target(arguments.target),
        by=arguments.balance_by,
        distance=arguments.balance_distance,
        ground_metric=None if metric is None else tables.read_array("balance_ground_metric", metric),
        per_class=arguments.balance_per_class,
    )
    plan = Plan(get(arguments.strategy), _parameters(arguments.set), balance, _spacing(arguments))
    pred = Predictions(**{name: _read(field, getattr(arguments, name)) for name, field in FIELDS.items()})
    if arguments.labels:
        pool = Pool(tables.read_integers("labels", arguments.labels))
    elif pred.n_items is not None:
        pool = Pool.without_labels(pred.n_items)
    else:
        raise InputError("nothing was given that says how large the pool is: pass --labels or another array")
    selection = select(plan, arguments.n, pred, pool, seed=arguments.seed)
    details = {} if balance is None else _details(selection)
    if details:
        print(_lines(details), file=sys.stderr)
    if out is None:
        sys.stdout.write("".join(f"{item}\n" for item in selection.chosen.tolist()))
    else:
        about = {"strategy": plan.strategy.name, "n": arguments.n, "seed": arguments.seed, **details}
        write_whole(out, tables.picks_as_text(selection.chosen, about, out.suffix))
    return 0


def _read(field: Any, path: Path | None) -> Any:
    import askew.data.tables as tables

    if path is None:
        return None
    return (tables.read_integers if field.integers else tables.read_array)(field.name, path)


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
    import askew.data.tables as tables
    from askew.errors import InputError

    if text is None:
        return None
    if Path(text).suffix in tables.READERS:
        return tables.read_array("target", Path(text))
    try:
        return [float(part) for part in text.split(",")]
    except ValueError as error:
        raise InputError(f"--target: expected a file or numbers such as 0.5,0.3,0.2, got {text!r}") from error


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


def _lines(details: dict[str, Any]) -> str:
    def number(value: float | None) -> str:
        return "-" if value is None else f"{value:.6g}"

    pairs = zip(details["expected_counts"], details["demand"], strict=True)
    counts = "  ".join(f"{label}: {got:.1f}/{want:.1f}" for label, (got, want) in enumerate(pairs))
    return (
        f"class counts, expected/wanted  {counts}\n"
        f"L1 score {number(details['l1_score'])}   weight {number(details['weight'])}   "
        f"objective {number(details['objective'])}   gap {number(details['gap'])}"
    )
