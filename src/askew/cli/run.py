"""`askew run`: strategies × seeds under one protocol, resumable, then the report."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

NEEDS = ("vision", "torch", "torchvision", "sklearn", "pydantic", "rich", "matplotlib", "jinja2")
"""The extra that brings what an experiment imports, and those modules."""


def add(commands: Any) -> None:
    """Adds the subcommand to the parser."""
    parser = commands.add_parser(
        "run",
        help="run an experiment from a TOML file or a preset",
        description="Runs every strategy of an experiment with every seed and makes the report. Stopped at any time, "
        "the same command goes on from the last finished cycle. Without EXPERIMENT it lists the presets.",
    )
    parser.add_argument("experiment", nargs="?", metavar="EXPERIMENT", help="a TOML file, or the name of a preset")
    add_options(parser, out="runs/NAME")
    parser.set_defaults(call=call)


def add_options(parser: argparse.ArgumentParser, *, out: str) -> None:
    """Adds what `run` and `demo` share."""
    parser.add_argument("--out", type=Path, metavar="DIR", help=f"where results go ({out})")
    parser.add_argument("--jobs", type=int, metavar="J", help="runs at a time (as many as the cores have threads for)")
    parser.add_argument(
        "--threads",
        type=int,
        metavar="T",
        help="threads of each run (1, or what the folder's runs have); other threads give other picks",
    )
    parser.add_argument("--data-root", type=Path, metavar="DIR", help="where datasets are (data)")
    parser.add_argument("--download", action="store_true", help="fetch a named dataset that is not on this machine yet")
    parser.add_argument(
        "--skip-unreadable", action="store_true", help="leave out pictures that cannot be read; list them"
    )
    parser.add_argument(
        "--trust-estimator",
        action="store_true",
        help="import and call the learner's estimator though it is not scikit-learn's: it runs its code",
    )
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1, … (a GPU if there is one)")


def call(arguments: argparse.Namespace) -> int:
    """Runs the experiment, or lists the presets."""
    from askew.cli.extras import need

    need("running an experiment", *NEEDS)
    from askew.experiment.config import presets, read

    if arguments.experiment is None:
        for name, what in presets().items():
            print(f"{name:<24}  {what}")
        return 0
    config = read(arguments.experiment)
    return experiment(config, arguments, arguments.out or Path("runs") / config.name)


def experiment(config: Any, arguments: argparse.Namespace, out: Path) -> int:
    """Runs a checked experiment in the folder `out`, to its report; returns 1 if a run failed."""
    from askew.cli.screen import Screen
    from askew.errors import InputError
    from askew.experiment import grid
    from askew.experiment.tasks import load_dataset
    from askew.experiment.workers import run_all
    from askew.files import n_cores
    from askew.report.build import build

    for name, value in (("--jobs", arguments.jobs), ("--threads", arguments.threads)):
        if value is not None and value < 1:
            raise InputError(f"{name}: expected at least 1, got {value}")
    dataset = load_dataset(
        config.data, root=arguments.data_root, download=arguments.download, skip_unreadable=arguments.skip_unreadable
    )
    for path in dataset.unreadable:
        print(f"askew: left out, cannot be read: {path}", file=sys.stderr)
    trust = arguments.trust_estimator
    grid.check(config, dataset, arguments.device, trust=trust)
    with grid.prepared(config, dataset, out, threads=arguments.threads) as threads:
        place = grid.Place(
            out, arguments.data_root, arguments.skip_unreadable, arguments.device, threads=threads, trust=trust
        )
        jobs = arguments.jobs or max(1, n_cores() // threads)
        with Screen(config, grid.jobs_of(config), out) as screen:
            failed = run_all(config, place, jobs=jobs, watch=screen.watch, done=screen.done)
        grid.save_thumbnails(config, dataset, out)
        n_seeds = len(config.protocol.seeds)
        for line in grid.summary(config, out):
            some = "" if line.n_seeds == n_seeds else f"   ({line.n_seeds} of {n_seeds} seeds)"
            print(f"{line.label:<28} {line.n_labeled:>6} labels   accuracy {100 * line.accuracy:5.1f}%{some}")
        for job in failed:
            print(f"askew: {grid.failure(out, job)}", file=sys.stderr)
        print(f"report: {build(out)}")
    return 1 if failed else 0
