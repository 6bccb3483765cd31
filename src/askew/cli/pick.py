"""`askew pick`: arrays from files in, the items to label out."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

ARRAYS = {
    "probs": "(N, C) class probabilities",
    "features": "(N, D) embeddings",
    "draws": "(T, N, C) probabilities of T stochastic passes",
    "dispersion": "(N,) label dispersion",
    "margins": "(N, C) SVM decision values",
    "labeled_likeness": "(N,) how sure a discriminator is that the item is labelled",
}


def add(commands: Any) -> None:
    """Adds the subcommand to the parser."""
    parser = commands.add_parser(
        "pick",
        help="pick the items to label next, from arrays in files",
        description="Picks the n unlabeled items that a person should label next, best first. Arrays come from .npy "
        "(memory-mapped), .npz, .csv or .parquet files; row i of each is pool item i.",
    )
    parser.add_argument("strategy", help="a name from `askew strategies`")
    parser.add_argument("-n", type=int, required=True, metavar="N", help="how many items to pick")
    parser.add_argument("--labels", type=Path, metavar="FILE", help="(N,) classes from 0, -1 is unlabeled")
    for name, what in ARRAYS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", dest=name, type=Path, metavar="FILE", help=what)
    parser.add_argument("--truth", type=Path, metavar="FILE", help="(N,) true classes, for the oracle")
    parser.add_argument("--balance", metavar="WEIGHT", help='λ of the class balance, a number or "auto"; needs --probs')
    parser.add_argument(
        "--target", metavar="SHARES", help="class distribution wanted: a file, or numbers like 0.5,0.3,0.2"
    )
    parser.add_argument("--balance-by", choices=["probs", "predicted"], default="probs", help="what is balanced")
    parser.add_argument("--balance-distance", choices=["l1", "l2", "wasserstein"], default="l1", help="its distance")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a parameter of the strategy")
    parser.add_argument("--seed", type=int, default=0, help="settles ties and random strategies (0)")
    parser.add_argument("--out", type=Path, metavar="FILE", help=".csv, .json or .npy; without it, items go to stdout")
    parser.set_defaults(call=call)


def call(arguments: argparse.Namespace) -> int:
    """Picks and prints, or writes."""
    import askew.data.tables as tables
    from askew.errors import InputError, unknown
    from askew.pool import Pool, Predictions
    from askew.query import Balance, select
    from askew.strategies.registry import get

    strategy = get(arguments.strategy)
    out: Path | None = arguments.out
    if out is not None and out.suffix not in tables.WRITERS:
        raise unknown("format of --out", out.suffix or out.name, tables.WRITERS)
    given = {name: tables.read_array(name, getattr(arguments, name)) for name in ARRAYS if getattr(arguments, name)}
    if arguments.truth:
        given["truth"] = tables.read_integers("truth", arguments.truth)
    pred = Predictions(**given)
    balance = None
    if arguments.balance is not None:
        balance = Balance(
            _weight(arguments.balance),
            target=_target(arguments.target),
            by=arguments.balance_by,
            distance=arguments.balance_distance,
        )
    elif arguments.target is not None or arguments.balance_by != "probs" or arguments.balance_distance != "l1":
        raise InputError("--target, --balance-by and --balance-distance need --balance WEIGHT")
    if arguments.labels:
        pool = Pool(tables.read_integers("labels", arguments.labels))
    elif pred.n_items is not None:
        pool = Pool.without_labels(pred.n_items)
    else:
        raise InputError("nothing was given that says how large the pool is: pass --labels or another array")
    selection = select(
        strategy, arguments.n, pred, pool, balance=balance, seed=arguments.seed, parameters=_parameters(arguments.set)
    )
    details = {} if balance is None else _details(selection)
    if details:
        print(_lines(details), file=sys.stderr)
    if out is None:
        sys.stdout.write("".join(f"{item}\n" for item in selection.chosen.tolist()))
    else:
        about = {"strategy": strategy.name, "n": arguments.n, "seed": arguments.seed, **details}
        tables.write_file(out, tables.picks_as_text(selection.chosen, about, out.suffix))
    return 0


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
