"""`askew forecast`: what the next labels are likely to bring, and whether to stop."""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any


def add(commands: Any) -> None:
    """Adds the subcommand to the parser."""
    parser = commands.add_parser(
        "forecast",
        help="say what the next labels are likely to bring, and when to stop",
        description="Says with an interval what more labels are likely to bring, from the accuracies so far, and "
        "whether that is worth it. docs/forecast.md tells how, and how often the intervals held.",
    )
    parser.add_argument(
        "source",
        type=Path,
        metavar="SOURCE",
        help="an experiment's folder, finished or not, or a .csv file with the columns n_labeled and accuracy (0 to 1)",
    )
    parser.add_argument(
        "--next", type=int, dest="n_next", metavar="N", help="labels to come (as many as the last step; the double)"
    )
    parser.add_argument("--strategy", metavar="LABEL", help="this strategy alone, as the experiment calls it (all)")
    parser.add_argument("--metric", metavar="NAME", help="what is forecast: a metric of the ledgers (accuracy)")
    parser.add_argument("--n-test", type=int, metavar="N", help="items in the test set of a .csv file's accuracies")
    parser.add_argument("--gain", type=float, metavar="POINTS", help="say stop if so many points are unlikely to come")
    parser.add_argument("--target", type=float, metavar="PERCENT", help="how many labels an accuracy is likely to take")
    parser.add_argument("--level", type=float, default=0.8, metavar="SHARE", help="of the intervals (0.8)")
    parser.add_argument("--json", action="store_true", help="print it as JSON; see docs/forecast.md")
    parser.set_defaults(call=call)


def call(arguments: argparse.Namespace) -> int:
    """Prints the forecasts."""
    _check(arguments)
    found = [_record(label, *curve, arguments) for label, curve in _curves(arguments).items()]
    if arguments.json:
        print(json.dumps(found, indent=2, allow_nan=False))
    else:
        print("\n".join(line for one in found for line in _lines(one)))
    return 0


def _check(arguments: argparse.Namespace) -> None:
    from askew.errors import InputError

    if arguments.n_next is not None and arguments.n_next < 1:
        raise InputError(f"--next: expected one label or more, got {arguments.n_next}")
    for flag, value in (("--gain", arguments.gain), ("--target", arguments.target)):
        if value is not None and not 0 < value < 100:
            raise InputError(f"{flag}: expected a number above 0 and below 100, got {value:g}")
    if not 0 < arguments.level < 1:
        raise InputError(f"--level: expected a share above 0 and below 1, got {arguments.level:g}")


def _curves(arguments: argparse.Namespace) -> dict[str, tuple[Any, Any, int | None]]:
    """Returns for each label its (K,) label counts, its (S, K) values and the size of the test set."""
    from askew.errors import InputError, unknown

    source: Path = arguments.source
    if source.suffix.lower() == ".csv" and not source.is_dir():
        from askew.data.tables import read_table

        if arguments.strategy is not None or arguments.metric is not None:
            raise InputError("--strategy and --metric are for an experiment's folder: leave them out")
        table = read_table("SOURCE", source, items=False, only=("n_labeled", "accuracy")).values
        return {source.stem: (table[:, 0], table[:, 1], arguments.n_test)}
    from askew.report.forecasts import measured
    from askew.report.ledgers import read

    if arguments.n_test is not None:
        raise InputError("--n-test is for a .csv file; an experiment knows its test set: leave it out")
    experiment, metric = read(source), arguments.metric or "accuracy"
    metrics = {name for run in experiment.runs for cycle in run.cycles for name in cycle.metrics}
    if metric not in metrics:
        raise unknown("metric", metric, sorted(metrics))
    if arguments.strategy is not None and arguments.strategy not in experiment.labels:
        raise unknown("strategy", arguments.strategy, experiment.labels)
    labels = experiment.labels if arguments.strategy is None else (arguments.strategy,)
    found = {label: curve for label in labels if (curve := measured(experiment, label, metric)) is not None}
    if not found:
        raise InputError(f"{source}: {metric} is not yet there as a share at two label counts: a forecast needs them")
    return {label: (*curve, experiment.n_test or None) for label, curve in found.items()}


def _record(label: str, n: Any, values: Any, n_test: int | None, arguments: argparse.Namespace) -> dict[str, Any]:
    """Returns what is said of one curve, as JSON knows it: shares, and None for a count that is out of sight."""
    import numpy as np

    from askew.forecast import forecast, labels_to_reach
    from askew.report.forecasts import ahead

    values = np.atleast_2d(values)
    last = int(n[-1])
    step = max(1, last - int(n[-2]))
    more = [arguments.n_next] if arguments.n_next else sorted({step, last})
    found = forecast(n, values, [last + one for one in more], n_test=n_test, level=arguments.level)
    record: dict[str, Any] = {
        "label": label,
        "n_seeds": len(values),
        "n_labeled": last,
        "accuracy": float(values[:, -1].mean()),
        "level": found.level,
        "next": ahead(found, last),
    }
    if arguments.gain is not None:
        for one, stop in zip(record["next"], found.enough(arguments.gain / 100).tolist(), strict=True):
            one["stop"] = stop
    if arguments.target is not None:
        reach = vars(labels_to_reach(n, values, arguments.target / 100, n_test=n_test, level=arguments.level))
        record["reach"] = {name: value if math.isfinite(value) else None for name, value in reach.items()}
    return record


def _lines(record: dict[str, Any]) -> list[str]:
    """Returns the sentences on one curve."""
    of = f", mean of {record['n_seeds']} seeds" if record["n_seeds"] > 1 else ""
    lines = [f"{record['label']}: {100 * record['accuracy']:.1f}% with {record['n_labeled']:,} labels{of}"]
    for one in record["next"]:
        gain, low, high = (100 * one[name] for name in ("gain", "gain_low", "gain_high"))
        ends = [100 * one[name] for name in ("low", "high")]
        line = (
            f"  {one['labels']:,} more are likely to bring {gain:+.1f} points ({low:+.1f} to {high:+.1f}); "
            f"measured will be {100 * one['median']:.1f}% ({ends[0]:.1f} to {ends[1]:.1f})"
        )
        if "stop" in one:
            line += ": stop" if one["stop"] else ": go on"
        lines.append(line)
    if "reach" in record:
        lines.append(f"  {_reach(record['reach'])}")
    return lines


def _reach(reach: dict[str, Any]) -> str:
    median, low, high = ("out of sight" if reach[k] is None else f"{reach[k]:,.0f}" for k in ("median", "low", "high"))
    return f"{100 * reach['target']:g}% is likely to take {median} labels ({low} to {high})"
