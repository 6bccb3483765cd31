"""`askew advise`: which strategy, or random, and what was measured that says so."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from askew.advice import Advice, Cell, Gain
    from askew.report.ledgers import Experiment

NUMBERS = ("classes", "items", "labels", "budget")


def add(commands: Any) -> None:
    """Adds the subcommand to the parser."""
    parser = commands.add_parser(
        "advise",
        help="say which strategy to ask the next labels with, or random, and why",
        description="Says which strategy to ask the next labels with, or random, with how much confidence and why, and "
        "shows the measurements that say so. Outside of them the answer is: not known.",
    )
    parser.add_argument(
        "folder", nargs="?", type=Path, metavar="FOLDER", help="what `askew run` wrote, in place of the numbers"
    )
    parser.add_argument("--classes", type=int, metavar="C", help="the number of classes")
    parser.add_argument("--items", type=int, metavar="N", help="the number of items, labelled ones too")
    parser.add_argument("--labels", type=int, metavar="L", help="labels so far")
    parser.add_argument("--budget", type=int, metavar="B", help="labels to ask next; of a folder: its own")
    parser.add_argument("--no-features", action="store_true", help="there are no features of a frozen network")
    parser.add_argument(
        "--tail", choices=["balanced", "long-tailed"], help="what is known of the pool's classes (nothing)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(call=call)


def call(arguments: argparse.Namespace) -> int:
    """Prints the advice."""
    from askew.advice import advise
    from askew.errors import InputError
    from askew.report.ledgers import read

    measured: dict[str, Gain] = {}
    given = {name: getattr(arguments, name) for name in NUMBERS}
    if arguments.folder is None:
        for name, value in given.items():
            if value is None:
                raise InputError(f"--{name}: is missing: give --classes, --items, --labels and --budget, or a folder")
        features = not arguments.no_features
    else:
        for name in ("classes", "items", "labels"):
            if given[name] is not None:
                raise InputError(f"--{name}: {arguments.folder} says it: leave it out")
        experiment = read(arguments.folder)
        given = {**state_of(experiment), **({} if given["budget"] is None else {"budget": given["budget"]})}
        learner = experiment.config.get("learner") or {}
        features = learner.get("features") is not None and not arguments.no_features
        measured = gains_of(experiment)
    found = advise(
        given["classes"],
        given["items"],
        given["labels"],
        given["budget"],
        gives=("features", "probs") if features else ("probs",),
        tail=arguments.tail,
    )
    if arguments.json:
        own = {name: gain.record() for name, gain in measured.items()}
        print(json.dumps({**given, "features": features, **found.record(), "measured_here": own}, indent=2))
    else:
        print(text(found, measured))
    return 0


def state_of(experiment: Experiment) -> dict[str, int]:
    """Returns classes, items, labels of the furthest cycle, and budget, as much of it as is left."""
    labels = max(run.cycles[-1].n_labeled for run in experiment.runs if run.cycles and run.label != "full")
    budget = next(run.header.budget for run in experiment.runs if run.header is not None and run.label != "full")
    left = experiment.n_items - labels
    return {
        "classes": len(experiment.classes),
        "items": experiment.n_items,
        "labels": labels,
        "budget": max(1, min(budget, left)),
    }


def gains_of(experiment: Experiment) -> dict[str, Gain]:
    """Returns each strategy's gain on random in this folder, over the cycles and seeds that both have."""
    from askew.advice import RANDOM, Gain

    curves = {
        (run.label, run.seed): {one.n_labeled: one.metrics["accuracy"] for one in run.cycles}
        for run in experiment.runs
        if run.cycles and all("accuracy" in one.metrics for one in run.cycles)
    }
    found = {}
    for label in experiment.labels:
        differences = []
        for seed in experiment.seeds:
            mine, random = curves.get((label, seed), {}), curves.get((RANDOM, seed), {})
            common = sorted(set(mine) & set(random))[1:]
            if common:
                differences.append(100 * sum(mine[n] - random[n] for n in common) / len(common))
        if label != RANDOM and differences:
            found[label] = Gain.of(differences)
    return found


def gains_by_dataset(cells: Sequence[Cell], name: str) -> dict[str, Gain]:
    """Returns a strategy's gain on each data set that has it, the mean of its cells."""
    from askew.advice import over_datasets

    found = {}
    for dataset in dict.fromkeys(cell.dataset for cell in cells):
        gain = over_datasets([cell for cell in cells if cell.dataset == dataset], name)
        if gain is not None:
            found[dataset] = gain
    return found


def text(found: Advice, measured: dict[str, Gain]) -> str:
    """Writes it for a person."""
    lines = [
        f"{found.name}   ({found.confidence})",
        f"  {found.why}",
        "",
        "points above random, the mean of the cells near:",
    ]
    names = sorted({name for cell in found.cells for name in cell.gains})
    for name in names:
        each = [f"{one} {gain.mean:+.1f}" for one, gain in gains_by_dataset(found.cells, name).items()]
        lines.append(f"  {name:<{max(map(len, names))}}  {', '.join(each)}")
    if measured:
        lines += ["", "in this folder:", *(f"  {name}  {_gain(gain)}" for name, gain in measured.items())]
    return "\n".join(lines)


def _gain(gain: Gain) -> str:
    return f"{gain.mean:+.1f} ± {gain.half:.1f}" if math.isfinite(gain.half) else f"{gain.mean:+.1f}"
